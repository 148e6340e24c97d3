/**
 * What the threads of one process must agree on about a shard's segments, in shared memory.
 *
 * lmdb keeps one environment a file for the whole process, and whoever opens it first decides how it is open for all.
 * So a reader opens only what the shard has opened before, and a file is used again only when all have let go of it.
 */

const LANE = { newest: 0, liveFrom: 1, readers: 2 } as const;
const READERS_MAX = 16;
const FREE = -1;

/** Memory for the lanes of one shard. */
export function createJournalControlMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((LANE.readers + READERS_MAX) * 4);
  new Int32Array(memory).fill(FREE, LANE.readers);
  return memory;
}

/** One thread's view of the lanes of a shard. */
export class JournalControl {
  readonly #lanes: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#lanes = new Int32Array(memory);
  }

  /** Ordinal of the segment being written; 0 until the shard has opened its journal. */
  get newest(): number {
    return Atomics.load(this.#lanes, LANE.newest);
  }

  /** The shard has opened a segment for writing: readers may open it now. */
  publishNewest(ordinal: number): void {
    Atomics.store(this.#lanes, LANE.newest, ordinal);
  }

  /** Segments with a lower ordinal are in the archive; nobody may open them any more. */
  get liveFrom(): number {
    return Atomics.load(this.#lanes, LANE.liveFrom);
  }

  /** Asks everybody to let go of the segments below an ordinal. */
  retireBelow(ordinal: number): void {
    Atomics.store(this.#lanes, LANE.liveFrom, ordinal);
  }

  /** Whether every reader has let go of the segments below an ordinal. */
  isLetGo(ordinal: number): boolean {
    for (let lane = LANE.readers; lane < this.#lanes.length; lane += 1) {
      const letGo = Atomics.load(this.#lanes, lane);
      if (letGo !== FREE && letGo < ordinal) return false;
    }
    return true;
  }

  /** Takes a lane for a reader. **Errors**: throws where all are taken. */
  join(): number {
    for (let lane = LANE.readers; lane < this.#lanes.length; lane += 1) {
      if (Atomics.compareExchange(this.#lanes, lane, FREE, 0) === FREE) return lane;
    }
    throw new Error(`a journal has at most ${READERS_MAX} readers in one process`);
  }

  /** The reader of a lane has closed its segments below an ordinal. */
  letGo(lane: number, ordinal: number): void {
    Atomics.store(this.#lanes, lane, ordinal);
  }

  /** The reader of a lane has closed all its segments. */
  leave(lane: number): void {
    Atomics.store(this.#lanes, lane, FREE);
  }
}
