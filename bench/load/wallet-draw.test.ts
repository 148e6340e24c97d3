import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Profile } from "../profiles/profile.ts";
import { WalletDraw } from "./wallet-draw.ts";

const DRAWS = 20_000;
const SHARDS = Uint8Array.from({ length: 1_000 }, (_, wallet) => wallet % 4);

type Pick = Profile["wallets"]["pick"];

function drawAll(pick: Pick, crossShardShare?: number, count = 1_000): { from: number; to: number }[] {
  const wallets = crossShardShare === undefined ? { count, pick } : { count, pick, crossShardShare };
  const draw = new WalletDraw(wallets, SHARDS, 42);
  return Array.from({ length: DRAWS }, () => {
    draw.next();
    return { from: draw.from, to: draw.to };
  });
}

describe("wallet draw", () => {
  test("never moves money from a wallet to itself, nor outside the wallets there are", () => {
    const picks: Pick[] = [{ kind: "uniform" }, { kind: "zipf", exponent: 2.5 }, { kind: "merchant", share: 0.9 }];
    fc.assert(
      fc.property(fc.constantFrom(...picks), fc.integer({ min: 2, max: 20 }), fc.integer(), (pick, count, seed) => {
        const draw = new WalletDraw({ count, pick, crossShardShare: 0.5 }, SHARDS, seed);
        for (let n = 0; n < 50; n += 1) {
          draw.next();
          expect(draw.from).not.toBe(draw.to);
          expect(Math.max(draw.from, draw.to)).toBeLessThan(count);
          expect(Math.min(draw.from, draw.to)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test("zipf: the first wallet is drawn about twice as often as the second", () => {
    const drawn = drawAll({ kind: "zipf", exponent: 1 }).map(({ to }) => to);
    const times = (wallet: number): number => drawn.filter((to) => to === wallet).length;
    expect(times(0) / times(1)).toBeGreaterThan(1.6);
    expect(times(0) / times(1)).toBeLessThan(2.5);
  });

  test("a merchant is paid its share", () => {
    const paid = drawAll({ kind: "merchant", share: 0.8 }).filter(({ to }) => to === 0).length / DRAWS;
    expect(paid).toBeGreaterThan(0.78);
    expect(paid).toBeLessThan(0.82);
  });

  test.each([0, 0.25, 1])("a share of %s of the movements crosses shards", (share) => {
    const crossed = drawAll({ kind: "uniform" }, share).filter(({ from, to }) => SHARDS[from] !== SHARDS[to]).length;
    expect(Math.abs(crossed / DRAWS - share)).toBeLessThan(0.02);
  });
});
