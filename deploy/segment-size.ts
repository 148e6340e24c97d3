import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const PAGE_BYTES = 4_096;
const META_BYTES = 136;
const MAGIC = 0xbeefc0de;
/** Offsets in a meta page. */
const META = { magic: 24, lastPage: 144, transaction: 152 } as const;

/**
 * Says what is wrong with the size of a segment, or undefined.
 *
 * LMDB reads its files through memory maps, and a map that is longer than its file ends the process without a word; so this
 * is asked before a segment is opened.
 *
 * **Source**: `MDB_meta` in LMDB's mdb.c; two meta pages, of which the one with the newer transaction counts.
 */
export function segmentSizeProblem(path: string): string | undefined {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const metas = [0, PAGE_BYTES].map((at) => readMeta(file, at)).filter((meta) => meta !== undefined);
    if (metas.length === 0) return "it is no LMDB file";
    const newest = metas.reduce((a, b) => (b.transaction > a.transaction ? b : a));
    const wantedBytes = (newest.lastPage + 1n) * BigInt(PAGE_BYTES);
    return BigInt(size) < wantedBytes ? `it has ${size} bytes, and ${wantedBytes} were written` : undefined;
  } finally {
    closeSync(file);
  }
}

function readMeta(file: number, at: number): { readonly lastPage: bigint; readonly transaction: bigint } | undefined {
  const page = Buffer.alloc(META_BYTES + META.magic);
  if (readSync(file, page, 0, page.length, at) < page.length) return undefined;
  if (page.readUInt32LE(META.magic) !== MAGIC) return undefined;
  return { lastPage: page.readBigUInt64LE(META.lastPage), transaction: page.readBigUInt64LE(META.transaction) };
}
