import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { syncDirectory } from "../journal/segment-file.ts";
import { filterHash } from "./bucket-hash.ts";
import {
  type BucketFacts,
  bucketParts,
  bucketPath,
  encodeHeader,
  PAGE_BYTES,
  PAGE_LANES,
  PAGE_TAIL,
  pageChecksum,
  ROWS_PER_PAGE,
} from "./bucket-layout.ts";
import { IdFilter } from "./id-filter.ts";
import { ROW_LANES } from "./id-map.ts";
import { type OrderedRows, orderRows, rowSequence } from "./row-order.ts";

const PAGES_PER_WRITE = 256;
/** A sync of a whole bucket at once would hold back the journal's. */
const SYNC_EVERY_BYTES = 8 << 20;

/** Lanes of the control memory of a request. */
export const SEAL_CONTROL = { state: 0, pages: 1, lanes: 2 } as const;
export const SEAL_STATE = { asked: 0, durable: 1 } as const;

/** Rows that shall become a bucket, and the memory that takes what the shard needs to ask it. */
export interface SealRequest {
  readonly directory: string;
  readonly ordinal: number;
  readonly shard: number;
  readonly isByTime: boolean;
  readonly fromMs: number;
  readonly endMs: number;
  readonly throughSequence: number;
  readonly seed: number;
  readonly floorMs: number;
  /** Buckets to remove when this one is durable: given up for want of room, or damaged, with their ids among the rows. */
  readonly removes: readonly string[];
  readonly rows: Uint32Array;
  readonly control: Int32Array;
  readonly fences: Uint32Array;
  readonly filter: Uint32Array;
}

/**
 * Writes a bucket and makes it durable; fills the filter and the fences; then tells the shard through the control memory.
 *
 * The file has another name until it is complete. A crash before that leaves an unfinished file, which the next start
 * removes, and the ids in the journal.
 *
 * **Errors**: throws where the disk does not take it; asking again is safe.
 */
export function sealBucket(request: SealRequest): void {
  const { directory, ordinal, rows, control } = request;
  const ordered = orderRows(rows, request.seed);
  const pages = Math.ceil(ordered.count / ROWS_PER_PAGE);
  const unfinished = unfinishedPath(directory, ordinal);
  const file = openSync(unfinished, "w");
  try {
    writePages(file, request, ordered, pages);
    const fences = new Uint8Array(request.fences.slice(0, pages).buffer);
    const filter = new Uint8Array(request.filter.slice().buffer);
    const facts: BucketFacts = {
      shard: request.shard,
      isByTime: request.isByTime,
      count: ordered.count,
      pages,
      filterLanes: request.filter.length,
      seed: request.seed,
      fromMs: request.fromMs,
      endMs: request.endMs,
      throughSequence: request.throughSequence,
      lowestSequence: lowestSequence(rows),
      floorMs: request.floorMs,
      fencesChecksum: crc32(fences),
      filterChecksum: crc32(filter),
    };
    const parts = bucketParts(facts);
    const header = encodeHeader(facts);
    writeAll(file, fences, parts.fences);
    writeAll(file, filter, parts.filter);
    writeAll(file, header, parts.lastHeader);
    writeAll(file, header, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, bucketPath(directory, ordinal));
  syncDirectory(directory);
  for (const path of request.removes) rmSync(path, { force: true });
  Atomics.store(control, SEAL_CONTROL.pages, pages);
  Atomics.store(control, SEAL_CONTROL.state, SEAL_STATE.durable);
  Atomics.notify(control, SEAL_CONTROL.state);
}

function unfinishedPath(directory: string, ordinal: number): string {
  return bucketPath(directory, ordinal).replace(/\.mzi$/, ".unfinished");
}

/** Whether a name is that of a bucket whose writing was cut short. */
export function isUnfinishedBucket(name: string): boolean {
  return /^ids-\d{8}\.unfinished$/.test(name);
}

function writePages(file: number, request: SealRequest, { count, order, hashes }: OrderedRows, pages: number): void {
  const { rows, fences, seed } = request;
  const filter = new IdFilter(request.filter);
  filter.lanes.fill(0);
  const bytes = new Uint8Array(PAGES_PER_WRITE * PAGE_BYTES);
  const lanes = new Uint32Array(bytes.buffer);
  let unsyncedBytes = 0;
  for (let first = 0; first < pages; first += PAGES_PER_WRITE) {
    const written = Math.min(PAGES_PER_WRITE, pages - first);
    lanes.fill(0);
    for (let page = 0; page < written; page += 1) {
      const from = (first + page) * ROWS_PER_PAGE;
      const to = Math.min(from + ROWS_PER_PAGE, count);
      fences[first + page] = hashes[from];
      const at = page * PAGE_LANES;
      gatherRows(rows, order, from, to, lanes, at);
      for (let index = from; index < to; index += 1) {
        filter.add(hashes[index], filterHash(lanes, at + (index - from) * ROW_LANES, seed));
      }
      lanes[at + PAGE_TAIL.number] = first + page;
      lanes[at + PAGE_TAIL.rows] = to - from;
      lanes[at + PAGE_TAIL.checksum] = pageChecksum(bytes, page * PAGE_BYTES);
    }
    writeAll(file, bytes.subarray(0, written * PAGE_BYTES), (1 + first) * PAGE_BYTES);
    unsyncedBytes += written * PAGE_BYTES;
    if (unsyncedBytes >= SYNC_EVERY_BYTES) {
      fdatasyncSync(file);
      unsyncedBytes = 0;
    }
  }
}

function gatherRows(
  rows: Uint32Array,
  order: Uint32Array,
  from: number,
  to: number,
  into: Uint32Array,
  intoAt: number,
): void {
  for (let index = from, at = intoAt; index < to; index += 1, at += ROW_LANES) {
    const row = order[index] * ROW_LANES;
    into[at] = rows[row];
    into[at + 1] = rows[row + 1];
    into[at + 2] = rows[row + 2];
    into[at + 3] = rows[row + 3];
    into[at + 4] = rows[row + 4];
    into[at + 5] = rows[row + 5];
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength; ) {
    done += writeSync(file, bytes, done, bytes.byteLength - done, position + done);
  }
}

function lowestSequence(rows: Uint32Array): number {
  let lowest = Number.MAX_SAFE_INTEGER;
  for (let at = 0; at < rows.length; at += ROW_LANES) lowest = Math.min(lowest, rowSequence(rows, at));
  return lowest;
}
