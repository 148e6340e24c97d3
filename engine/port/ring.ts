/**
 * A single-producer, single-consumer ring of entries on shared memory.
 *
 * Entries lie contiguously and start at multiples of 64 bytes; where one does not fit before the end, a padding entry
 * fills the rest. The producer writes ahead of what it has published, so that a shard can prepare answers before its
 * frame is durable and release them all at once afterwards.
 *
 * **Shape**: `control` holds [published, released, entries published, entries released] as Int32, each modulo 2^32; the first two
 * count bytes.
 * Each entry begins with its length in bytes and its kind (0 = padding) as u32.
 */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

const PUBLISHED = 0;
const RELEASED = 1;
const ENTRIES_PUBLISHED = 2;
const ENTRIES_RELEASED = 3;
const ENTRY_ALIGNMENT = 64;
const PADDING_KIND = 0;

/** Makes the memory of a ring. **Units**: `capacityBytes` is a power of two from 4 KiB to 1 GiB. */
export function createRing(capacityBytes: number): RingMemory {
  if (capacityBytes < 4_096 || capacityBytes > 2 ** 30 || (capacityBytes & (capacityBytes - 1)) !== 0) {
    throw new Error(`ring capacity is not a power of two in range: ${capacityBytes}`);
  }
  return { control: new SharedArrayBuffer(64), data: new SharedArrayBuffer(capacityBytes) };
}

/** What waits in a ring: published and not released. */
export interface RingDepth {
  readonly bytes: number;
  readonly entries: number;
}

/** Looks from outside how much waits in a ring; its two ends may go on meanwhile. */
export function ringDepth({ control }: Pick<RingMemory, "control">): RingDepth {
  const lanes = new Int32Array(control);
  // What is released first is never more than what is published after.
  const [released, entriesReleased] = [Atomics.load(lanes, RELEASED), Atomics.load(lanes, ENTRIES_RELEASED)];
  return {
    bytes: (Atomics.load(lanes, PUBLISHED) - released) >>> 0,
    entries: (Atomics.load(lanes, ENTRIES_PUBLISHED) - entriesReleased) >>> 0,
  };
}

/** Room that an entry of a length takes in a ring. */
export function entryBytes(lengthBytes: number): number {
  return (lengthBytes + ENTRY_ALIGNMENT - 1) & -ENTRY_ALIGNMENT;
}

/** The producer's end. */
export class RingWriter {
  readonly lanes: Uint32Array;
  readonly floats: Float64Array;
  readonly bytes: Uint8Array;
  readonly capacityBytes: number;
  readonly #control: Int32Array;
  #tail: number;
  #entries: number;

  constructor(memory: RingMemory) {
    this.lanes = new Uint32Array(memory.data);
    this.floats = new Float64Array(memory.data);
    this.bytes = new Uint8Array(memory.data);
    this.capacityBytes = memory.data.byteLength;
    this.#control = new Int32Array(memory.control);
    this.#tail = Atomics.load(this.#control, PUBLISHED);
    this.#entries = Atomics.load(this.#control, ENTRIES_PUBLISHED);
  }

  /** Bytes that are neither published nor written ahead; an entry may need up to twice its length of them. */
  freeBytes(): number {
    return this.capacityBytes - ((this.#tail - Atomics.load(this.#control, RELEASED)) >>> 0);
  }

  /** Whether nothing has been written beyond what is published. */
  isPublished(): boolean {
    return this.#tail === Atomics.load(this.#control, PUBLISHED);
  }

  /**
   * Takes room for an entry and writes its length and kind; the caller fills in the rest, then publishes.
   *
   * **Units**: returns a byte offset that is a multiple of 64, or -1 where the ring has no room.
   */
  reserve(lengthBytes: number, kind: number): number {
    const length = entryBytes(lengthBytes);
    let offset = (this.#tail >>> 0) & (this.capacityBytes - 1);
    const toEnd = this.capacityBytes - offset;
    const needed = length <= toEnd ? length : toEnd + length;
    if (needed > this.freeBytes()) return -1;
    if (length > toEnd) {
      this.lanes[offset >>> 2] = toEnd;
      this.lanes[(offset >>> 2) + 1] = PADDING_KIND;
      this.#tail = (this.#tail + toEnd) | 0;
      offset = 0;
    }
    this.lanes[offset >>> 2] = length;
    this.lanes[(offset >>> 2) + 1] = kind;
    this.#tail = (this.#tail + length) | 0;
    this.#entries = (this.#entries + 1) | 0;
    return offset;
  }

  /** Lets the consumer see everything that was reserved so far. */
  publish(): void {
    Atomics.store(this.#control, ENTRIES_PUBLISHED, this.#entries);
    Atomics.store(this.#control, PUBLISHED, this.#tail);
  }
}

/** The consumer's end. */
export class RingReader {
  readonly lanes: Uint32Array;
  readonly floats: Float64Array;
  readonly bytes: Uint8Array;
  readonly #control: Int32Array;
  readonly #mask: number;
  #head: number;
  #entries: number;

  constructor(memory: RingMemory) {
    this.lanes = new Uint32Array(memory.data);
    this.floats = new Float64Array(memory.data);
    this.bytes = new Uint8Array(memory.data);
    this.#control = new Int32Array(memory.control);
    this.#mask = memory.data.byteLength - 1;
    this.#head = Atomics.load(this.#control, RELEASED);
    this.#entries = Atomics.load(this.#control, ENTRIES_RELEASED);
  }

  /** Byte offset of the next entry, or -1 where none is published. The entry stays valid until `release`. */
  next(): number {
    for (;;) {
      if (Atomics.load(this.#control, PUBLISHED) === this.#head) return -1;
      const offset = (this.#head >>> 0) & this.#mask;
      if (this.lanes[(offset >>> 2) + 1] !== PADDING_KIND) return offset;
      this.#giveBack(offset);
    }
  }

  /** Gives the room of the entry that `next` returned back to the producer. */
  release(offset: number): void {
    this.#entries = (this.#entries + 1) | 0;
    this.#control[ENTRIES_RELEASED] = this.#entries;
    this.#giveBack(offset);
  }

  #giveBack(offset: number): void {
    this.#head = (this.#head + (this.lanes[offset >>> 2] as number)) | 0;
    Atomics.store(this.#control, RELEASED, this.#head);
  }

  /** Whether an entry is waiting. */
  hasNext(): boolean {
    return Atomics.load(this.#control, PUBLISHED) !== this.#head;
  }
}
