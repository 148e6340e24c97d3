import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ChunkPool } from "./chunk-pool.ts";
import type { ChunkToRestore } from "./chunk-task.ts";
import type { Rest } from "./rest.ts";
import {
  type ChunkEntry,
  contentHash,
  FORMAT_VERSION,
  MAGIC,
  PREFIX_BYTES,
  SnapshotDamagedError,
  type SnapshotHeader,
  stateHash,
  TRAILER,
  TRAILER_BYTES,
} from "./snapshot-file.ts";

/** Chunks that are read and decompressed ahead of the one that is taken. */
const CHUNKS_AHEAD = 8;
const HEADER_BYTES_MAX = 65_536;
const DIRECTORY_BYTES_MAX = 1 << 30;

/** A chunk as it was taken. */
export interface RestoredChunk {
  readonly part: string;
  readonly index: number;
  readonly raw: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a snapshot; opening it checks what it says about itself, reading it checks the rest.
 *
 * **Errors**: throws SnapshotDamagedError where anything is not as it was written.
 */
export class SnapshotReader {
  readonly path: string;
  readonly header: SnapshotHeader;
  readonly chunks: readonly ChunkEntry[];
  readonly #file: number;

  private constructor(path: string, file: number, header: SnapshotHeader, chunks: readonly ChunkEntry[]) {
    this.path = path;
    this.#file = file;
    this.header = header;
    this.chunks = chunks;
  }

  static open(path: string): SnapshotReader {
    const file = openSync(path, "r");
    try {
      const { header, chunks } = readOutline(path, file);
      return new SnapshotReader(path, file, header, chunks);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** Hash of the state, as the chunks' hashes say. */
  get stateHash(): string {
    return stateHash(this.chunks);
  }

  /** The chunks in order, each checked; reading goes ahead of whoever takes them. */
  async *restore(pool: ChunkPool): AsyncGenerator<RestoredChunk> {
    const ahead: Promise<RestoredChunk>[] = [];
    try {
      for (const entry of this.chunks) {
        ahead.push(this.#restoreOne(entry, pool));
        // One that fails while another is waited for is looked at when its turn comes.
        ahead.at(-1)?.catch(() => {});
        if (ahead.length >= CHUNKS_AHEAD) yield await (ahead.shift() as Promise<RestoredChunk>);
      }
      for (const chunk of ahead) yield await chunk;
    } finally {
      await Promise.allSettled(ahead);
    }
  }

  /** Checks every chunk: a few at a time, or one after the other with rests in between. */
  async verify(pool: ChunkPool, rest?: Rest): Promise<void> {
    const step = rest === undefined ? CHUNKS_AHEAD : 1;
    for (let first = 0; first < this.chunks.length; first += step) {
      await rest?.();
      const entries = this.chunks.slice(first, first + step);
      const areSound = await Promise.all(entries.map((entry) => pool.check(this.#stored(entry))));
      const damaged = entries.find((_, index) => !areSound[index]);
      if (damaged !== undefined) throw this.#damage(damaged);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  async #restoreOne(entry: ChunkEntry, pool: ChunkPool): Promise<RestoredChunk> {
    const raw = await pool.restore(this.#stored(entry));
    if (raw === undefined) throw this.#damage(entry);
    return { part: entry.part, index: entry.index, raw };
  }

  #stored({ offset, storedBytes, rawBytes, hash }: ChunkEntry): ChunkToRestore {
    const stored = new Uint8Array(storedBytes);
    readSync(this.#file, stored, 0, storedBytes, offset);
    return { stored, rawBytes, hash };
  }

  #damage({ part, index }: ChunkEntry): SnapshotDamagedError {
    return new SnapshotDamagedError(this.path, `chunk ${index} of ${part} is not what was written`);
  }
}

function readOutline(path: string, file: number): { header: SnapshotHeader; chunks: ChunkEntry[] } {
  const damaged = (reason: string): never => {
    throw new SnapshotDamagedError(path, reason);
  };
  const { size } = fstatSync(file);
  const read = (offset: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    return readSync(file, buffer, 0, bytes, offset) === bytes ? buffer : damaged("it ends too early");
  };
  if (size < PREFIX_BYTES + TRAILER_BYTES) damaged("it is too short");
  const prefix = read(0, PREFIX_BYTES);
  const trailer = read(size - TRAILER_BYTES, TRAILER_BYTES);
  if (!prefix.subarray(0, 8).equals(MAGIC)) damaged("it does not begin like a snapshot");
  if (!trailer.subarray(TRAILER.magic).equals(MAGIC)) damaged("it does not end like a snapshot");
  const headerBytes = prefix.readUInt32LE(8);
  const directoryBytes = trailer.readDoubleLE(TRAILER.directoryBytes);
  const directoryOffset = trailer.readDoubleLE(TRAILER.directoryOffset);
  const isPlausible =
    headerBytes <= HEADER_BYTES_MAX &&
    directoryBytes <= DIRECTORY_BYTES_MAX &&
    directoryOffset >= PREFIX_BYTES + headerBytes &&
    directoryOffset + directoryBytes + TRAILER_BYTES === size;
  if (!isPlausible) damaged("its parts do not add up");
  const header = read(PREFIX_BYTES, headerBytes);
  const directory = read(directoryOffset, directoryBytes);
  if (!contentHash(header, directory).equals(trailer.subarray(TRAILER.hash, TRAILER.hash + 32))) {
    damaged("its checksum does not match");
  }
  const outline = {
    header: JSON.parse(header.toString()) as SnapshotHeader,
    chunks: JSON.parse(directory.toString()) as ChunkEntry[],
  };
  if (outline.header.formatVersion !== FORMAT_VERSION) {
    damaged(`its format version is ${outline.header.formatVersion}, this program reads ${FORMAT_VERSION}`);
  }
  return outline;
}
