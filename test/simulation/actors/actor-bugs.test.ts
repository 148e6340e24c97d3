/** The simulation of actors finds every bug planted for it, and says how many seeds that took. */

import { afterAll, describe, expect, test } from "vitest";
import { RULES } from "../rules.ts";
import { removeScratch } from "../scratch.ts";
import { ACTOR_BUGS } from "./actor-bugs.ts";
import { simulateActors } from "./actor-simulation.ts";

const SEEDS_MAX = 100;
const found: string[] = [];

afterAll(() => {
  removeScratch();
  console.info(`planted bugs, the seeds until each was found, and the rule it violated:\n${found.join("\n")}`);
});

describe("the simulation of actors finds that", () => {
  test.each(Object.entries(ACTOR_BUGS))("%s", { timeout: 300_000 }, (name, plant) => {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const { violation, steps } = simulateActors(seed, plant());
      if (violation === undefined) continue;
      found.push(`${name.padEnd(82)} ${String(seed).padStart(3)} seeds, step ${steps}: ${RULES[violation.rule]}`);
      return;
    }
    expect.unreachable(`not found from ${SEEDS_MAX} seeds`);
  });
});
