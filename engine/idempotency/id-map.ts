import { sameId } from "../../protocol/ids.ts";
import { seededHash } from "../seeded-hash.ts";

const ROW_LANES = 6;
const FIRST_ROWS = 16;
const SPLIT_AT_ROWS = 32_768;
const PARTITIONS = 64;
const PARTITION_SHIFT = 26;

/**
 * Command id → journal sequence, in open-addressing tables.
 *
 * A map that has grown to 32,768 ids splits into 64 partitions that then double one at a time, so that no single
 * insertion takes longer than about a millisecond.
 *
 * **Shape**: rows of six lanes, `id 4 | sequence low | sequence high`; sequence 0 marks a free row.
 * **Units**: 40 to 60 bytes per id.
 */
export class IdMap {
  #tables: Uint32Array[] = [new Uint32Array(FIRST_ROWS * ROW_LANES)];
  #counts = new Uint32Array(1);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The sequence kept for an id, or 0. */
  get(lanes: Uint32Array, at: number): number {
    const hash = seededHash(lanes, at);
    const table = this.#tables[this.#tables.length === 1 ? 0 : hash >>> PARTITION_SHIFT];
    const row = findRow(table, hash, lanes, at);
    return table[row + 5] * 4_294_967_296 + table[row + 4];
  }

  /** Keeps a sequence for an id, in place of an earlier one; true if the id is new. */
  set(lanes: Uint32Array, at: number, sequence: number): boolean {
    const hash = seededHash(lanes, at);
    let partition = this.#tables.length === 1 ? 0 : hash >>> PARTITION_SHIFT;
    let table = this.#tables[partition];
    let row = findRow(table, hash, lanes, at);
    const isNew = (table[row + 4] | table[row + 5]) === 0;
    if (isNew) {
      this.#size += 1;
      if (this.#tables.length === 1 && this.#size > SPLIT_AT_ROWS) {
        this.#split();
        partition = hash >>> PARTITION_SHIFT;
        table = this.#tables[partition];
        row = findRow(table, hash, lanes, at);
      }
      this.#counts[partition] += 1;
      if (this.#counts[partition] * ROW_LANES * 2 > table.length) {
        const grown = new Uint32Array(table.length * 2);
        copyRows(table, () => grown);
        this.#tables[partition] = grown;
        table = grown;
        row = findRow(table, hash, lanes, at);
      }
      for (let lane = 0; lane < 4; lane += 1) table[row + lane] = lanes[at + lane];
    }
    const high = Math.floor(sequence / 4_294_967_296);
    table[row + 4] = sequence - high * 4_294_967_296;
    table[row + 5] = high;
    return isNew;
  }

  #split(): void {
    const rows = (4 * SPLIT_AT_ROWS) / PARTITIONS;
    const tables = Array.from({ length: PARTITIONS }, () => new Uint32Array(rows * ROW_LANES));
    const counts = new Uint32Array(PARTITIONS);
    copyRows(this.#tables[0], (hash) => {
      counts[hash >>> PARTITION_SHIFT] += 1;
      return tables[hash >>> PARTITION_SHIFT];
    });
    this.#tables = tables;
    this.#counts = counts;
  }
}

function findRow(table: Uint32Array, hash: number, lanes: Uint32Array, at: number): number {
  const rowMask = table.length / ROW_LANES - 1;
  for (let index = hash & rowMask; ; index = (index + 1) & rowMask) {
    const row = index * ROW_LANES;
    if ((table[row + 4] | table[row + 5]) === 0 || sameId(table, row, lanes, at)) return row;
  }
}

function copyRows(from: Uint32Array, tableFor: (hash: number) => Uint32Array): void {
  for (let row = 0; row < from.length; row += ROW_LANES) {
    if ((from[row + 4] | from[row + 5]) === 0) continue;
    const hash = seededHash(from, row);
    const to = tableFor(hash);
    const target = findRow(to, hash, from, row);
    for (let lane = 0; lane < ROW_LANES; lane += 1) to[target + lane] = from[row + lane];
  }
}
