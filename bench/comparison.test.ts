import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Comparison, compare, median, type Verdict, verdictOf } from "./comparison.ts";

describe("comparison of rounds", () => {
  test("a machine that is slow for a while is slow for both", () => {
    const there = [100, 50, 200, 10, 90, 300];
    expect(compare({ here: there.map((rate) => rate * 2), there })).toEqual({ ratio: 2, interval: [2, 2] });
  });

  // From tables of the sign test: the ranks of the interval of a median at 95 %, one based.
  test.each([
    [5, null],
    [6, [1, 6]],
    [8, [1, 8]],
    [9, [2, 8]],
    [12, [3, 10]],
    [15, [4, 12]],
    [20, [6, 15]],
  ])("of %i rounds the interval goes from rank to rank %j", (rounds, interval) => {
    const here = Array.from({ length: rounds }, (_, round) => rounds - round);
    expect(compare({ here, there: here.map(() => 1) }).interval).toEqual(interval);
  });

  test.each<[Comparison["interval"], boolean, Verdict]>([
    [[0.9, 1.1], true, "no difference seen"],
    [[1, 1.2], true, "no difference seen"],
    [[1.01, 1.2], true, "better"],
    [[1.01, 1.2], false, "worse"],
    [[0.8, 0.99], true, "worse"],
    [[0.8, 0.99], false, "better"],
    [null, true, "too few rounds"],
  ])("of the interval %j, more being better: %s, the verdict is %s", (interval, isMoreBetter, verdict) => {
    expect(verdictOf({ ratio: 1, interval }, isMoreBetter)).toBe(verdict);
  });

  test("versions that do not differ are told apart in at most one of twenty comparisons", () => {
    const noise = fc.sample(fc.double({ min: 0.5, max: 1.5, noNaN: true }), { seed: 7, numRuns: 24_000 });
    let differ = 0;
    for (let at = 0; at < noise.length; at += 12) {
      const here = noise.slice(at, at + 6);
      const there = noise.slice(at + 6, at + 12);
      differ += Number(verdictOf(compare({ here, there }), true) !== "no difference seen");
    }
    expect(differ / (noise.length / 12)).toBeLessThan(0.05);
  });

  test("the median is the middle value, or the mean of two", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});
