import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LatencyHistogram } from "./histogram.ts";

function exactPercentile(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(rank * sorted.length)) - 1];
}

describe("latency histogram", () => {
  test("reports every percentile within one per cent above the exact one, never below", () => {
    const micros = fc.oneof(fc.nat(300), fc.nat(100_000), fc.nat(2 ** 31 - 2));
    fc.assert(
      fc.property(
        fc.array(micros, { minLength: 1, maxLength: 400 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, rank) => {
          const histogram = new LatencyHistogram();
          for (const value of values) histogram.record(value / 1_000);
          const exact = exactPercentile(values, rank);
          const reported = histogram.percentileMs(rank) * 1_000;
          // Recording truncates to whole microseconds, and value / 1000 * 1000 may fall just below the whole number.
          expect(reported).toBeGreaterThanOrEqual(exact - 1.001);
          expect(reported).toBeLessThanOrEqual(exact * (1 + 1 / 128) + 1e-6);
        },
      ),
    );
  });

  test("is exact below 256 microseconds", () => {
    const histogram = new LatencyHistogram();
    for (let micros = 0; micros < 200; micros += 1) histogram.record(micros / 1_000 + 0.0001);
    expect(histogram.percentiles()).toEqual({ p50Ms: 0.099, p99Ms: 0.197, p999Ms: 0.199 });
  });

  test("counts what is too long in the last bucket, and a negative latency as zero", () => {
    const histogram = new LatencyHistogram();
    histogram.record(-0.5);
    histogram.record(Number.POSITIVE_INFINITY);
    expect(histogram.total).toBe(2);
    expect(histogram.percentileMs(0.5)).toBe(0);
    expect(histogram.percentileMs(1)).toBeGreaterThan(30 * 60 * 1_000);
  });

  test("has no percentiles while empty", () => {
    expect(new LatencyHistogram().percentileMs(0.5)).toBeNaN();
  });
});
