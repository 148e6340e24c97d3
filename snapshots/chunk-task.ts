/** What the pool's threads do: compress and hash chunks, or read, decompress and check them. */

import { hash } from "node:crypto";
import { workerData } from "node:worker_threads";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { yieldToOthers } from "./thread-priority.ts";

const { niceness } = workerDataOf(workerData);
yieldToOthers(niceness);

/** The pool wraps what it is given into an array of its own. */
function workerDataOf(data: unknown): { readonly niceness: number } {
  const given: unknown = Array.isArray(data) ? data.at(-1) : data;
  const isGiven = typeof given === "object" && given !== null && "niceness" in given;
  return { niceness: isGiven ? Number(given.niceness) : 0 };
}

const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export interface CompressedChunk {
  readonly stored: Uint8Array<ArrayBuffer>;
  readonly rawBytes: number;
  readonly hash: string;
}

export interface ChunkToRestore {
  readonly stored: Uint8Array<ArrayBuffer>;
  readonly rawBytes: number;
  readonly hash: string;
}

/** Compresses a chunk. */
export function compress(raw: Uint8Array<ArrayBuffer>): CompressedChunk {
  const stored = new Uint8Array(zstdCompressSync(raw, LEVEL));
  return { stored, rawBytes: raw.byteLength, hash: hash("sha256", raw) };
}

/** The raw bytes of a chunk in a buffer of their own; undefined where they are not what they were. */
export function restore(chunk: ChunkToRestore): Uint8Array<ArrayBuffer> | undefined {
  let raw: Uint8Array<ArrayBuffer>;
  try {
    raw = new Uint8Array(zstdDecompressSync(chunk.stored, { maxOutputLength: chunk.rawBytes }));
  } catch {
    return undefined;
  }
  return raw.byteLength === chunk.rawBytes && hash("sha256", raw) === chunk.hash ? raw : undefined;
}
