import { expect, test } from "vitest";
import type { Interval, LoadResult } from "../load/result.ts";
import { compareResults, formatComparison } from "./compare-results.ts";
import { readProfile } from "./profile.ts";

function intervalOf(at: number, p99Ms: number): Interval {
  const latency = {
    p50Ms: p99Ms / 4,
    p90Ms: p99Ms / 2,
    p99Ms,
    p999Ms: 2 * p99Ms,
    p9999Ms: 2 * p99Ms,
    maxMs: 2 * p99Ms,
  };
  return {
    atSeconds: at,
    seconds: 1,
    stage: "steady",
    measured: true,
    scheduledPerSecond: 1_000,
    acceptedPerSecond: 1_000,
    errorsPerSecond: 0,
    latency,
    sendLagP99Ms: 0.1,
    connections: 8,
    server: null,
  };
}

/** A result whose intervals have these 99th percentiles. */
function resultOf(p99sMs: readonly number[], changes: Partial<LoadResult> = {}): LoadResult {
  const intervals = p99sMs.map((p99Ms, at) => intervalOf(at, p99Ms));
  return {
    format: "mizan.load.v1",
    verdict: "passed",
    startedAt: "2026-11-21T00:00:00.000Z",
    profile: readProfile("smoke"),
    environment: {
      commit: "unknown",
      node: "v22",
      cpu: "one",
      memoryBytes: 1,
      loadAverage: 0,
      url: "http://127.0.0.1:1",
      isOwnLedger: true,
      shards: 1,
    },
    totals: {
      seconds: p99sMs.length,
      scheduled: 1,
      accepted: 1,
      rejected: 0,
      unanswered: 0,
      scheduledPerSecond: 1_000,
      acceptedPerSecond: 1_000,
    },
    latency: intervals[0].latency,
    curve: [],
    histogram: "",
    commands: [],
    errors: [],
    intervals,
    generator: { processes: 1, coresMax: 0.1, sendLagP99Ms: 0.1, isBottleneck: false },
    streams: { witnesses: 0, dashboardsSeen: 0, deltas: 0, conflated: 0 },
    books: { agree: true, checks: [] },
    thresholds: [],
    suite: [],
    warnings: [],
    ...changes,
  };
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
