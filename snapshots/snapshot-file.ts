/**
 * The snapshot file: a state in compressed chunks, each of which can be checked by itself.
 *
 * **Shape**, little-endian:
 * ```
 *   0  magic           8  "MZSNAP1\n"
 *   8  headerBytes     4  u32
 *  12  reserved        4
 *  16  header             JSON of SnapshotHeader
 *  …   chunks             zstd, back to back
 *  …   directory          JSON: an array of ChunkEntry
 *  …   trailer        64  directoryOffset f64 | directoryBytes f64 | SHA-256 of header and directory | reserved 8 | magic
 * ```
 * What the header says is thus covered by the trailer, and each chunk by the hash in its entry.
 */

import { hash } from "node:crypto";

export const MAGIC = Buffer.from("MZSNAP1\n");
export const FORMAT_VERSION = 1;
export const PREFIX_BYTES = 16;
export const TRAILER_BYTES = 64;
export const TRAILER = { directoryOffset: 0, directoryBytes: 8, hash: 16, magic: 56 } as const;

/** What a snapshot is of. */
export interface SnapshotHeader {
  readonly formatVersion: number;
  readonly ledgerId: string;
  readonly shard: number;
  readonly shardCount: number;
  /** Sequence of the last record that the state contains. */
  readonly sequence: number;
  /** Wall clock of that record's frame. **Units**: milliseconds since the epoch. */
  readonly clockMs: number;
  /** Hash of that record's frame, in hexadecimal. */
  readonly frameHash: string;
  readonly createdAtMs: number;
}

/** One chunk of one part. */
export interface ChunkEntry {
  readonly part: string;
  /** Number of the chunk within its part, from 0 on. */
  readonly index: number;
  readonly offset: number;
  readonly storedBytes: number;
  readonly rawBytes: number;
  /** SHA-256 of the raw bytes, in hexadecimal. */
  readonly hash: string;
}

/** A snapshot that cannot be used, and why. */
export class SnapshotDamagedError extends Error {
  constructor(path: string, reason: string) {
    super(`the snapshot ${path} is damaged: ${reason}`);
    this.name = "SnapshotDamagedError";
  }
}

/** **Errors**: throws where a snapshot is of another ledger or shard. */
export function requireSnapshotOf(header: SnapshotHeader, ledgerId: string, shard: number, shardCount: number): void {
  if (header.ledgerId !== ledgerId) throw new Error(`it belongs to ledger ${header.ledgerId}`);
  if (header.shard !== shard || header.shardCount !== shardCount) {
    throw new Error(`it is of shard ${header.shard} of ${header.shardCount}`);
  }
}

/** The hash of a whole state: of its chunks' hashes, part by part. Parts that start with a dash are no part of it. */
export function stateHash(chunks: readonly Pick<ChunkEntry, "part" | "index" | "hash">[]): string {
  const lines = chunks
    .filter(({ part }) => !part.startsWith("-"))
    .map((chunk) => `${chunk.part} ${chunk.index} ${chunk.hash}`);
  return hash("sha256", lines.sort().join("\n"));
}

/** What the trailer's hash is over. */
export function contentHash(header: Uint8Array, directory: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([header, directory]), "buffer");
}
