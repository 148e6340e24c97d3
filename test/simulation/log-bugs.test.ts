/** The simulation of a replicated ledger finds every planted bug, and says how many seeds that took. */

import { afterAll, describe, expect, test } from "vitest";
import { LOG_BUGS } from "./log-bugs.ts";
import { simulateReplicated } from "./replicated-simulation.ts";
import { RULES } from "./rules.ts";
import { removeScratch } from "./scratch.ts";

const SEEDS_MAX = 400;
const found: string[] = [];

afterAll(() => {
  removeScratch();
  console.info(`planted bugs, the seeds until each was found, and the rule it violated:\n${found.join("\n")}`);
});

describe("the simulation of a replicated ledger finds that", () => {
  test.each(Object.entries(LOG_BUGS))("%s", { timeout: 240_000 }, (name, plant) => {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const { violation, steps } = simulateReplicated(seed, plant());
      if (violation === undefined) continue;
      found.push(
        `${name.padEnd(82)} ${String(seed).padStart(3)} seeds, step ${String(steps).padStart(3)}: ${RULES[violation.rule]}`,
      );
      return;
    }
    expect.unreachable(`not found from ${SEEDS_MAX} seeds`);
  });
});
