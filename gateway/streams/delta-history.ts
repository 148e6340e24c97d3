import { readUint64 } from "../../protocol/int64.ts";
import { DELTA, DELTA_BYTES } from "../../protocol/result-record.ts";

const DELTA_LANES = DELTA_BYTES >>> 2;
const VERSION_LANE = DELTA.version >>> 2;
const DELTAS_MIN = 4;

/** Memory that all histories share. */
export class HistoryBudget {
  #freeBytes: number;

  constructor(bytes: number) {
    this.#freeBytes = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

/**
 * The latest deltas of one wallet, without a gap between their versions; grows from a few to its limit, as far as the
 * common budget allows.
 */
export class DeltaHistory {
  readonly #deltasMax: number;
  readonly #budget: HistoryBudget;
  #lanes = new Uint32Array(0);
  #capacity = 0;
  /** Number of deltas ever kept; the last `#count` of them are still here. */
  #end = 0;
  #count = 0;
  #lastVersion = -1;

  constructor(deltasMax: number, budget: HistoryBudget) {
    this.#deltasMax = deltasMax;
    this.#budget = budget;
  }

  /** Keeps the delta at a lane offset; one that does not follow the last makes the history start anew. */
  keep(lanes: Uint32Array, at: number): void {
    const version = readUint64(lanes, at + VERSION_LANE);
    if (version !== this.#lastVersion + 1) this.#count = 0;
    this.#lastVersion = version;
    if (this.#count === this.#capacity && !this.#grow() && this.#capacity === 0) return;
    const to = (this.#end % this.#capacity) * DELTA_LANES;
    for (let lane = 0; lane < DELTA_LANES; lane += 1) this.#lanes[to + lane] = lanes[at + lane] as number;
    this.#end += 1;
    if (this.#count < this.#capacity) this.#count += 1;
  }

  /** Whether every version after `version` up to `current` is kept. */
  covers(version: number, current: number): boolean {
    return current === this.#lastVersion && version >= current - this.#count;
  }

  /** Hands over every delta after a version that `covers` approved, in order. */
  replay(version: number, take: (lanes: Uint32Array, at: number) => void): void {
    const missed = this.#lastVersion - version;
    for (let i = this.#end - missed; i < this.#end; i += 1) take(this.#lanes, (i % this.#capacity) * DELTA_LANES);
  }

  /** Gives the memory back; the history is not used afterwards. */
  free(): void {
    this.#budget.giveBack(this.#capacity * DELTA_BYTES);
    this.#capacity = 0;
    this.#count = 0;
    this.#lanes = new Uint32Array(0);
  }

  #grow(): boolean {
    const capacity = Math.min(this.#deltasMax, Math.max(DELTAS_MIN, this.#capacity * 2));
    if (capacity <= this.#capacity) return false;
    if (!this.#budget.take((capacity - this.#capacity) * DELTA_BYTES)) return false;
    const lanes = new Uint32Array(capacity * DELTA_LANES);
    for (let i = 0; i < this.#count; i += 1) {
      const from = ((this.#end - this.#count + i) % this.#capacity) * DELTA_LANES;
      lanes.set(this.#lanes.subarray(from, from + DELTA_LANES), i * DELTA_LANES);
    }
    this.#lanes = lanes;
    this.#capacity = capacity;
    this.#end = this.#count;
    return true;
  }
}
