import { describe, expect, test } from "vitest";
import { followedWallet, rateWithin } from "./subscription.ts";

test("every wallet has as many readers as another, and no reader has one twice", () => {
  const readers = new Array<number>(1_000).fill(0);
  for (let connection = 0; connection < 1_000; connection += 1) {
    const wallets = Array.from({ length: 10 }, (_, nth) => followedWallet(connection, nth, 10, 1_000));
    expect(new Set(wallets).size).toBe(10);
    for (const wallet of wallets) readers[wallet] += 1;
  }
  expect(new Set(readers)).toEqual(new Set([10]));
});

describe("rate within a window", () => {
  const samples = [0, 100, 200, 300, 400].map((atMs) => ({ atMs, deltas: atMs * 5, cpuMs: atMs / 2 }));

  test("counts between the samples inside it", () => {
    expect(rateWithin(samples, { fromMs: 90, toMs: 310 })).toEqual({ deltasPerSecond: 5_000, cores: 0.5 });
  });

  test("refuses a window that no two samples lie in", () => {
    expect(() => rateWithin(samples, { fromMs: 90, toMs: 150 })).toThrow(/no samples/);
  });
});
