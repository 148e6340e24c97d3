import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { uuidTimeMs } from "../../protocol/ids.ts";
import { bucketHash, filterHash } from "./bucket-hash.ts";
import {
  type BucketFacts,
  bucketParts,
  decodeHeader,
  PAGE_BYTES,
  PAGE_LANES,
  PAGE_TAIL,
  pageChecksum,
  ROWS_PER_PAGE,
} from "./bucket-layout.ts";
import { IdFilter } from "./id-filter.ts";
import { ROW_LANES } from "./id-map.ts";
import { rowSequence } from "./row-order.ts";

const PAGES_PER_READ = 256;

/** An id of a bucket, and the record that it leads to. */
export interface BucketRow {
  readonly id: Uint32Array;
  readonly sequence: number;
}

/** A bucket in which nothing is wrong by itself. */
export interface SoundBucket {
  readonly facts: BucketFacts;
  /** Some of its rows, evenly spread. */
  readonly sample: readonly BucketRow[];
}

/** Reads a bucket of sealed ids to its end; where something is wrong with it, returns the sentence that says what. */
export function checkBucket(path: string, shard: number, sampleRows: number): SoundBucket | string {
  const file = openSync(path, "r");
  try {
    const facts = readFacts(file, shard);
    return typeof facts === "string" ? facts : checkRows(file, facts, sampleRows);
  } finally {
    closeSync(file);
  }
}

function readFacts(file: number, shard: number): BucketFacts | string {
  const { size } = fstatSync(file);
  const [first, last] = [0, size - PAGE_BYTES].map((at) => decodeHeader(readBytes(file, at, PAGE_BYTES)));
  if (first === undefined || last === undefined) {
    if (first === last) return "both of its headers are damaged";
    return `its ${first === undefined ? "first" : "last"} header is damaged; the other one still tells what is in it`;
  }
  if (JSON.stringify(first) !== JSON.stringify(last)) return "its two headers differ";
  if (first.shard !== shard) return `it belongs to shard ${first.shard}`;
  const { fileBytes } = bucketParts(first);
  return size === fileBytes ? first : `it has ${size} bytes, and ${fileBytes} were written`;
}

function checkRows(file: number, facts: BucketFacts, sampleRows: number): SoundBucket | string {
  const { pages, seed, count, filterLanes } = facts;
  const parts = bucketParts(facts);
  const fences = readBytes(file, parts.fences, pages * 4);
  if (crc32(fences) !== facts.fencesChecksum) return "its fences do not match their checksum";
  const filterBytes = readBytes(file, parts.filter, filterLanes * 4);
  if (crc32(filterBytes) !== facts.filterChecksum) return "its filter does not match its checksum";
  const fenceLanes = lanesOf(fences);
  const filter = new IdFilter(lanesOf(filterBytes));
  const sampleEvery = Math.max(1, Math.ceil(count / sampleRows));
  const sample: BucketRow[] = [];
  let rows = 0;
  let previous = 0;
  for (let first = 0; first < pages; first += PAGES_PER_READ) {
    const bytes = readBytes(file, (1 + first) * PAGE_BYTES, Math.min(PAGES_PER_READ, pages - first) * PAGE_BYTES);
    const lanes = lanesOf(bytes);
    for (let number = first; (number - first) * PAGE_LANES < lanes.length; number += 1) {
      const page = (number - first) * PAGE_LANES;
      const pageRows = number === pages - 1 ? count - number * ROWS_PER_PAGE : ROWS_PER_PAGE;
      const isWhole =
        lanes[page + PAGE_TAIL.number] === number &&
        lanes[page + PAGE_TAIL.checksum] === pageChecksum(bytes, page * 4) &&
        lanes[page + PAGE_TAIL.rows] === pageRows;
      if (!isWhole) return `its page ${number} is not what was written`;
      for (let row = 0; row < pageRows; row += 1) {
        const at = page + row * ROW_LANES;
        const hash = bucketHash(lanes, at, seed);
        if (hash < previous || (row === 0 && hash !== fenceLanes[number]))
          return `rows on its page ${number} are out of order`;
        if (!filter.mayHold(hash, filterHash(lanes, at, seed))) return `its filter misses a row of page ${number}`;
        const problem = rowProblem(lanes, at, facts);
        if (problem !== undefined) return `a row of its page ${number} ${problem}`;
        if (rows % sampleEvery === 0) sample.push({ id: lanes.slice(at, at + 4), sequence: rowSequence(lanes, at) });
        previous = hash;
        rows += 1;
      }
    }
  }
  return rows === count ? { facts, sample } : `it has ${rows} rows, and ${count} were written`;
}

function rowProblem(lanes: Uint32Array, at: number, facts: BucketFacts): string | undefined {
  const sequence = rowSequence(lanes, at);
  if (sequence < facts.lowestSequence || sequence > facts.throughSequence) {
    return `leads to record ${sequence}, not to one from ${facts.lowestSequence} to ${facts.throughSequence}`;
  }
  const timeMs = uuidTimeMs(lanes, at);
  if (facts.isByTime && (timeMs < facts.fromMs || timeMs >= facts.endMs))
    return "is of a time that the bucket is not of";
  return undefined;
}

/** Bytes at a position; zeros where the file ends before. */
function readBytes(file: number, position: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  if (position >= 0) readSync(file, bytes, 0, length, position);
  return bytes;
}

function lanesOf(bytes: Uint8Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(bytes.buffer);
}
