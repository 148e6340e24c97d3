import { sameId } from "../../protocol/ids.ts";
import { seededHash } from "../seeded-hash.ts";

const PARTITIONS = 1_024;
const PARTITION_SHIFT = 22;
const FIRST_CAPACITY = 8;

/**
 * Finds the slot of an id, in open-addressing tables that compare against the id column itself.
 *
 * It is split into partitions that double one at a time, so that growing to ten million ids never stops the shard for
 * longer than it takes to rehash one partition of them.
 *
 * **Shape**: each partition is a power of two of u32 cells holding slot + 1, at most five eighths full.
 * **Units**: about 6 to 12 bytes per id.
 */
export class SlotIndex {
  readonly #ids: Uint32Array;
  readonly #tables: Uint32Array[];
  readonly #counts = new Uint32Array(PARTITIONS);

  /** `ids` is the column in which the id of slot s stands at lanes 4s to 4s+3. */
  constructor(ids: Uint32Array) {
    this.#ids = ids;
    this.#tables = Array.from({ length: PARTITIONS }, () => new Uint32Array(FIRST_CAPACITY));
  }

  /** The slot of the id at `at` of `lanes`, or -1. */
  find(lanes: Uint32Array, at: number): number {
    const hash = seededHash(lanes, at);
    const table = this.#tables[hash >>> PARTITION_SHIFT];
    const mask = table.length - 1;
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const slot = table[cell] - 1;
      if (slot < 0 || sameId(this.#ids, slot * 4, lanes, at)) return slot;
    }
  }

  /** Adds a slot whose id is in the column already, and in no other slot. */
  add(slot: number): void {
    const hash = seededHash(this.#ids, slot * 4);
    const partition = hash >>> PARTITION_SHIFT;
    this.#counts[partition] += 1;
    let table = this.#tables[partition];
    if (this.#counts[partition] > table.length * loadMax(partition)) {
      const grown = new Uint32Array(table.length * 2);
      for (const cell of table) {
        if (cell !== 0) place(grown, seededHash(this.#ids, (cell - 1) * 4), cell);
      }
      this.#tables[partition] = grown;
      table = grown;
    }
    place(table, hash, slot + 1);
  }

  /** Takes a slot out again, closing the gap in its run of cells. */
  remove(slot: number): void {
    const hash = seededHash(this.#ids, slot * 4);
    const partition = hash >>> PARTITION_SHIFT;
    const table = this.#tables[partition];
    const mask = table.length - 1;
    let gap = hash & mask;
    while (table[gap] !== slot + 1) gap = (gap + 1) & mask;
    for (let cell = (gap + 1) & mask; table[cell] !== 0; cell = (cell + 1) & mask) {
      const home = seededHash(this.#ids, (table[cell] - 1) * 4) & mask;
      if (((cell - home) & mask) >= ((cell - gap) & mask)) {
        table[gap] = table[cell];
        gap = cell;
      }
    }
    table[gap] = 0;
    this.#counts[partition] -= 1;
  }
}

/** Partitions fill up evenly, so they double at different loads, or else they would all do it within the same batch. */
function loadMax(partition: number): number {
  return 0.375 + partition / (4 * PARTITIONS);
}

function place(table: Uint32Array, hash: number, value: number): void {
  const mask = table.length - 1;
  let cell = hash & mask;
  while (table[cell] !== 0) cell = (cell + 1) & mask;
  table[cell] = value;
}
