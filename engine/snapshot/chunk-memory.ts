/** Gives memory for a chunk of so many bytes, all zeros; it begins at a multiple of 8. */
export type TakeMemory = (bytes: number) => Uint8Array;

/** Memory that belongs to the chunk alone. */
export const ownMemory: TakeMemory = (bytes) => new Uint8Array(bytes);

/** Longer chunks, of very large objects, get memory of their own. */
const SLOT_BYTES = 1_048_576;

/**
 * Shared memory in which chunks travel from a shard to those who compress them, used again and again: memory that is
 * new for each chunk would have to be found, cleared and collected while the shard's commands wait.
 */
export class ChunkMemory {
  readonly #slots: Uint8Array[];

  /** `slots` is how many chunks there may be at a time. */
  constructor(slots: number) {
    const memory = new SharedArrayBuffer(slots * SLOT_BYTES);
    this.#slots = Array.from({ length: slots }, (_, slot) => new Uint8Array(memory, slot * SLOT_BYTES, SLOT_BYTES));
  }

  /** Memory for a chunk, by its number; whoever takes it knows that the chunk so many slots before it is done. */
  take(number: number, bytes: number): Uint8Array {
    if (bytes > SLOT_BYTES) return new Uint8Array(new SharedArrayBuffer(bytes));
    return this.#slots[number % this.#slots.length].subarray(0, bytes).fill(0);
  }
}
