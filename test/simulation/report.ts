import { RULES } from "./rules.ts";
import type { SimulationResult } from "./simulation.ts";

/** What people need to know of a simulation that violated a rule; undefined where none was. */
export function reportOf({ seed, steps, violation, lastLines }: SimulationResult): string | undefined {
  if (violation === undefined) return undefined;
  return [
    ...lastLines,
    "",
    `seed ${seed}, step ${steps}: it does not hold that ${RULES[violation.rule]}`,
    `again, with the whole trace: npm run simulate -- --seed ${seed}`,
  ].join("\n");
}
