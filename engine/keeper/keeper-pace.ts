import { setImmediate, setTimeout } from "node:timers/promises";
import type { Rest } from "../../snapshots/rest.ts";

/**
 * How much of its time the keeper works. A lower priority alone does not keep it out of the shards' way: whoever holds a
 * core keeps it for some milliseconds, whatever wakes meanwhile.
 */
const SHARE = 0.2;
const REST_MS_MAX = 50;

/** Journal that the keeper may be behind before it, and the shard that copies for it, no longer take their time. */
export function hasteLagBytes(lagBytesMax: number): number {
  return lagBytesMax / 4;
}

/** Rests after each piece of work for four times as long as it took, unless there is haste. */
export function keeperPace(isInHaste: () => boolean): Rest {
  let sinceMs = performance.now();
  return async () => {
    const restMs = (performance.now() - sinceMs) * (1 / SHARE - 1);
    if (isInHaste()) await setImmediate();
    else await setTimeout(Math.min(REST_MS_MAX, restMs));
    sinceMs = performance.now();
  };
}
