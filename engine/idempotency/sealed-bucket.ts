import { closeSync, fstatSync, openSync, readSync, renameSync } from "node:fs";
import { crc32 } from "node:zlib";
import { sameId } from "../../protocol/ids.ts";
import { bucketHash, filterHash } from "./bucket-hash.ts";
import {
  type BucketFacts,
  bucketParts,
  bucketPath,
  decodeHeader,
  PAGE_BYTES,
  PAGE_LANES,
  PAGE_TAIL,
  pageChecksum,
} from "./bucket-layout.ts";
import { IdFilter } from "./id-filter.ts";
import { ROW_LANES } from "./id-map.ts";
import { rowSequence } from "./row-order.ts";

/** The page that was read last; each thread has its own. */
const page = new Uint32Array(PAGE_LANES);
const pageBytes = new Uint8Array(page.buffer);

/** What of a bucket's facts is needed to ask it. */
type AskedFacts = Omit<BucketFacts, "shard" | "count" | "lowestSequence" | "fencesChecksum" | "filterChecksum">;

/**
 * One sealed bucket, asked for ids.
 *
 * A warm bucket has its fences in memory, and its filter where there is room: an id that is not there costs no read, one
 * that is there costs one. A cold bucket reads its fences as well.
 */
export class SealedBucket {
  readonly facts: AskedFacts;
  readonly path: string;
  readonly fileBytes: number;
  #fences: Uint32Array | undefined;
  #filter: IdFilter | undefined;

  constructor(path: string, facts: AskedFacts, fences?: Uint32Array, filter?: Uint32Array) {
    this.path = path;
    this.facts = facts;
    this.fileBytes = bucketParts(facts).fileBytes;
    this.#fences = fences;
    this.#filter = filter === undefined ? undefined : new IdFilter(filter);
  }

  /** **Errors**: throws where neither header can be read, for then nobody knows what is missing. */
  static open(directory: string, ordinal: number, shard: number): SealedBucket {
    const path = bucketPath(directory, ordinal);
    const facts = readHeader(path);
    if (facts.shard !== shard) throw new Error(`${path} belongs to shard ${facts.shard}, not to shard ${shard}`);
    return new SealedBucket(path, facts);
  }

  get isWarm(): boolean {
    return this.#fences !== undefined;
  }

  get filterBytes(): number {
    return this.#filter?.lanes.byteLength ?? 0;
  }

  /** Reads the fences into memory, and the filter if asked to; false where the file is damaged. */
  warm(withFilter: boolean): boolean {
    const parts = bucketParts(this.facts);
    const file = openSync(this.path, "r");
    try {
      const facts = readHeaders(file);
      const fences = readLanes(file, parts.fences, this.facts.pages);
      if (facts === undefined || fences === undefined || checksum(fences) !== facts.fencesChecksum) return false;
      this.#fences = fences;
      if (!withFilter) return true;
      const filter = readLanes(file, parts.filter, this.facts.filterLanes);
      if (filter === undefined || checksum(filter) !== facts.filterChecksum) return false;
      this.#filter = new IdFilter(filter);
      return true;
    } finally {
      closeSync(file);
    }
  }

  dropFilter(): void {
    this.#filter = undefined;
  }

  cool(): void {
    this.#fences = undefined;
    this.#filter = undefined;
  }

  /**
   * The sequence kept for an id, or 0.
   *
   * **Errors**: a damaged bucket throws, and the shard must stop: an id that cannot be looked up must not pass for new. The
   * file is set aside, and the next start reads its ids from the journal again.
   */
  find(lanes: Uint32Array, at: number): number {
    const { seed, pages } = this.facts;
    const hash = bucketHash(lanes, at, seed);
    if (this.#filter !== undefined && !this.#filter.mayHold(hash, filterHash(lanes, at, seed))) return 0;
    const file = openBucket(this.path, this.isWarm);
    if (file < 0) return 0;
    try {
      const fences = this.#fences ?? readLanes(file, bucketParts(this.facts).fences, pages);
      if (fences === undefined) return this.#stop("its fences are cut short");
      for (let number = firstPage(fences, pages, hash); number < pages && fences[number] <= hash; number += 1) {
        if (!readPage(file, number)) return this.#stop(`page ${number} does not match its checksum`);
        for (let row = 0, rows = page[PAGE_TAIL.rows] * ROW_LANES; row < rows; row += ROW_LANES) {
          if (page[row] === lanes[at] && sameId(page, row, lanes, at)) return rowSequence(page, row);
        }
      }
      return 0;
    } finally {
      closeSync(file);
    }
  }

  /** Gives a damaged bucket its other name, and returns it. */
  setAside(): string {
    const path = damagedPath(this.path);
    renameSync(this.path, path);
    return path;
  }

  #stop(reason: string): never {
    this.setAside();
    throw new Error(
      `the sealed ids in ${this.path} are damaged: ${reason}. They were set aside; start again, and they are read from the journal.`,
    );
  }
}

/** The name of a bucket that was found damaged. */
export function damagedPath(path: string): string {
  return `${path}.damaged`;
}

/** **Errors**: throws where neither copy can be read. */
export function readHeader(path: string): BucketFacts {
  const file = openSync(path, "r");
  try {
    const facts = readHeaders(file);
    if (facts !== undefined) return facts;
  } finally {
    closeSync(file);
  }
  throw new Error(
    `both headers of the sealed ids in ${path} are damaged. Nothing was changed. Restore this file from a backup, or remove all of these files and the snapshots: the ids are then read from the journal.`,
  );
}

function readHeaders(file: number): BucketFacts | undefined {
  const bytes = new Uint8Array(PAGE_BYTES);
  const { size } = fstatSync(file);
  for (const position of [0, size - PAGE_BYTES]) {
    if (position < 0 || readSync(file, bytes, 0, PAGE_BYTES, position) !== PAGE_BYTES) continue;
    const facts = decodeHeader(bytes);
    if (facts !== undefined) return facts;
  }
  return undefined;
}

/** A file to read from, or -1: of a cold bucket nothing is missing when somebody has removed it. */
function openBucket(path: string, isWarm: boolean): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (!isWarm && error instanceof Error && "code" in error && error.code === "ENOENT") return -1;
    throw error;
  }
}

/** The first page that may hold a hash: rows of the same hash may begin on the page before the one whose fence it is. */
function firstPage(fences: Uint32Array, pages: number, hash: number): number {
  let low = 0;
  let high = pages;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (fences[middle] < hash) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function readPage(file: number, number: number): boolean {
  return (
    readSync(file, pageBytes, 0, PAGE_BYTES, (1 + number) * PAGE_BYTES) === PAGE_BYTES &&
    page[PAGE_TAIL.number] === number &&
    page[PAGE_TAIL.checksum] === pageChecksum(pageBytes, 0)
  );
}

function readLanes(file: number, position: number, count: number): Uint32Array | undefined {
  const bytes = new Uint8Array(count * 4);
  return readSync(file, bytes, 0, bytes.byteLength, position) === bytes.byteLength
    ? new Uint32Array(bytes.buffer)
    : undefined;
}

function checksum(lanes: Uint32Array): number {
  return crc32(new Uint8Array(lanes.buffer));
}
