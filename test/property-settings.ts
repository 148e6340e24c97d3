import type fc from "fast-check";

/** How many random programs a property is tried with, and where it begins: what a failure printed, or anywhere. */
export function settings<Values>(numRuns: number): fc.Parameters<Values> {
  const { MIZAN_PROPERTY_SEED: seed, MIZAN_PROPERTY_PATH: path, MIZAN_PROPERTY_RUNS: factor } = process.env;
  return {
    numRuns: Math.ceil(numRuns * Number(factor ?? 1)),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  };
}
