import { IdMap } from "./id-map.ts";

const FIRST_IDS_MAX = 1_024;

/**
 * The command ids of one second of their own time.
 *
 * The first thousand share one table. A busy second puts the rest into slices of 16 milliseconds: ids come roughly
 * in time order, so the table being filled is small, stays in the processor's cache, and is cheap to double.
 */
export class IdSecond {
  readonly #first = new IdMap(0);
  readonly #slices: (IdMap | undefined)[] = [];
  readonly #firstIdsMax: number;
  #newestSliceSize: number;
  #size = 0;

  /** `before` is the second filled before this one: after a busy one this one is sliced from the start. */
  constructor(before: IdSecond | undefined) {
    this.#firstIdsMax = before === undefined || before.size <= FIRST_IDS_MAX ? FIRST_IDS_MAX : 0;
    this.#newestSliceSize = before === undefined ? 0 : before.#newestSliceSize;
  }

  get size(): number {
    return this.#size;
  }

  /** The sequence kept for an id, or 0. */
  get(lanes: Uint32Array, at: number): number {
    if (this.#slices.length > 0) {
      const sequence = this.#slices[sliceOf(lanes, at)]?.get(lanes, at) ?? 0;
      if (sequence !== 0) return sequence;
    }
    return this.#first.size === 0 ? 0 : this.#first.get(lanes, at);
  }

  /** Keeps a sequence for an id that is not kept yet. */
  add(lanes: Uint32Array, at: number, sequence: number): void {
    this.#size += 1;
    if (this.#first.size < this.#firstIdsMax) {
      this.#first.add(lanes, at, sequence);
      return;
    }
    const index = sliceOf(lanes, at);
    let slice = this.#slices[index];
    if (slice === undefined) {
      slice = new IdMap(this.#newestSliceSize);
      this.#slices[index] = slice;
    }
    slice.add(lanes, at, sequence);
    this.#newestSliceSize = slice.size;
  }

  /** Moves an id that is kept to a newer sequence; false if it is not. `isKept` keeps its row as it was beside the new one. */
  move(lanes: Uint32Array, at: number, sequence: number, isKept: boolean): boolean {
    for (const ids of [this.#slices[sliceOf(lanes, at)], this.#first]) {
      const sizeBefore = ids?.size ?? 0;
      if (ids?.move(lanes, at, sequence, isKept) !== true) continue;
      this.#size += ids.size - sizeBefore;
      return true;
    }
    return false;
  }

  *maps(): Generator<IdMap> {
    if (this.#first.size > 0) yield this.#first;
    for (const slice of this.#slices) if (slice !== undefined) yield slice;
  }
}

/** Bits 4 to 9 of the id's time in milliseconds: different for any two slices of one second. */
function sliceOf(lanes: Uint32Array, at: number): number {
  const middle = lanes[at + 1];
  return (((middle & 0xff) << 4) | ((middle >>> 12) & 0xf)) & 0x3f;
}
