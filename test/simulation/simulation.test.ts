/**
 * The ledger in a simulated world in which everything that can fail does, from many seeds.
 *
 * MIZAN_SIMULATION_SEEDS=5000 tries more of them; `npm run simulate -- --seed N` replays one with its whole trace.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { reportOf } from "./report.ts";
import { removeScratch } from "./scratch.ts";
import { simulate } from "./simulation.ts";

const SEEDS = Number(process.env.MIZAN_SIMULATION_SEEDS ?? 200);
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

afterAll(removeScratch);

describe("in a simulated world of crashes, bad disks and strange messages", () => {
  test(`every rule holds from ${SEEDS} seeds`, { timeout: 60_000 + SEEDS * 1_000 }, () => {
    let crashes = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result = simulate(seed);
      expect(reportOf(result)).toBeUndefined();
      crashes += result.crashes;
    }
    expect(crashes).toBeGreaterThan(SEEDS);
  });

  test("the same seed does the same, step by step, also in another process", () => {
    for (const seed of [3, 4]) {
      const { hash } = simulate(seed);
      expect(simulate(seed).hash).toBe(hash);
      const other = spawnSync(process.execPath, [MAIN, "--seed", String(seed)], { encoding: "utf8" });
      expect(other.stdout).toContain(hash);
    }
    expect(simulate(3).hash).not.toBe(simulate(4).hash);
  });
});
