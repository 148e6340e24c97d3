import { closeSync, openSync, readSync } from "node:fs";
import {
  childPage,
  META,
  META_MAGIC,
  NO_ROOT,
  NODE,
  NODE_BIG,
  NODE_HEADER_BYTES,
  nodeAt,
  PAGE,
  PAGE_BYTES,
  PAGE_FLAG,
  PAGE_HEADER_BYTES,
  TREE,
  uint,
  valueBytes,
} from "./segment-layout.ts";
import type { SegmentStore } from "./segment-reads.ts";

/** Reads that two commits met are done again; each takes far less time than a commit. */
const ATTEMPTS = 1_000;
const DEPTH_MAX = 16;

interface KeyOptions {
  readonly start?: number;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/**
 * A segment read from its file, without LMDB, for processes other than the shard's.
 *
 * Whoever opens an LMDB file writes the number of the commit that he found into its lock file, however long ago he looked. If
 * the shard has committed meanwhile, its next commit begins from that number, and writes over the one in between.
 *
 * What a commit left stays as it is until the one after the next begins, so a read counts if no more than one came in between.
 * **Errors**: throws where a page is not what it must be.
 */
export class SegmentPages implements SegmentStore {
  readonly #path: string;
  readonly #file: number;

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, "r");
  }

  getKeys({ start, limit = Number.POSITIVE_INFINITY, reverse = false }: KeyOptions = {}): readonly number[] {
    return this.#read((root) => {
      const keys: number[] = [];
      if (root !== undefined) this.#collect(root, 1, start, limit, reverse, keys);
      return keys;
    });
  }

  getBinaryFast(key: number): Uint8Array | undefined {
    return this.#read((root) => {
      for (let number = root, depth = 1; number !== undefined; depth += 1) {
        const page = this.#page(number, depth);
        const index = lastAtOrBefore(page, key);
        if (page.isBranch) {
          number = childPage(page.bytes, nodeAt(page.bytes, Math.max(index, 0)));
          continue;
        }
        return index >= 0 && keyAt(page, index) === key ? this.#valueAt(page, index) : undefined;
      }
      return undefined;
    });
  }

  /** There is no transaction to end. */
  resetReadTxn(): void {}

  async close(): Promise<void> {
    closeSync(this.#file);
  }

  /** Does something with the tree that the newest commit left. */
  #read<T>(action: (root: number | undefined) => T): T {
    for (let attempt = 1; ; attempt += 1) {
      const { commit, root } = this.#newest();
      let result: T | undefined;
      let failure: unknown;
      try {
        result = action(root);
      } catch (error) {
        failure = error;
      }
      if (this.#newest().commit - commit <= 1) {
        if (failure !== undefined) throw failure;
        return result as T;
      }
      if (attempt === ATTEMPTS) throw new Error(`${this.#path} is written faster than it can be read`);
    }
  }

  #newest(): { readonly commit: number; readonly root: number | undefined } {
    const metas = this.#bytes(0, 2 * PAGE_BYTES);
    const whole = [0, PAGE_BYTES].filter((at) => metas.readUInt32LE(at + META.magic) === META_MAGIC);
    if (whole.length === 0) throw new Error(`${this.#path} is no LMDB file`);
    const at = whole.reduce((a, b) => (uint(metas, b + META.commit) > uint(metas, a + META.commit) ? b : a));
    const root = metas.readBigInt64LE(at + META.mainTree + TREE.root);
    return { commit: uint(metas, at + META.commit), root: root === NO_ROOT ? undefined : Number(root) };
  }

  /** Adds keys from a start on, or from it backwards, until there are as many as wanted. */
  #collect(
    number: number,
    depth: number,
    start: number | undefined,
    limit: number,
    isReverse: boolean,
    keys: number[],
  ): void {
    const page = this.#page(number, depth);
    const atOrBefore = start === undefined ? (isReverse ? page.nodes - 1 : -1) : lastAtOrBefore(page, start);
    // The child before the start may hold keys behind it; a leaf holds them as they are.
    const isOnStart = !page.isBranch && atOrBefore >= 0 && keyAt(page, atOrBefore) === start;
    const first = page.isBranch ? Math.max(atOrBefore, 0) : isReverse || isOnStart ? atOrBefore : atOrBefore + 1;
    const step = isReverse ? -1 : 1;
    for (let index = first; index >= 0 && index < page.nodes && keys.length < limit; index += step) {
      if (page.isBranch) {
        const child = childPage(page.bytes, nodeAt(page.bytes, index));
        this.#collect(child, depth + 1, start, limit, isReverse, keys);
      } else keys.push(keyAt(page, index));
    }
  }

  #page(number: number, depth: number): Page {
    const bytes = this.#bytes(number * PAGE_BYTES, PAGE_BYTES);
    const flags = bytes.readUInt16LE(PAGE.flags);
    const nodes = bytes.readUInt16LE(PAGE.lower) >>> 1;
    const isWhole = uint(bytes, PAGE.number) === number && PAGE_HEADER_BYTES + 2 * nodes <= PAGE_BYTES;
    if (!isWhole || (flags !== PAGE_FLAG.branch && flags !== PAGE_FLAG.leaf) || depth > DEPTH_MAX) {
      throw new Error(`page ${number} in ${this.#path} is damaged`);
    }
    return { bytes, nodes, isBranch: flags === PAGE_FLAG.branch };
  }

  #valueAt(page: Page, index: number): Uint8Array {
    const { bytes } = page;
    const at = nodeAt(bytes, index);
    const size = valueBytes(bytes, at);
    const dataAt = at + NODE_HEADER_BYTES + bytes.readUInt16LE(at + NODE.keyBytes);
    if (bytes.readUInt16LE(at + NODE.flags) !== NODE_BIG) return bytes.subarray(dataAt, dataAt + size);
    return this.#bytes(uint(bytes, dataAt) * PAGE_BYTES + PAGE_HEADER_BYTES, size);
  }

  #bytes(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    if (!Number.isSafeInteger(position) || readSync(this.#file, bytes, 0, length, position) !== length) {
      throw new Error(`${this.#path} ends too early`);
    }
    return bytes;
  }
}

interface Page {
  readonly bytes: Buffer;
  readonly nodes: number;
  readonly isBranch: boolean;
}

/** A key is a double with its highest byte first, behind a half byte that says so; zeros at its end are left out. */
const keyDouble = new DataView(new ArrayBuffer(8));

/** The key of a node; the first one of a branch has none, and comes before all. */
function keyAt(page: Page, index: number): number {
  if (page.isBranch && index === 0) return Number.NEGATIVE_INFINITY;
  const at = nodeAt(page.bytes, index);
  const keyBytes = page.bytes.readUInt16LE(at + NODE.keyBytes);
  const byteAt = (offset: number): number => (offset < keyBytes ? page.bytes[at + NODE_HEADER_BYTES + offset] : 0);
  for (let offset = 0; offset < 8; offset += 1) {
    keyDouble.setUint8(offset, (byteAt(offset) << 4) | (byteAt(offset + 1) >>> 4));
  }
  return keyDouble.getFloat64(0);
}

/** Index of the last node with a key or one before it, or -1. */
function lastAtOrBefore(page: Page, key: number): number {
  let low = 0;
  let high = page.nodes;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyAt(page, middle) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
