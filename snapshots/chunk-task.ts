/** What the pool's threads do: compress and hash chunks, or read, decompress and check them. */

import { hash } from "node:crypto";
import { workerData } from "node:worker_threads";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { move, transferableSymbol, valueSymbol } from "piscina";
import { yieldToOthers } from "./thread-priority.ts";

const { niceness } = workerDataOf(workerData);
yieldToOthers(niceness);

/** The pool wraps what it is given into an array of its own. */
function workerDataOf(data: unknown): { readonly niceness: number } {
  const given: unknown = Array.isArray(data) ? data.at(-1) : data;
  const isGiven = typeof given === "object" && given !== null && "niceness" in given;
  return { niceness: isGiven ? Number(given.niceness) : 0 };
}

const LEVEL = 1;
/** Smaller buffers may be slices of one that Node shares out, which cannot be handed over. */
const OUTPUT_BYTES_MIN = 16_384;

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
export function compress(raw: Uint8Array): CompressedChunk {
  // What does not get shorter gets longer by less than this; so there is one buffer, and nothing is put together.
  const chunkSize = OUTPUT_BYTES_MIN + raw.byteLength + (raw.byteLength >>> 7);
  const stored = zstdCompressSync(raw, { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
  return handOver({ stored, rawBytes: raw.byteLength, hash: hash("sha256", raw) }, stored);
}

/** The raw bytes of a chunk in a buffer of their own; undefined where they are not what they were. */
export function restore(chunk: ChunkToRestore): Uint8Array<ArrayBuffer> | undefined {
  const raw = decompress(chunk);
  return raw === undefined ? undefined : handOver(raw, raw);
}

/** Whether the raw bytes of a chunk are what they were. */
export function check(chunk: ChunkToRestore): boolean {
  const raw = decompress(chunk);
  if (raw === undefined) return false;
  release(raw);
  return true;
}

function decompress({ stored, rawBytes, hash: expected }: ChunkToRestore): Uint8Array<ArrayBuffer> | undefined {
  try {
    const chunkSize = Math.max(OUTPUT_BYTES_MIN, rawBytes);
    const raw = zstdDecompressSync(stored, { chunkSize, maxOutputLength: rawBytes });
    return raw.byteLength === rawBytes && hash("sha256", raw) === expected ? raw : undefined;
  } catch {
    return undefined;
  } finally {
    release(stored);
  }
}

/** Gives an answer with its bytes themselves, not a copy that would wait here to be collected. */
function handOver<Answer extends object>(answer: Answer, { buffer }: Uint8Array<ArrayBuffer>): Answer {
  return move({ [transferableSymbol]: buffer, [valueSymbol]: answer }) as Answer;
}

/** Gives memory back at once: a thread that allocates little else collects it late. */
function release({ buffer }: Uint8Array<ArrayBuffer>): void {
  buffer.transfer(0);
}
