import { describe, expect, test } from "vitest";
import { Pairs } from "./pairs.ts";

describe("pairs", () => {
  test("are two different wallets, all of them as often as another", () => {
    const pairs = new Pairs(10, "uniform", 1);
    const debits = new Array<number>(10).fill(0);
    const credits = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i += 1) {
      pairs.next();
      expect(pairs.from).not.toBe(pairs.to);
      expect(pairs.amountMinor).toBeGreaterThanOrEqual(100);
      expect(pairs.amountMinor).toBeLessThanOrEqual(999);
      debits[pairs.from] += 1;
      credits[pairs.to] += 1;
    }
    for (const count of [...debits, ...credits]) {
      expect(count).toBeGreaterThan(1_700);
      expect(count).toBeLessThan(2_300);
    }
  });

  test("have the hot wallet on one side of each, debited and credited in turn", () => {
    const pairs = new Pairs(10, "hot", 1);
    let debited = 0;
    for (let i = 0; i < 1_000; i += 1) {
      pairs.next();
      expect(pairs.from === 0).not.toBe(pairs.to === 0);
      if (pairs.from === 0) debited += 1;
    }
    expect(debited).toBe(500);
  });

  test("repeat with the seed", () => {
    const draw = (seed: number): number[] => {
      const pairs = new Pairs(1_000, "uniform", seed);
      return Array.from({ length: 20 }, () => {
        pairs.next();
        return pairs.from * 1_000 + pairs.to;
      });
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});
