import { describe, expect, test } from "vitest";
import { linearScale, logScale, percentileScale, timeScale } from "./scale.ts";
import { BYTES, COUNT, MILLISECONDS, PERCENT, perSecond } from "./units.ts";

const labels = ({ ticks }: { readonly ticks: readonly { readonly label: string }[] }): string[] =>
  ticks.map(({ label }) => label);

describe("axes", () => {
  test.each([
    [7, COUNT, ["0", "2", "4", "6", "8"]],
    [10_000, perSecond(COUNT), ["0", "5 k/s", "10 k/s"]],
    [400 * 1_024 ** 2, BYTES, ["0", "100 MiB", "200 MiB", "300 MiB", "400 MiB"]],
    [0.3, MILLISECONDS, ["0", "100 µs", "200 µs", "300 µs"]],
    [1, PERCENT, ["0", "50 %", "100 %"]],
    [0, COUNT, ["0"]],
  ])("a linear one reaches %d in round steps", (largest, unit, expected) => {
    const scale = linearScale(largest, unit);
    expect(labels(scale)).toEqual(expected);
    expect(scale.share(0)).toBe(0);
    expect(scale.share(largest)).toBeLessThanOrEqual(1);
    expect(scale.share(largest * 100)).toBe(largest === 0 ? 0 : 1);
  });

  test("a logarithmic one names tens, and on a short stretch the steps between them", () => {
    expect(labels(logScale(0.3, 400, MILLISECONDS))).toEqual(["1 ms", "10 ms", "100 ms"]);
    expect(labels(logScale(3, 8, MILLISECONDS))).toEqual(["2 ms", "5 ms", "10 ms"]);
    const scale = logScale(1, 100, MILLISECONDS);
    expect([0, 1, 10, 100, 1_000].map((ms) => scale.share(ms))).toEqual([0, 0, 0.5, 1, 1]);
    expect(labels(logScale(5, 5, MILLISECONDS)).length).toBeGreaterThan(1);
  });

  test("every nine of a percentile takes as much room as the one before it", () => {
    const scale = percentileScale(10_000);
    expect(labels(scale)).toEqual(["0 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
    for (const [percentile, share] of [
      [0, 0],
      [90, 0.25],
      [99, 0.5],
      [99.9, 0.75],
      [100, 1],
    ]) {
      expect(scale.share(percentile)).toBeCloseTo(share, 9);
    }
    expect(percentileScale(0).share(100)).toBe(1);
  });

  test.each([
    [14, "2 s"],
    [61, "10 s"],
    [600, "2:00 min"],
    [14_400, "0:30 h"],
  ])("a time of %d seconds has few ticks", (seconds, second) => {
    const ticks = labels(timeScale(seconds));
    expect(ticks[1]).toBe(second);
    expect(ticks.length).toBeLessThanOrEqual(9);
  });
});
