/**
 * How LMDB lays out a segment: pages of 4 KiB, of which the first two are meta pages that commits write in turn.
 *
 * **Source**: LMDB's mdb.c, data version 2, as it stands in lmdb-js.
 */

export const PAGE_BYTES = 4_096;
export const PAGE_HEADER_BYTES = 24;
/** Offsets in any page. */
export const PAGE = { number: 0, commit: 8, flags: 18, lower: 20, upper: 22, overflowPages: 20 } as const;
export const PAGE_FLAG = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const;
/** Offsets in a meta page. */
export const META = {
  magic: 24,
  version: 28,
  freeTree: 48,
  flags: 52,
  mainTree: 96,
  lastPage: 144,
  commit: 152,
} as const;
export const META_MAGIC = 0xbeefc0de;
/** Offsets in what a meta page says of a tree. */
export const TREE = {
  pageBytes: 0,
  depth: 6,
  branchPages: 8,
  leafPages: 16,
  overflowPages: 24,
  entries: 32,
  root: 40,
} as const;
export const NO_ROOT = -1n;

/** A node of a branch or leaf page: header, key, and behind it the value of a leaf. */
export const NODE_HEADER_BYTES = 8;
/** Offsets in a node; the size of a leaf's value, and the page that a branch leads to, are cut into parts. */
export const NODE = { low: 0, high: 2, flags: 4, keyBytes: 6 } as const;
/** Flag of a value that has pages of its own: in its place stand the first one's number, its commit, and how many they are. */
export const NODE_BIG = 1;
export const BIG_BYTES = 24;
export const BIG_PAGES = 16;

/** Where the node of an index begins in its page. */
export function nodeAt(page: Buffer, index: number): number {
  return PAGE_HEADER_BYTES + page.readUInt16LE(PAGE_HEADER_BYTES + 2 * index);
}

/** How many bytes the value of a leaf's node has. */
export function valueBytes(page: Buffer, node: number): number {
  return page.readUInt16LE(node + NODE.low) + page.readUInt16LE(node + NODE.high) * 0x1_0000;
}

/** The page that a branch's node leads to. */
export function childPage(page: Buffer, node: number): number {
  return valueBytes(page, node) + page.readUInt16LE(node + NODE.flags) * 0x1_0000_0000;
}

/** Numbers of pages and commits; a damaged one that is too large for a number only has to be another one. */
export function uint(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
