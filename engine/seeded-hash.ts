import { getRandomValues } from "node:crypto";

/**
 * Seed of the tables in memory. It differs from run to run, so that nobody can choose ids that collide; it is never
 * part of the data, and no result depends on it.
 */
const SEED = getRandomValues(new Uint32Array(1))[0];

/** Hash of a 128-bit id for a table in memory. **Source**: the finaliser of MurmurHash3, folded over the four lanes. */
export function seededHash(lanes: Uint32Array, at: number): number {
  let h = Math.imul(lanes[at] ^ SEED, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ lanes[at + 1], 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13) ^ lanes[at + 2], 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ lanes[at + 3], 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
