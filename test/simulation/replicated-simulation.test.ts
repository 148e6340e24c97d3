/**
 * The ledger on several nodes, with a log between them, in a simulated world in which everything that can fail does.
 *
 * MIZAN_SIMULATION_SEEDS=5000 tries more seeds; `npm run simulate -- --replicated --seed N` replays one with its whole trace.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { simulateReplicated } from "./replicated-simulation.ts";
import { reportOf } from "./report.ts";
import { removeScratch } from "./scratch.ts";

const SEEDS = Number(process.env.MIZAN_SIMULATION_SEEDS ?? 60);
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

afterAll(removeScratch);

describe("in a simulated world of takeovers, lost answers and nodes that come back", () => {
  test(`every rule holds from ${SEEDS} seeds`, { timeout: 60_000 + SEEDS * 2_000 }, () => {
    let crashes = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result = simulateReplicated(seed);
      expect(reportOf(result, " --replicated")).toBeUndefined();
      crashes += result.crashes;
    }
    expect(crashes).toBeGreaterThan(SEEDS);
  });

  test("the same seed does the same, step by step, also in another process", { timeout: 60_000 }, () => {
    const { hash } = simulateReplicated(7);
    expect(simulateReplicated(7).hash).toBe(hash);
    const other = spawnSync(process.execPath, [MAIN, "--replicated", "--seed", "7"], { encoding: "utf8" });
    expect(other.stdout).toContain(hash);
    expect(simulateReplicated(8).hash).not.toBe(hash);
  });
});
