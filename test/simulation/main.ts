/**
 * Runs simulations from the command line: `--seeds N` one after the other from `--from`, or `--seed N` with its whole trace;
 * with `--replicated` those of a ledger on several nodes, with `--actors` those of payments, merchants, medical cards and their sagas.
 */

import { parseArgs } from "node:util";
import { simulateActors } from "./actors/actor-simulation.ts";
import { simulateReplicated } from "./replicated-simulation.ts";
import { reportOf } from "./report.ts";
import { simulate } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "500" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    replicated: { type: "boolean", default: false },
    actors: { type: "boolean", default: false },
  },
});

const ways = { "": simulate, " --replicated": simulateReplicated, " --actors": simulateActors } as const;
const way = values.actors ? " --actors" : values.replicated ? " --replicated" : "";
const run = ways[way];
if (values.seed !== undefined) {
  const result = run(Number(values.seed), {}, (line) => console.log(line));
  console.log(`${result.steps} steps, ${result.crashes} crashes, trace ${result.hash}`);
  if (result.violation !== undefined) process.exitCode = 1;
} else {
  const startedMs = performance.now();
  const first = Number(values.from);
  let crashes = 0;
  let steps = 0;
  for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
    const result = run(seed);
    crashes += result.crashes;
    steps += result.steps;
    const report = reportOf(result, way);
    if (report !== undefined) {
      console.error(report);
      process.exitCode = 1;
      break;
    }
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(`${values.seeds} seeds, ${steps} steps, ${crashes} crashes in ${seconds} s`);
}
