/**
 * Hash of an id inside one sealed bucket, which orders its rows. The seed stands in the bucket's header and differs from
 * bucket to bucket, so that nobody can choose ids that crowd on one page.
 *
 * **Source**: the finaliser of MurmurHash3, folded over the four lanes.
 */
export function bucketHash(lanes: Uint32Array, at: number, seed: number): number {
  let h = Math.imul(lanes[at] ^ seed, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ lanes[at + 1], 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13) ^ lanes[at + 2], 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ lanes[at + 3], 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A second hash, for the filter, that does not follow from the first. */
export function filterHash(lanes: Uint32Array, at: number, seed: number): number {
  return bucketHash(lanes, at, seed ^ 0x9e3779b9);
}
