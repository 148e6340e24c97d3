import type { Run } from "./run.ts";

/** Measures rows together that say something only beside each other; each row of a run then takes its own result. */
export function measuredTogether<T>(measure: (run: Run) => Promise<T>): (run: Run) => Promise<T> {
  const results = new WeakMap<Run, Promise<T>>();
  return (run) => {
    const known = results.get(run);
    if (known !== undefined) return known;
    const result = measure(run);
    results.set(run, result);
    return result;
  };
}
