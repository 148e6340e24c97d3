import { expect, test } from "vitest";
import { intervalOf, percentilesOf, resultOf as resultOfIntervals } from "../../test/load-results.ts";
import type { LoadResult } from "../load/result.ts";
import { compareResults, formatComparison } from "./compare-results.ts";
import { readProfile } from "./profile.ts";

/** A result whose intervals have these 99th percentiles. */
function resultOf(p99sMs: readonly number[], changes: Partial<LoadResult> = {}): LoadResult {
  return resultOfIntervals(
    p99sMs.map((p99Ms, at) => intervalOf(at, { latency: percentilesOf(p99Ms) })),
    changes,
  );
}

/** Sixty intervals around a value, in an order without a pattern. */
function noisy(p99Ms: number): number[] {
  return Array.from({ length: 60 }, (_, at) => p99Ms * (1 + (((at * 37) % 60) - 30) / 100));
}

function verdicts(a: LoadResult[], b: LoadResult[]): Record<string, string> {
  return Object.fromEntries(compareResults(a, b).differences.map(({ name, verdict }) => [name, verdict]));
}

test("what is slower throughout is worse, the other way round better", () => {
  expect(verdicts([resultOf(noisy(10))], [resultOf(noisy(20))]).p99).toBe("worse");
  expect(verdicts([resultOf(noisy(20))], [resultOf(noisy(10))]).p99).toBe("better");
});

test("noise alone is no difference", () => {
  const other = [...noisy(10).slice(31), ...noisy(10).slice(0, 31)];
  expect(verdicts([resultOf(noisy(10))], [resultOf(other)]).p99).toBe("no difference seen");
  expect(verdicts([resultOf(noisy(10))], [resultOf(noisy(10))]).accepted).toBe("no difference seen");
});

test("too little to tell is said to be so", () => {
  const few = verdicts([resultOf([10, 11, 9])], [resultOf([30, 31, 29])]);
  expect(few.p99).toBe("too few rounds");
  expect(few["server CPU"]).toBe("not measured");
});

test("several runs in turns are compared as wholes", () => {
  const runs = (p99Ms: number): LoadResult[] => Array.from({ length: 6 }, (_, at) => resultOf([p99Ms + at / 10]));
  const comparison = compareResults(runs(10), runs(12));
  expect(comparison.basis).toBe("runs in turns");
  expect(verdicts(runs(10), runs(12)).p99).toBe("worse");
});

test("runs that cannot be compared are said to be so", () => {
  const other = resultOf(noisy(10), {
    profile: readProfile("spike"),
    books: { agree: false, checks: [] },
    generator: { processes: 1, coresMax: 1, sendLagP99Ms: 5, isBottleneck: true },
  });
  const text = formatComparison(compareResults([resultOf(noisy(10))], [other]));
  expect(text).toMatch(/different loads/);
  expect(text).toMatch(/books of at least one run/);
  expect(text).toMatch(/generator was the bottleneck/);
});
