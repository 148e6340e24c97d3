import { sameId } from "../../protocol/ids.ts";
import { seededHash } from "../seeded-hash.ts";

/** Lanes of a row: `id 4 | sequence low | sequence high`. */
export const ROW_LANES = 6;
const CELLS_MIN = 32;

/**
 * Command id → journal sequence.
 *
 * The ids stand in rows in the order in which they came, so that memory is written front to back; a small table of
 * cells finds the row. A cell also holds the upper bits of the hash, so that a look-up of an unknown id, which is what
 * nearly every command does, stays in the table.
 *
 * **Shape**: rows of six lanes, `id 4 | sequence low | sequence high`. A cell is `hash bits | row + 1`, with as many bits
 * for the row as the table needs; 0 is a free cell. At most half of the cells are taken.
 * **Units**: 32 to 64 bytes per id.
 */
export class IdMap {
  #rows: Uint32Array;
  #cells: Uint32Array;
  #size = 0;

  /** `expected` is how many ids will probably come, so that the table need not double on the way there. */
  constructor(expected: number) {
    let cells = CELLS_MIN;
    while (cells < 2 * expected) cells *= 2;
    this.#cells = new Uint32Array(cells);
    this.#rows = new Uint32Array((cells / 2) * ROW_LANES);
  }

  get size(): number {
    return this.#size;
  }

  /** The sequence kept for an id, or 0. */
  get(lanes: Uint32Array, at: number): number {
    const row = this.#find(lanes, at);
    return row < 0 ? 0 : this.#rows[row + 5] * 4_294_967_296 + this.#rows[row + 4];
  }

  /** Keeps a sequence for an id that is not kept yet. */
  add(lanes: Uint32Array, at: number, sequence: number): void {
    if (this.#size * 2 === this.#cells.length) this.#double();
    this.#append(lanes, at, sequence);
    place(this.#cells, seededHash(lanes, at), this.#size);
  }

  /**
   * Keeps a newer sequence for an id that is kept already; false if it is not.
   *
   * With `isKept` the row stays as it was, for a snapshot that has not copied it yet, and the id gets a new one.
   */
  move(lanes: Uint32Array, at: number, sequence: number, isKept: boolean): boolean {
    if (isKept && this.#size * 2 === this.#cells.length) this.#double();
    const index = this.#findCell(lanes, at);
    if (index < 0) return false;
    const cells = this.#cells;
    const mask = cells.length - 1;
    if (isKept) {
      this.#append(lanes, at, sequence);
      cells[index] = (cells[index] & ~mask) | this.#size;
    } else {
      this.#setSequence(((cells[index] & mask) - 1) * ROW_LANES, sequence);
    }
    return true;
  }

  /** The rows so far, in the order in which they came; the ids of later ones come behind them or into another array. */
  rows(): Uint32Array {
    return this.#rows.subarray(0, this.#size * ROW_LANES);
  }

  #find(lanes: Uint32Array, at: number): number {
    const index = this.#findCell(lanes, at);
    return index < 0 ? -1 : ((this.#cells[index] & (this.#cells.length - 1)) - 1) * ROW_LANES;
  }

  #findCell(lanes: Uint32Array, at: number): number {
    const cells = this.#cells;
    const mask = cells.length - 1;
    const hash = seededHash(lanes, at);
    const tag = hash & ~mask;
    for (let index = hash & mask; cells[index] !== 0; index = (index + 1) & mask) {
      const cell = cells[index];
      if (((cell ^ tag) & ~mask) !== 0) continue;
      const row = ((cell & mask) - 1) * ROW_LANES;
      if (sameId(this.#rows, row, lanes, at)) return index;
    }
    return -1;
  }

  #append(lanes: Uint32Array, at: number, sequence: number): void {
    const row = this.#size * ROW_LANES;
    const rows = this.#rows;
    rows[row] = lanes[at];
    rows[row + 1] = lanes[at + 1];
    rows[row + 2] = lanes[at + 2];
    rows[row + 3] = lanes[at + 3];
    this.#setSequence(row, sequence);
    this.#size += 1;
  }

  #setSequence(row: number, sequence: number): void {
    const high = Math.floor(sequence / 4_294_967_296);
    this.#rows[row + 4] = sequence - high * 4_294_967_296;
    this.#rows[row + 5] = high;
  }

  #double(): void {
    const rows = new Uint32Array(this.#rows.length * 2);
    rows.set(this.#rows);
    const cells = new Uint32Array(this.#cells.length * 2);
    // Of an id with several rows the last one counts: placed first, it is found first.
    for (let index = this.#size; index > 0; index -= 1) place(cells, seededHash(rows, (index - 1) * ROW_LANES), index);
    this.#rows = rows;
    this.#cells = cells;
  }
}

function place(cells: Uint32Array, hash: number, rowPlusOne: number): void {
  const mask = cells.length - 1;
  let index = hash & mask;
  while (cells[index] !== 0) index = (index + 1) & mask;
  cells[index] = (hash & ~mask) | rowPlusOne;
}
