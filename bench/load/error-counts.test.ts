import { expect, test } from "vitest";
import { ErrorCounts } from "./error-counts.ts";
import { ERROR_CODES_MAX } from "./result.ts";

test("a server that answers ever new codes does not fill the memory", () => {
  const errors = new ErrorCounts();
  errors.add("insufficient_funds", 5);
  for (let nth = 0; nth < 1_000; nth += 1) errors.add(`code_${nth}`, 1);
  errors.add("insufficient_funds", 2);
  errors.add("x".repeat(10_000), 1);
  const counts = errors.counts();
  expect(counts).toHaveLength(ERROR_CODES_MAX);
  expect(counts[0]).toEqual({ code: "other", count: 1_000 - (ERROR_CODES_MAX - 2) + 1 });
  expect(counts[1]).toEqual({ code: "insufficient_funds", count: 7 });
});

test("counts of several generators add up, most frequent first", () => {
  const errors = new ErrorCounts();
  errors.addAll([{ code: "a", count: 1 }]);
  errors.addAll([
    { code: "b", count: 3 },
    { code: "a", count: 1 },
  ]);
  expect(errors.counts()).toEqual([
    { code: "b", count: 3 },
    { code: "a", count: 2 },
  ]);
  errors.clear();
  expect(errors.counts()).toEqual([]);
});
