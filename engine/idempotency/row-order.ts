import { sameId } from "../../protocol/ids.ts";
import { bucketHash } from "./bucket-hash.ts";
import { ROW_LANES } from "./id-map.ts";

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/** Rows in the order of their hash, and the hashes in that order. */
export interface OrderedRows {
  readonly count: number;
  readonly order: Uint32Array;
  readonly hashes: Uint32Array;
}

/** Orders rows by hash; of rows with the same id only the one with the highest sequence stays. */
export function orderRows(rows: Uint32Array, seed: number): OrderedRows {
  const rowCount = rows.length / ROW_LANES;
  let hashes: Uint32Array = new Uint32Array(rowCount);
  let order: Uint32Array = new Uint32Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    hashes[row] = bucketHash(rows, row * ROW_LANES, seed);
    order[row] = row;
  }
  let hashesTo: Uint32Array = new Uint32Array(rowCount);
  let orderTo: Uint32Array = new Uint32Array(rowCount);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const starts = new Uint32Array(DIGITS);
    for (let index = 0; index < rowCount; index += 1) starts[(hashes[index] >>> shift) & (DIGITS - 1)] += 1;
    for (let digit = 0, start = 0; digit < DIGITS; digit += 1) {
      const next = start + starts[digit];
      starts[digit] = start;
      start = next;
    }
    for (let index = 0; index < rowCount; index += 1) {
      const hash = hashes[index];
      const digit = (hash >>> shift) & (DIGITS - 1);
      const to = starts[digit];
      starts[digit] = to + 1;
      hashesTo[to] = hash;
      orderTo[to] = order[index];
    }
    [hashes, hashesTo] = [hashesTo, hashes];
    [order, orderTo] = [orderTo, order];
  }
  return { count: dropOlder(rows, hashes, order), order, hashes };
}

/** Closes up over rows that were moved since; returns how many are left. */
function dropOlder(rows: Uint32Array, hashes: Uint32Array, order: Uint32Array): number {
  let kept = 0;
  for (let index = 0; index < order.length; index += 1) {
    const row = order[index] * ROW_LANES;
    let same = kept - 1;
    while (same >= 0 && hashes[same] === hashes[index] && !sameId(rows, order[same] * ROW_LANES, rows, row)) same -= 1;
    if (same >= 0 && hashes[same] === hashes[index]) {
      if (rowSequence(rows, row) > rowSequence(rows, order[same] * ROW_LANES)) order[same] = order[index];
      continue;
    }
    hashes[kept] = hashes[index];
    order[kept] = order[index];
    kept += 1;
  }
  return kept;
}

/** The sequence in the row at a lane. */
export function rowSequence(rows: Uint32Array, at: number): number {
  return rows[at + 5] * 4_294_967_296 + rows[at + 4];
}
