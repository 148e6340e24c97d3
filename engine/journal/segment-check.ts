/**
 * Checks the structure of a segment without LMDB, which has no checksums of its own: a damaged page may end whoever reads
 * it without a word, and a damaged meta page may take the last commits away and leave everything else in order.
 *
 * **Source**: LMDB's mdb.c. Each commit writes the pages that it changes to another place, and then one of
 * the two meta pages in turn. So each meta page names a root that its own commit wrote, and no page is used twice: as a meta
 * page, in one of the two trees, or as a free page, which the second tree lists. How it does is in the midl.c of lmdb-js.
 */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  BIG_BYTES,
  BIG_PAGES,
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

const META_VERSION = 2;
/** Asks for an address in memory, which the file names. */
const META_FIXED_MAP = 1;
/** A segment that somebody writes has other meta pages after a look at it, and is looked at again. */
const ATTEMPTS = 3;

/** Says what is wrong with the structure of a segment, or undefined; the frames in it are not looked at. */
export function segmentProblem(path: string): string | undefined {
  const file = openSync(path, "r");
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const metas = readBytes(file, 0, 2 * PAGE_BYTES);
      const problem = problemIn(file, metas);
      if (problem === undefined || readBytes(file, 0, 2 * PAGE_BYTES).equals(metas)) return problem;
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** Ends the walk through a segment with what is wrong. */
class Fault extends Error {}

function problemIn(file: number, metas: Buffer): string | undefined {
  try {
    const pair = [metas.subarray(0, PAGE_BYTES), metas.subarray(PAGE_BYTES)];
    if (pair.every((meta) => meta.readUInt32LE(META.magic) !== META_MAGIC)) return "it is no LMDB file";
    const newest = newestOf(pair);
    const pages = uint(newest, META.lastPage) + 1;
    const { size } = fstatSync(file);
    if (size < pages * PAGE_BYTES) return `it has ${size} bytes, and ${pages * PAGE_BYTES} were written`;
    for (const meta of pair) requireOwnRoot(file, meta);
    new SegmentWalk(file, newest, pages).run();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

/** The meta page that counts. */
function newestOf(pair: readonly Buffer[]): Buffer {
  for (const [number, meta] of pair.entries()) {
    const isWhole =
      uint(meta, PAGE.number) === number &&
      meta.readUInt16LE(PAGE.flags) === PAGE_FLAG.meta &&
      meta.readUInt32LE(META.magic) === META_MAGIC &&
      meta.readUInt32LE(META.version) === META_VERSION &&
      meta.readUInt32LE(META.freeTree + TREE.pageBytes) === PAGE_BYTES &&
      (meta.readUInt16LE(META.flags) & META_FIXED_MAP) === 0;
    if (!isWhole) throw new Fault(`its meta page ${number} is damaged`);
  }
  const [even, odd] = pair.map((meta) => uint(meta, META.commit));
  const isInTurn = odd > even ? odd - even === 1 && odd % 2 === 1 : even - odd === 1 && even % 2 === 0;
  if (!isInTurn && (even !== 0 || odd !== 0)) {
    throw new Fault(`its meta pages are of commits ${even} and ${odd}, which do not follow each other`);
  }
  return pair[odd > even ? 1 : 0];
}

/** Each commit to a segment writes the root of the frames' tree anew. */
function requireOwnRoot(file: number, meta: Buffer): void {
  const root = meta.readBigInt64LE(META.mainTree + TREE.root);
  if (root === NO_ROOT) return;
  const page = readBytes(file, Number(root) * PAGE_BYTES, PAGE_HEADER_BYTES);
  const commit = uint(meta, META.commit);
  if (uint(page, PAGE.commit) !== commit) {
    throw new Fault(`the meta page of commit ${commit} names a root that commit ${uint(page, PAGE.commit)} wrote`);
  }
}

/** Goes to every page that a commit left in use. */
class SegmentWalk {
  readonly #file: number;
  readonly #meta: Buffer;
  readonly #commit: number;
  readonly #isUsed: Uint8Array;
  #counts = { depth: 0, branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };

  constructor(file: number, meta: Buffer, pages: number) {
    this.#file = file;
    this.#meta = meta;
    this.#commit = uint(meta, META.commit);
    this.#isUsed = new Uint8Array(pages).fill(1, 0, 2);
  }

  run(): void {
    this.#tree(META.mainTree);
    this.#tree(META.freeTree);
  }

  #tree(at: number): void {
    this.#counts = { depth: 0, branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    const root = this.#meta.readBigInt64LE(at + TREE.root);
    if (root !== NO_ROOT) this.#page(Number(root), 1, at === META.freeTree);
    const { depth, ...counts } = this.#counts;
    const isCounted =
      this.#meta.readUInt16LE(at + TREE.depth) === depth &&
      (Object.keys(counts) as (keyof typeof counts)[]).every(
        (name) => uint(this.#meta, at + TREE[name]) === counts[name],
      );
    if (!isCounted) throw new Fault("its meta page counts other pages than there are");
  }

  #page(number: number, depth: number, isFree: boolean): void {
    this.#use(number, 1);
    const page = readBytes(this.#file, number * PAGE_BYTES, PAGE_BYTES);
    const flags = this.#flagsOf(page, number);
    const nodes = page.readUInt16LE(PAGE.lower) / 2;
    const nodesAt = PAGE_HEADER_BYTES + 2 * nodes;
    const isWhole =
      (flags === PAGE_FLAG.branch || flags === PAGE_FLAG.leaf) && Number.isInteger(nodes) && nodesAt <= PAGE_BYTES;
    if (!isWhole) throw damagedPage(number);
    this.#counts.depth = Math.max(this.#counts.depth, depth);
    this.#counts[flags === PAGE_FLAG.branch ? "branchPages" : "leafPages"] += 1;
    let lowest = PAGE_BYTES;
    let nodeBytes = 0;
    let previousKey: Buffer | undefined;
    for (let index = 0; index < nodes; index += 1) {
      const at = nodeAt(page, index);
      const dataAt =
        at + NODE_HEADER_BYTES + (at + NODE_HEADER_BYTES > PAGE_BYTES ? 0 : page.readUInt16LE(at + NODE.keyBytes));
      if (at < nodesAt || dataAt > PAGE_BYTES) throw damagedPage(number);
      lowest = Math.min(lowest, at);
      const key = page.subarray(at + NODE_HEADER_BYTES, dataAt);
      // Free pages lie under numbers of another byte order; the first key of a branch is empty.
      if (!isFree && previousKey !== undefined && previousKey.compare(key) >= 0) throw damagedPage(number);
      previousKey = key;
      const size = valueBytes(page, at);
      const nodeFlags = page.readUInt16LE(at + NODE.flags);
      const isLeaf = flags === PAGE_FLAG.leaf;
      const dataBytes = isLeaf ? (nodeFlags === NODE_BIG ? BIG_BYTES : size) : 0;
      nodeBytes += Math.ceil((dataAt - at + dataBytes) / 2) * 2;
      if (isLeaf) this.#entry(page, number, dataAt, size, nodeFlags, isFree);
      else this.#page(childPage(page, at), depth + 1, isFree);
    }
    // The nodes fill the end of the page without a gap.
    const isFilled = PAGE_HEADER_BYTES + page.readUInt16LE(PAGE.upper) === lowest && lowest + nodeBytes === PAGE_BYTES;
    if (nodes > 0 && !isFilled) throw damagedPage(number);
  }

  #entry(page: Buffer, number: number, dataAt: number, size: number, flags: number, isFree: boolean): void {
    this.#counts.entries += 1;
    const isBig = flags === NODE_BIG;
    if ((flags !== 0 && !isBig) || dataAt + (isBig ? BIG_BYTES : size) > PAGE_BYTES) throw damagedPage(number);
    if (isBig) this.#overflow(uint(page, dataAt), uint(page, dataAt + BIG_PAGES), size);
    if (!isFree) return;
    const list = isBig
      ? readBytes(this.#file, uint(page, dataAt) * PAGE_BYTES + PAGE_HEADER_BYTES, size)
      : page.subarray(dataAt, dataAt + size);
    const count = size < 8 ? -1 : uint(list, 0);
    if (count < 0 || (count + 1) * 8 > size) throw damagedPage(number);
    for (let index = 1, length = 1; index <= count; index += 1) {
      // Of several free pages in a row stands first how many they are, below zero; zeros are gaps.
      const entry = Number(list.readBigInt64LE(index * 8));
      if (entry > 0) this.#use(entry, length);
      length = entry < 0 ? -entry : 1;
    }
  }

  #overflow(number: number, pages: number, size: number): void {
    if (pages !== Math.floor((PAGE_HEADER_BYTES - 1 + size) / PAGE_BYTES) + 1) throw damagedPage(number);
    this.#use(number, pages);
    const header = readBytes(this.#file, number * PAGE_BYTES, PAGE_HEADER_BYTES);
    const isWhole =
      this.#flagsOf(header, number) === PAGE_FLAG.overflow && header.readUInt32LE(PAGE.overflowPages) === pages;
    if (!isWhole) throw damagedPage(number);
    this.#counts.overflowPages += pages;
  }

  #flagsOf(page: Buffer, number: number): number {
    if (uint(page, PAGE.number) !== number || uint(page, PAGE.commit) > this.#commit) throw damagedPage(number);
    return page.readUInt16LE(PAGE.flags);
  }

  /** Notes that pages are in use, and nobody else's. */
  #use(first: number, count: number): void {
    for (let number = first; number < first + count; number += 1) {
      if (this.#isUsed[number] !== 0) throw new Fault(`its page ${number} is used twice, or lies behind its end`);
      this.#isUsed[number] = 1;
    }
  }
}

function damagedPage(number: number): Fault {
  return new Fault(`its page ${number} is damaged`);
}

/** Bytes at a position; zeros where the file ends before. */
function readBytes(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (Number.isSafeInteger(position) && position >= 0) readSync(file, bytes, 0, length, position);
  return bytes;
}
