import { uuidTimeMs } from "../../protocol/ids.ts";
import { IdMap } from "./id-map.ts";

const FIRST_IDS_MAX = 1_024;
const SLICE_SHIFT = 4;

/**
 * The command ids of one second of their own time.
 *
 * The first thousand share one table. A busy second puts the rest into slices of 16 milliseconds: ids come roughly
 * in time order, so the table being filled is small, stays in the processor's cache, and is cheap to double.
 */
export class IdSecond {
  readonly #first = new IdMap(0);
  readonly #slices: (IdMap | undefined)[] = [];
  #newestSliceSize = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The sequence kept for an id, or 0. */
  get(lanes: Uint32Array, at: number): number {
    if (this.#slices.length > 0) {
      const sequence = this.#slices[sliceOf(lanes, at)]?.get(lanes, at) ?? 0;
      if (sequence !== 0) return sequence;
    }
    return this.#first.get(lanes, at);
  }

  /** Keeps a sequence for an id that is not kept yet. */
  add(lanes: Uint32Array, at: number, sequence: number): void {
    this.#size += 1;
    if (this.#first.size < FIRST_IDS_MAX) {
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

  /** Moves an id that is kept to a newer sequence. */
  move(lanes: Uint32Array, at: number, sequence: number): void {
    if (!this.#first.move(lanes, at, sequence)) this.#slices[sliceOf(lanes, at)]?.move(lanes, at, sequence);
  }
}

function sliceOf(lanes: Uint32Array, at: number): number {
  return (uuidTimeMs(lanes, at) % 1_000) >>> SLICE_SHIFT;
}
