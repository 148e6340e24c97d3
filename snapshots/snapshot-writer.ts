import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { ChunkPool } from "./chunk-pool.ts";
import type { CompressedChunk } from "./chunk-task.ts";
import type { Rest } from "./rest.ts";
import {
  type ChunkEntry,
  contentHash,
  MAGIC,
  PREFIX_BYTES,
  type SnapshotHeader,
  stateHash,
  TRAILER,
  TRAILER_BYTES,
} from "./snapshot-file.ts";
import { SnapshotReader } from "./snapshot-reader.ts";

/**
 * Bytes after which the file is made durable as far as it is written: a whole snapshot at once would hold the journal's
 * syncs up, for the disk takes both.
 */
const SYNC_BYTES = 4 * 1_048_576;

/** What a finished snapshot came to. */
export interface SnapshotFacts {
  readonly path: string;
  readonly bytes: number;
  readonly rawBytes: number;
  readonly stateHash: string;
}

/**
 * Writes a snapshot under an unfinished name, which only a complete and synced file loses that has been read back.
 *
 * **Errors**: throws where the disk does not take it or does not give it back; `abandon` then removes what is there.
 */
export class SnapshotWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #header: Uint8Array;
  readonly #entries: ChunkEntry[] = [];
  #at: number;
  #syncAt = SYNC_BYTES;

  private constructor(path: string, file: FileHandle, header: Uint8Array, at: number) {
    this.#path = path;
    this.#file = file;
    this.#header = header;
    this.#at = at;
  }

  /** Begins the snapshot that will have a path. */
  static async begin(path: string, header: SnapshotHeader): Promise<SnapshotWriter> {
    const file = await open(unfinishedPath(path), "w");
    const text = Buffer.from(JSON.stringify(header));
    const prefix = Buffer.alloc(PREFIX_BYTES);
    MAGIC.copy(prefix);
    prefix.writeUInt32LE(text.byteLength, MAGIC.byteLength);
    const head = Buffer.concat([prefix, text]);
    await writeAll(file, head, 0);
    return new SnapshotWriter(path, file, text, head.byteLength);
  }

  /** Writes a chunk, whose bytes go away. */
  async add(part: string, index: number, { stored, rawBytes, hash }: CompressedChunk): Promise<void> {
    const offset = this.#at;
    const storedBytes = stored.byteLength;
    this.#at += storedBytes;
    this.#entries.push({ part, index, offset, storedBytes, rawBytes, hash });
    await writeAll(this.#file, stored, offset);
    // Gives the memory back at once; left to be collected, a snapshot would leave all of its bytes behind.
    stored.buffer.transfer(0);
    if (this.#at < this.#syncAt) return;
    this.#syncAt = this.#at + SYNC_BYTES;
    await this.#file.datasync();
  }

  /** Completes the file, makes it durable, reads every chunk back, with rests where it is told to, and gives it its name. */
  async finish(pool: ChunkPool, rest?: Rest): Promise<SnapshotFacts> {
    const directory = Buffer.from(JSON.stringify(this.#entries));
    const trailer = Buffer.alloc(TRAILER_BYTES);
    trailer.writeDoubleLE(this.#at, TRAILER.directoryOffset);
    trailer.writeDoubleLE(directory.byteLength, TRAILER.directoryBytes);
    contentHash(this.#header, directory).copy(trailer, TRAILER.hash);
    MAGIC.copy(trailer, TRAILER.magic);
    const end = Buffer.concat([directory, trailer]);
    await writeAll(this.#file, end, this.#at);
    await this.#file.sync();
    await this.#file.close();
    await verify(unfinishedPath(this.#path), pool, rest);
    await rename(unfinishedPath(this.#path), this.#path);
    await syncDirectory(dirname(this.#path));
    return {
      path: this.#path,
      bytes: this.#at + end.byteLength,
      rawBytes: this.#entries.reduce((sum, { rawBytes }) => sum + rawBytes, 0),
      stateHash: stateHash(this.#entries),
    };
  }

  /** Gives the snapshot up. What a broken disk does not let go of counts for nothing, and goes at the next start. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(unfinishedPath(this.#path), { force: true }).catch(() => {});
  }
}

export const UNFINISHED = ".unfinished";

function unfinishedPath(path: string): string {
  return `${path}${UNFINISHED}`;
}

async function verify(path: string, pool: ChunkPool, rest: Rest | undefined): Promise<void> {
  const reader = SnapshotReader.open(path);
  try {
    await reader.verify(pool, rest);
  } finally {
    reader.close();
  }
}

/** A disk that is nearly full takes only some of the bytes, without an error. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
