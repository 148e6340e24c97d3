import { expect, test } from "vitest";
import { LimitedLines } from "./limited-lines.ts";

test("ten lines a second pass, and the next one says how many did not", () => {
  const written: unknown[] = [];
  const lines = new LimitedLines((fields) => written.push(fields));
  for (let index = 0; index < 25; index += 1) lines.add({ index }, 5_000);
  lines.add({ index: 25 }, 6_000);
  lines.add({ index: 26 }, 6_001);
  expect(written).toHaveLength(12);
  expect(written.slice(-3)).toEqual([{ index: 9 }, { index: 25, leftOut: 15 }, { index: 26 }]);
});
