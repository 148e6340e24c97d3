import fc from "fast-check";
import { expect, test } from "vitest";
import { Latencies } from "./latencies.ts";

test("percentiles are within a thousandth of the values recorded, also after a trip between processes", () => {
  const latency = fc.double({ min: 0.001, max: 60_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 200 }), (values) => {
      const recorded = new Latencies();
      for (const value of values) recorded.record(value);
      const merged = new Latencies();
      merged.add(recorded.encode());
      expect(merged.count).toBe(values.length);
      const sorted = [...values].sort((a, b) => a - b);
      for (const percentile of [50, 99, 100]) {
        const expected = sorted[Math.max(0, Math.ceil((percentile / 100) * values.length) - 1)];
        expect(Math.abs(merged.atMs(percentile) - expected)).toBeLessThanOrEqual(0.001 + expected * 0.001);
      }
    }),
    { numRuns: 100 },
  );
});

test("the curve rises to the longest latency, and has no points that only noise could tell apart", () => {
  const latencies = new Latencies();
  for (let micros = 1; micros <= 10_000; micros += 1) latencies.record(micros / 1_000);
  const curve = latencies.curve();
  for (let at = 1; at < curve.length; at += 1) {
    expect(curve[at].percentile).toBeGreaterThan(curve[at - 1].percentile);
    expect(curve[at].ms).toBeGreaterThanOrEqual(curve[at - 1].ms);
  }
  expect(curve.at(-1)).toEqual({ percentile: 100, ms: latencies.percentiles()?.maxMs });
  expect(new Latencies().curve()).toEqual([]);
});
