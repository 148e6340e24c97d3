/**
 * Payments, merchants, medical cards and their sagas in a simulated world in which everything that can fail does, from many seeds.
 *
 * `npm run simulate -- --actors --seed N` replays one with its whole trace.
 */

import { afterAll, describe, expect, test } from "vitest";
import { reportOf } from "../report.ts";
import { removeScratch } from "../scratch.ts";
import { simulateActors } from "./actor-simulation.ts";

const SEEDS = Number(process.env.MIZAN_SIMULATION_SEEDS ?? 60);

afterAll(removeScratch);

describe("in a simulated world of crashes, late messages and frozen wallets", () => {
  test(`actors, holds and money agree from ${SEEDS} seeds`, { timeout: 60_000 + SEEDS * 2_000 }, () => {
    let crashes = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result = simulateActors(seed);
      expect(reportOf(result, " --actors")).toBeUndefined();
      crashes += result.crashes;
    }
    expect(crashes).toBeGreaterThan(SEEDS);
  });

  test("the same seed does the same, step by step", () => {
    expect(simulateActors(3).hash).toBe(simulateActors(3).hash);
    expect(simulateActors(3).hash).not.toBe(simulateActors(4).hash);
  });
});
