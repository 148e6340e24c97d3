import { type IdMap, ROW_LANES } from "./id-map.ts";
import type { IdSecond } from "./id-second.ts";

/** Lanes copied at a time: 1 MiB, some 0.2 milliseconds. */
const COPY_LANES = 1 << 18;

/** Which ids a bucket holds. */
export interface FrozenFacts {
  readonly isByTime: boolean;
  readonly fromMs: number;
  readonly endMs: number;
  readonly throughSequence: number;
}

/** Ids on their way from memory into a sealed bucket: nothing is added or moved any more, all are still found. */
export class FrozenIds {
  readonly facts: FrozenFacts;
  readonly size: number;
  readonly #maps: readonly IdMap[];
  readonly #seconds: ReadonlyMap<number, IdSecond> | undefined;
  readonly #rows: Uint32Array;
  #copiedLanes = 0;
  #map = 0;
  #mapLane = 0;

  /** Ids by arrival come without seconds. */
  constructor(facts: FrozenFacts, maps: readonly IdMap[], seconds?: ReadonlyMap<number, IdSecond>) {
    this.facts = facts;
    this.#maps = maps;
    this.#seconds = seconds;
    this.size = maps.reduce((sum, { size }) => sum + size, 0);
    this.#rows = new Uint32Array(this.size * ROW_LANES);
  }

  /** The sequence kept for an id, or 0; `key` is the second of an id by time. */
  get(key: number, lanes: Uint32Array, at: number): number {
    if (this.#seconds !== undefined) return this.#seconds.get(key)?.get(lanes, at) ?? 0;
    for (let i = this.#maps.length - 1; i >= 0; i -= 1) {
      const sequence = this.#maps[i].get(lanes, at);
      if (sequence !== 0) return sequence;
    }
    return 0;
  }

  /** Copies some of the rows, few enough not to hold anybody up; returns all of them once they are complete. */
  copySome(): Uint32Array | undefined {
    for (let left = COPY_LANES; left > 0 && this.#map < this.#maps.length; ) {
      const rows = this.#maps[this.#map].rows();
      const part = rows.subarray(this.#mapLane, this.#mapLane + left);
      this.#rows.set(part, this.#copiedLanes);
      this.#copiedLanes += part.length;
      this.#mapLane += part.length;
      left -= part.length;
      if (this.#mapLane < rows.length) continue;
      this.#map += 1;
      this.#mapLane = 0;
    }
    return this.#map === this.#maps.length ? this.#rows : undefined;
  }

  maps(): readonly IdMap[] {
    return this.#maps;
  }
}
