import { IdMap } from "./id-map.ts";

interface Generation {
  startedMs: number;
  readonly ids: IdMap;
}

/** Ids in memory by the time of their arrival, in generations that end by age or by number. */
export class ArrivedIds {
  readonly #generationMs: number;
  readonly #generationIdsMax: number;
  #generations: Generation[] = [];
  #size = 0;

  constructor(generationMs: number, generationIdsMax: number) {
    this.#generationMs = generationMs;
    this.#generationIdsMax = generationIdsMax;
  }

  get size(): number {
    return this.#size;
  }

  get generationCount(): number {
    return this.#generations.length;
  }

  /** When the oldest of the ids came, or infinity. */
  get oldestMs(): number {
    return this.#generations.reduce((oldest, { startedMs }) => Math.min(oldest, startedMs), Number.POSITIVE_INFINITY);
  }

  get(lanes: Uint32Array, at: number): number {
    for (let i = this.#generations.length - 1; i >= 0; i -= 1) {
      const sequence = this.#generations[i].ids.get(lanes, at);
      if (sequence !== 0) return sequence;
    }
    return 0;
  }

  add(nowMs: number, lanes: Uint32Array, at: number, sequence: number): void {
    let newest = this.#generations.at(-1);
    if (newest === undefined || this.#isComplete(newest, nowMs)) {
      newest = { startedMs: nowMs, ids: new IdMap(0) };
      this.#generations.push(newest);
    }
    // What is read again out of the order of arrival must not pass for younger than it is.
    if (nowMs < newest.startedMs) newest.startedMs = nowMs;
    newest.ids.add(lanes, at, sequence);
    this.#size += 1;
  }

  /** Moves an id to a newer sequence; false if it is not here. `isKept` keeps the row as it was beside the new one. */
  move(lanes: Uint32Array, at: number, sequence: number, isKept: boolean): boolean {
    const holder = this.#generations.findLast(({ ids }) => ids.get(lanes, at) !== 0);
    if (holder === undefined) return false;
    const sizeBefore = holder.ids.size;
    holder.ids.move(lanes, at, sequence, isKept);
    this.#size += holder.ids.size - sizeBefore;
    return true;
  }

  forgetOldest(): void {
    this.#size -= this.#generations.shift()?.ids.size ?? 0;
  }

  /** Forgets the generations whose youngest possible id is older than an age. */
  forgetOlder(nowMs: number, ageMs: number): void {
    while (this.oldestMs + this.#generationMs + ageMs < nowMs) this.forgetOldest();
  }

  takeAll(): IdMap[] {
    const maps = this.#generations.map(({ ids }) => ids);
    this.#generations = [];
    this.#size = 0;
    return maps;
  }

  generations(): readonly Generation[] {
    return this.#generations;
  }

  #isComplete({ startedMs, ids }: Generation, nowMs: number): boolean {
    return nowMs - startedMs > this.#generationMs || ids.size >= this.#generationIdsMax;
  }
}
