const BLOCK_LANES = 8;
const BITS_PER_ID = 16;

/** Lanes of a filter for a number of ids: two bytes for each of them. */
export function filterLanes(ids: number): number {
  return BLOCK_LANES * Math.max(1, Math.ceil((ids * BITS_PER_ID) / (BLOCK_LANES * 32)));
}

/**
 * Tells of most ids that a sealed bucket does not hold them, without asking the disk.
 *
 * An id sets one bit in each of the eight lanes of one block, so that asking touches one line of memory. Of ids that are
 * not there about one in a thousand passes.
 *
 * **Source**: the split block Bloom filter of Apache Parquet.
 */
export class IdFilter {
  readonly lanes: Uint32Array;
  readonly #blocks: number;

  constructor(lanes: Uint32Array) {
    this.lanes = lanes;
    this.#blocks = lanes.length / BLOCK_LANES;
  }

  /** Adds an id by two hashes that do not follow from each other. */
  add(first: number, second: number): void {
    const { lanes } = this;
    const at = this.#block(first);
    lanes[at] |= 1 << (Math.imul(second, 0x47b6137b) >>> 27);
    lanes[at + 1] |= 1 << (Math.imul(second, 0x44974d91) >>> 27);
    lanes[at + 2] |= 1 << (Math.imul(second, 0x8824ad5b) >>> 27);
    lanes[at + 3] |= 1 << (Math.imul(second, 0xa2b7289d) >>> 27);
    lanes[at + 4] |= 1 << (Math.imul(second, 0x705495c7) >>> 27);
    lanes[at + 5] |= 1 << (Math.imul(second, 0x2df1424b) >>> 27);
    lanes[at + 6] |= 1 << (Math.imul(second, 0x9efc4947) >>> 27);
    lanes[at + 7] |= 1 << (Math.imul(second, 0x5c6bfb31) >>> 27);
  }

  /** Whether an id may have been added; false is certain. */
  mayHold(first: number, second: number): boolean {
    const { lanes } = this;
    const at = this.#block(first);
    return (
      (lanes[at] & (1 << (Math.imul(second, 0x47b6137b) >>> 27))) !== 0 &&
      (lanes[at + 1] & (1 << (Math.imul(second, 0x44974d91) >>> 27))) !== 0 &&
      (lanes[at + 2] & (1 << (Math.imul(second, 0x8824ad5b) >>> 27))) !== 0 &&
      (lanes[at + 3] & (1 << (Math.imul(second, 0xa2b7289d) >>> 27))) !== 0 &&
      (lanes[at + 4] & (1 << (Math.imul(second, 0x705495c7) >>> 27))) !== 0 &&
      (lanes[at + 5] & (1 << (Math.imul(second, 0x2df1424b) >>> 27))) !== 0 &&
      (lanes[at + 6] & (1 << (Math.imul(second, 0x9efc4947) >>> 27))) !== 0 &&
      (lanes[at + 7] & (1 << (Math.imul(second, 0x5c6bfb31) >>> 27))) !== 0
    );
  }

  #block(first: number): number {
    return Math.floor((first * this.#blocks) / 4_294_967_296) * BLOCK_LANES;
  }
}
