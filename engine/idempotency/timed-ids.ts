import type { IdMap } from "./id-map.ts";
import { IdSecond } from "./id-second.ts";

export const SECOND_MS = 1_000;

/** Ids in memory by the second of the time inside them. */
export class TimedIds {
  readonly #seconds = new Map<number, IdSecond>();
  #oldest = 0;
  #newest = 0;
  #size = 0;
  #lastKey = -1;
  #lastSecond: IdSecond | undefined;

  get size(): number {
    return this.#size;
  }

  /** The oldest second that holds an id, or infinity. */
  get oldest(): number {
    return this.#seconds.size === 0 ? Number.POSITIVE_INFINITY : this.#oldest;
  }

  get(key: number, lanes: Uint32Array, at: number): number {
    const second = this.#second(key);
    return second === undefined ? 0 : second.get(lanes, at);
  }

  add(key: number, lanes: Uint32Array, at: number, sequence: number): void {
    let second = this.#second(key);
    if (second === undefined) {
      second = new IdSecond(this.#seconds.get(this.#newest));
      this.#seconds.set(key, second);
      this.#lastSecond = second;
      if (this.#seconds.size === 1 || key < this.#oldest) this.#oldest = key;
      if (this.#seconds.size === 1 || key > this.#newest) this.#newest = key;
    }
    second.add(lanes, at, sequence);
    this.#size += 1;
  }

  /** Moves an id to a newer sequence; false if it is not here. `isKept` keeps the row as it was beside the new one. */
  move(key: number, lanes: Uint32Array, at: number, sequence: number, isKept: boolean): boolean {
    const second = this.#second(key);
    if (second === undefined) return false;
    const sizeBefore = second.size;
    const isHere = second.move(lanes, at, sequence, isKept);
    this.#size += second.size - sizeBefore;
    return isHere;
  }

  forgetOldest(): void {
    const second = this.#seconds.get(this.#oldest);
    if (second !== undefined) {
      this.#size -= second.size;
      this.#seconds.delete(this.#oldest);
    }
    this.#lastKey = -1;
    this.#lastSecond = undefined;
    do this.#oldest += 1;
    while (this.#oldest < this.#newest && !this.#seconds.has(this.#oldest));
  }

  /** How many ids lie in seconds up to one. */
  countThrough(key: number): number {
    let count = 0;
    for (const [second, { size }] of this.#seconds) if (second <= key) count += size;
    return count;
  }

  /**
   * Takes the oldest seconds out, no later ones than `last`: as many as it takes to have `count` ids, but at least all of
   * them up to `first`.
   */
  takeOldest(count: number, first: number, last: number): Map<number, IdSecond> {
    const taken = new Map<number, IdSecond>();
    let takenIds = 0;
    for (const key of [...this.#seconds.keys()].sort((a, b) => a - b)) {
      if (key > last || (takenIds >= count && key > first)) {
        this.#oldest = key;
        break;
      }
      const second = this.#seconds.get(key) as IdSecond;
      taken.set(key, second);
      takenIds += second.size;
      this.#seconds.delete(key);
    }
    this.#size -= takenIds;
    this.#lastKey = -1;
    this.#lastSecond = undefined;
    return taken;
  }

  *maps(): Generator<IdMap> {
    for (const second of this.#seconds.values()) yield* second.maps();
  }

  #second(key: number): IdSecond | undefined {
    if (key !== this.#lastKey) {
      this.#lastKey = key;
      this.#lastSecond = this.#seconds.get(key);
    }
    return this.#lastSecond;
  }
}
