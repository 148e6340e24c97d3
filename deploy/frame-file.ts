/**
 * Files of journal frames in a backup: the frames of one shard, back to back, compressed in blocks.
 *
 * **Shape**: `"MZB1" | blocks`, each block `rawBytes u32 | storedBytes u32 | Zstandard frame`, little-endian. Frames may go
 * on from one block to the next; each says its own length, and carries its own hash.
 */

import { createHash, type Hash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import type { FoundFrame } from "./journal-frames.ts";

const MAGIC = Buffer.from("MZB1");
const BLOCK_BYTES = 4 << 20;
const BLOCK_HEADER_BYTES = 8;
/** A file is closed and the next one begun at this size, before compression. */
export const FRAME_FILE_BYTES_MAX = 256 << 20;
/** Offsets in a frame's header. */
const FRAME = { frameBytes: 72, firstSequence: 80 } as const;

/** A finished file of frames, as the manifest lists it. */
export interface FrameFileFacts {
  /** Path inside the backup. */
  readonly name: string;
  readonly shard: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes frames to a file that has another name until it is complete and on the disk. */
export class FrameFileWriter {
  rawBytes = 0;
  readonly #directory: string;
  readonly #shard: number;
  readonly #firstSequence: number;
  readonly #unfinished: string;
  readonly #file: number;
  readonly #hash: Hash = createHash("sha256");
  #lastSequence = 0;
  #bytes = 0;
  #block: Uint8Array[] = [];
  #blockBytes = 0;

  constructor(backup: string, shard: number, firstSequence: number) {
    this.#directory = join(backup, `shard-${shard}`);
    this.#shard = shard;
    this.#firstSequence = firstSequence;
    this.#unfinished = join(this.#directory, "unfinished");
    this.#file = openSync(this.#unfinished, "w");
    this.#write(MAGIC);
  }

  add(frame: Uint8Array, lastSequence: number): void {
    this.#block.push(frame);
    this.#blockBytes += frame.byteLength;
    this.rawBytes += frame.byteLength;
    this.#lastSequence = lastSequence;
    if (this.#blockBytes >= BLOCK_BYTES) this.#flush();
  }

  /** Makes the file durable under its name. */
  finish(): FrameFileFacts {
    this.#flush();
    fsyncSync(this.#file);
    closeSync(this.#file);
    const name = `frames-${digits(this.#firstSequence)}-${digits(this.#lastSequence)}.zst`;
    renameSync(this.#unfinished, join(this.#directory, name));
    return {
      name: `shard-${this.#shard}/${name}`,
      shard: this.#shard,
      firstSequence: this.#firstSequence,
      lastSequence: this.#lastSequence,
      bytes: this.#bytes,
      sha256: this.#hash.digest("hex"),
    };
  }

  #flush(): void {
    if (this.#blockBytes === 0) return;
    const stored = zstdCompressSync(Buffer.concat(this.#block), { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    const header = Buffer.alloc(BLOCK_HEADER_BYTES);
    header.writeUInt32LE(this.#blockBytes, 0);
    header.writeUInt32LE(stored.byteLength, 4);
    this.#write(header);
    this.#write(stored);
    this.#block = [];
    this.#blockBytes = 0;
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#file, bytes, at);
    this.#hash.update(bytes);
    this.#bytes += bytes.byteLength;
  }
}

/**
 * The frames of a file, oldest first.
 *
 * **Errors**: `backup_damaged` where the file is not what the manifest says; its last frames may have been given out by then.
 */
export function* readFrameFile(backup: string, facts: FrameFileFacts): Generator<FoundFrame> {
  const path = join(backup, facts.name);
  let rest: Buffer = Buffer.alloc(0);
  for (const block of blocksOf(path, facts)) {
    rest = rest.byteLength === 0 ? block : Buffer.concat([rest, block]);
    let at = 0;
    while (rest.byteLength - at > FRAME.frameBytes + 4) {
      const length = rest.readUInt32LE(at + FRAME.frameBytes);
      if (length <= FRAME.firstSequence + 8 || rest.byteLength - at < length) break;
      yield { key: rest.readDoubleLE(at + FRAME.firstSequence), value: rest.subarray(at, at + length), file: path };
      at += length;
    }
    rest = rest.subarray(at);
  }
  if (rest.byteLength > 0) throw damaged(path, "it ends inside a frame");
}

function* blocksOf(path: string, { bytes, sha256 }: FrameFileFacts): Generator<Buffer> {
  const file = openFile(path);
  const hash = createHash("sha256");
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes) throw damaged(path, "its blocks do not fit its length");
    const part = Buffer.alloc(length);
    for (let filled = 0; filled < length; ) {
      const count = readSync(file, part, filled, length - filled, at + filled);
      if (count === 0) throw damaged(path, `it is shorter than ${bytes} bytes`);
      filled += count;
    }
    at += length;
    hash.update(part);
    return part;
  };
  try {
    if (!take(MAGIC.byteLength).equals(MAGIC)) throw damaged(path, "it does not begin like a file of frames");
    while (at < bytes) {
      const header = take(BLOCK_HEADER_BYTES);
      yield decompress(path, take(header.readUInt32LE(4)), header.readUInt32LE(0));
    }
    if (hash.digest("hex") !== sha256) throw damaged(path, "its checksum is not the one in the manifest");
  } finally {
    closeSync(file);
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw damaged(path, error instanceof Error ? error.message : String(error));
  }
}

function decompress(path: string, stored: Buffer, rawBytes: number): Buffer {
  try {
    const raw = zstdDecompressSync(stored, { maxOutputLength: Math.max(rawBytes, 1) });
    if (raw.byteLength === rawBytes) return raw;
  } catch {
    // Told below: what is wrong inside a compressed block says nothing to anybody.
  }
  throw damaged(path, "a block in it cannot be decompressed");
}

function damaged(path: string, why: string): CommandError {
  return new CommandError(EXIT.problems, "backup_damaged", `${path} is damaged: ${why}`);
}

function digits(sequence: number): string {
  return String(sequence).padStart(16, "0");
}
