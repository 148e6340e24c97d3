/**
 * A sealed bucket of ids: `ids-00000001.mzi` and on, written once and never changed.
 *
 * **Shape**: header page | pages of rows | fences | filter | the header page again. A row is `id 16 | sequence 8`; the rows
 * lie in the order of their hash, 170 to a page, each page with its number and checksum behind them. A fence is the first
 * hash of a page: with all fences in memory any id is found or missed with one read.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

export const PAGE_BYTES = 4_096;
export const PAGE_LANES = PAGE_BYTES / 4;
export const ROWS_PER_PAGE = 170;
/** Lanes of a page behind its rows. */
export const PAGE_TAIL = { number: 1_020, rows: 1_021, checksum: 1_023 } as const;
const CHECKED_PAGE_BYTES = PAGE_TAIL.checksum * 4;

const MAGIC = 0x317a_696d;
const HEADER = {
  magic: 0,
  shard: 4,
  flags: 8,
  count: 12,
  pages: 16,
  filterLanes: 20,
  seed: 24,
  fencesChecksum: 28,
  filterChecksum: 32,
  fromMs: 40,
  endMs: 48,
  throughSequence: 56,
  lowestSequence: 64,
  floorMs: 72,
  checksum: 80,
} as const;
const FLAG_BY_TIME = 1;

const BUCKET_NAME = /^ids-(\d{8})\.mzi$/;

/** What stands in a bucket's header. */
export interface BucketFacts {
  readonly shard: number;
  /** Whether its ids were sealed by the time inside them; else they were sealed by their arrival. */
  readonly isByTime: boolean;
  readonly count: number;
  readonly pages: number;
  readonly filterLanes: number;
  readonly seed: number;
  /** From this time on, and before `endMs`: of the ids, or of their arrival. **Units**: milliseconds since the epoch. */
  readonly fromMs: number;
  readonly endMs: number;
  /** Ids of its kind that records up to this one brought, and that lie before `endMs`, are in it or in one sealed before. */
  readonly throughSequence: number;
  /** The lowest sequence that one of its ids leads to. */
  readonly lowestSequence: number;
  /** Ids of times before this one were given up, for want of room, when it was sealed. **Units**: milliseconds since the epoch. */
  readonly floorMs: number;
  readonly fencesChecksum: number;
  readonly filterChecksum: number;
}

export function bucketPath(directory: string, ordinal: number): string {
  return join(directory, `ids-${String(ordinal).padStart(8, "0")}.mzi`);
}

/** The ordinal in the name of a bucket; NaN where it is no such name. */
export function bucketOrdinal(name: string): number {
  return Number(BUCKET_NAME.exec(name)?.[1] ?? Number.NaN);
}

/** Ordinals of the buckets in a directory, ascending. */
export function listBuckets(directory: string): number[] {
  return readdirSync(directory)
    .map(bucketOrdinal)
    .filter((ordinal) => !Number.isNaN(ordinal))
    .sort((a, b) => a - b);
}

/** Where the parts of a bucket lie. **Units**: bytes. */
export function bucketParts({ pages, filterLanes }: Pick<BucketFacts, "pages" | "filterLanes">): {
  readonly fences: number;
  readonly filter: number;
  readonly lastHeader: number;
  readonly fileBytes: number;
} {
  const fences = (1 + pages) * PAGE_BYTES;
  const filter = fences + wholePages(pages * 4);
  const lastHeader = filter + wholePages(filterLanes * 4);
  return { fences, filter, lastHeader, fileBytes: lastHeader + PAGE_BYTES };
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

export function encodeHeader(facts: BucketFacts): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(HEADER.magic, MAGIC, true);
  view.setUint32(HEADER.flags, facts.isByTime ? FLAG_BY_TIME : 0, true);
  for (const name of ["shard", "count", "pages", "filterLanes", "seed", "fencesChecksum", "filterChecksum"] as const) {
    view.setUint32(HEADER[name], facts[name], true);
  }
  for (const name of ["fromMs", "endMs", "throughSequence", "lowestSequence", "floorMs"] as const) {
    view.setFloat64(HEADER[name], facts[name], true);
  }
  view.setUint32(HEADER.checksum, crc32(bytes.subarray(0, HEADER.checksum)), true);
  return bytes;
}

/** The facts of a header page, or undefined where it is damaged. */
export function decodeHeader(bytes: Uint8Array): BucketFacts | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength !== PAGE_BYTES || view.getUint32(HEADER.magic, true) !== MAGIC) return undefined;
  if (view.getUint32(HEADER.checksum, true) !== crc32(bytes.subarray(0, HEADER.checksum))) return undefined;
  const lane = (at: number): number => view.getUint32(at, true);
  const float = (at: number): number => view.getFloat64(at, true);
  return {
    shard: lane(HEADER.shard),
    isByTime: (lane(HEADER.flags) & FLAG_BY_TIME) !== 0,
    count: lane(HEADER.count),
    pages: lane(HEADER.pages),
    filterLanes: lane(HEADER.filterLanes),
    seed: lane(HEADER.seed),
    fencesChecksum: lane(HEADER.fencesChecksum),
    filterChecksum: lane(HEADER.filterChecksum),
    fromMs: float(HEADER.fromMs),
    endMs: float(HEADER.endMs),
    throughSequence: float(HEADER.throughSequence),
    lowestSequence: float(HEADER.lowestSequence),
    floorMs: float(HEADER.floorMs),
  };
}

/** Checksum of the page at an offset of a buffer, without the lane that holds it. */
export function pageChecksum(bytes: Uint8Array, offset: number): number {
  return crc32(bytes.subarray(offset, offset + CHECKED_PAGE_BYTES));
}
