import { RULES } from "./rules.ts";
import type { SimulationResult } from "./run-to-end.ts";

/** What people need to know of a simulation that violated a rule, and with which option it runs again; undefined where none was. */
export function reportOf(
  { seed, steps, violation, lastLines }: SimulationResult,
  option: "" | " --replicated" | " --actors" = "",
): string | undefined {
  if (violation === undefined) return undefined;
  return [
    ...lastLines,
    "",
    `seed ${seed}, step ${steps}: it does not hold that ${RULES[violation.rule]}`,
    `again, with the whole trace: npm run simulate --${option} --seed ${seed}`,
  ].join("\n");
}
