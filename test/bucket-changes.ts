/** What damage and errors make of a file of sealed ids. */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { bucketPath, PAGE_BYTES, ROWS_PER_PAGE } from "../engine/idempotency/bucket-layout.ts";
import { ROW_LANES } from "../engine/idempotency/id-map.ts";
import { sealBucket } from "../engine/idempotency/seal-bucket.ts";
import { readHeader } from "../engine/idempotency/sealed-bucket.ts";

/** Changes one byte of a file. */
export function flip(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes[offset] ^= 0x55;
  writeFileSync(path, bytes);
}

/** All rows of a bucket, in its order. */
export function rowsOf(path: string): Uint32Array {
  const { count } = readHeader(path);
  const bytes = readFileSync(path);
  const lanes = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const rows = new Uint32Array(count * ROW_LANES);
  for (let row = 0; row < count; row += 1) {
    const page = 1 + Math.floor(row / ROWS_PER_PAGE);
    const at = (page * PAGE_BYTES) / 4 + (row % ROWS_PER_PAGE) * ROW_LANES;
    rows.set(lanes.subarray(at, at + ROW_LANES), row * ROW_LANES);
  }
  return rows;
}

/** Writes a bucket anew, as a shard does, with other rows. */
export function sealAgain(path: string, rows: Uint32Array): void {
  const facts = readHeader(path);
  const directory = `${path}.aside`;
  mkdirSync(directory);
  sealBucket({
    ...facts,
    directory,
    ordinal: 1,
    rows,
    removes: [],
    control: new Int32Array(2),
    fences: new Uint32Array(facts.pages),
    filter: new Uint32Array(facts.filterLanes),
  });
  cpSync(bucketPath(directory, 1), path);
  rmSync(directory, { recursive: true });
}
