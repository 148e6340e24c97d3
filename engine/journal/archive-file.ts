/**
 * An archive file: the frames of one sealed segment, compressed and checksummed, never changed again.
 *
 * **Shape** (little-endian), in this order:
 * ```
 * header, 96 bytes
 *    0 magic "MZA1"   4 version u16   6 shard u16   8 ledgerId, 16 bytes   24 ordinal u32   28 frameCount u32
 *   32 firstSequence f64   40 lastSequence f64   48 firstClockMs f64   56 lastClockMs f64   64 reserved
 * blocks: one zstd stream each, of one or more whole frames, in order
 * directory, 40 bytes a block
 *    0 firstSequence f64   8 firstClockMs f64   16 offset f64   24 storedBytes u32   28 contentBytes u32   32 crc32 u32
 * footer, 64 bytes
 *    0 directoryOffset f64   8 blockCount u32   12 crc32 of the directory u32   16 crc32 of the header u32   28 magic
 *   32 SHA-256 of everything before it
 * ```
 */

import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

const MAGIC = 0x31415a4d;
const ARCHIVE_VERSION = 1;
const ARCHIVE_HEADER_BYTES = 96;
const ARCHIVE_FOOTER_BYTES = 64;
/** Bytes at the end of the footer that the file's hash does not cover: the hash itself. */
export const ARCHIVE_HASH_BYTES = 32;
const ENTRY_BYTES = 40;
const NAME = /^segment-(\d{8})\.mza$/;

/** What the header says. */
export interface ArchiveHeader {
  readonly shard: number;
  readonly ledgerId: string;
  readonly ordinal: number;
  readonly frameCount: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstClockMs: number;
  readonly lastClockMs: number;
}

/** Where a block lies, and what it begins with. */
export interface ArchiveBlock {
  readonly firstSequence: number;
  readonly firstClockMs: number;
  readonly offset: number;
  readonly storedBytes: number;
  readonly contentBytes: number;
  readonly crc32: number;
}

/** An archive file is not what was written: the records in it cannot be read, and nothing else depends on them. */
export class ArchiveDamagedError extends Error {
  constructor(path: string, reason: string) {
    super(`the archive file ${path} is damaged: ${reason}. Restore it from a backup.`);
  }
}

/** The path of an archive file. */
export function archivePath(directory: string, ordinal: number): string {
  return join(directory, `segment-${String(ordinal).padStart(8, "0")}.mza`);
}

/** Ordinals of the archive files in a directory, ascending; none where it does not exist. */
export function listArchives(directory: string): number[] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names
    .map((name) => NAME.exec(name)?.[1])
    .filter((ordinal) => ordinal !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

export function encodeArchiveHeader(header: ArchiveHeader): Uint8Array {
  const bytes = Buffer.alloc(ARCHIVE_HEADER_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(ARCHIVE_VERSION, 4);
  bytes.writeUInt16LE(header.shard, 6);
  bytes.write(header.ledgerId.replaceAll("-", ""), 8, "hex");
  bytes.writeUInt32LE(header.ordinal, 24);
  bytes.writeUInt32LE(header.frameCount, 28);
  bytes.writeDoubleLE(header.firstSequence, 32);
  bytes.writeDoubleLE(header.lastSequence, 40);
  bytes.writeDoubleLE(header.firstClockMs, 48);
  bytes.writeDoubleLE(header.lastClockMs, 56);
  return bytes;
}

export function encodeArchiveDirectory(blocks: readonly ArchiveBlock[]): Uint8Array {
  const bytes = Buffer.alloc(blocks.length * ENTRY_BYTES);
  for (const [index, block] of blocks.entries()) {
    const at = index * ENTRY_BYTES;
    bytes.writeDoubleLE(block.firstSequence, at);
    bytes.writeDoubleLE(block.firstClockMs, at + 8);
    bytes.writeDoubleLE(block.offset, at + 16);
    bytes.writeUInt32LE(block.storedBytes, at + 24);
    bytes.writeUInt32LE(block.contentBytes, at + 28);
    bytes.writeUInt32LE(block.crc32, at + 32);
  }
  return bytes;
}

/** The footer without the file's hash, which follows it. */
export function encodeArchiveFooter(directoryOffset: number, directory: Uint8Array, header: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(ARCHIVE_FOOTER_BYTES - ARCHIVE_HASH_BYTES);
  bytes.writeDoubleLE(directoryOffset, 0);
  bytes.writeUInt32LE(directory.byteLength / ENTRY_BYTES, 8);
  bytes.writeUInt32LE(crc32(directory), 12);
  bytes.writeUInt32LE(crc32(header), 16);
  bytes.writeUInt32LE(MAGIC, 28);
  return bytes;
}

/**
 * An archive file opened for reading: header and directory in memory, blocks on demand.
 *
 * **Errors**: throws where the file is damaged or of another format, with its path.
 */
export class ArchiveFile {
  readonly path: string;
  readonly header: ArchiveHeader;
  /** In order of their sequences. */
  readonly blocks: readonly ArchiveBlock[];
  /** Length of the file. **Units**: bytes. */
  readonly bytes: number;
  readonly #file: number;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "r");
    try {
      this.bytes = fstatSync(this.#file).size;
      if (this.bytes < ARCHIVE_HEADER_BYTES + ARCHIVE_FOOTER_BYTES) throw this.#damage("it is too short");
      const header = this.read(0, ARCHIVE_HEADER_BYTES);
      const footer = this.read(this.bytes - ARCHIVE_FOOTER_BYTES, ARCHIVE_FOOTER_BYTES);
      if (header.readUInt32LE(0) !== MAGIC || footer.readUInt32LE(28) !== MAGIC) {
        throw this.#damage("it does not begin and end like an archive file");
      }
      if (footer.readUInt32LE(16) !== crc32(header)) throw this.#damage("its header does not match its checksum");
      const version = header.readUInt16LE(4);
      if (version !== ARCHIVE_VERSION) {
        throw this.#damage(`its format version is ${version}, this program reads ${ARCHIVE_VERSION}`);
      }
      this.header = decodeHeader(header);
      this.blocks = this.#readDirectory(footer);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** Bytes of the file at an offset. */
  read(offset: number, bytes: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    if (readSync(this.#file, buffer, 0, bytes, offset) !== bytes) throw this.#damage("it ends too early");
    return buffer;
  }

  /** Compressed bytes of a block, verified. */
  readBlock(block: ArchiveBlock): Buffer {
    const stored = this.read(block.offset, block.storedBytes);
    if (crc32(stored) !== block.crc32) {
      throw this.#damage(`its block at ${block.offset} does not match its checksum`);
    }
    return stored;
  }

  close(): void {
    closeSync(this.#file);
  }

  #readDirectory(footer: Buffer): ArchiveBlock[] {
    const offset = footer.readDoubleLE(0);
    const count = footer.readUInt32LE(8);
    if (offset + count * ENTRY_BYTES + ARCHIVE_FOOTER_BYTES !== this.bytes) {
      throw this.#damage("its directory does not lie where its footer says");
    }
    const bytes = this.read(offset, count * ENTRY_BYTES);
    if (crc32(bytes) !== footer.readUInt32LE(12)) throw this.#damage("its directory does not match its checksum");
    return Array.from({ length: count }, (_, index) => decodeBlock(bytes, index * ENTRY_BYTES));
  }

  #damage(reason: string): Error {
    return new ArchiveDamagedError(this.path, reason);
  }
}

function decodeHeader(bytes: Buffer): ArchiveHeader {
  const id = bytes.toString("hex", 8, 24);
  return {
    shard: bytes.readUInt16LE(6),
    ledgerId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    ordinal: bytes.readUInt32LE(24),
    frameCount: bytes.readUInt32LE(28),
    firstSequence: bytes.readDoubleLE(32),
    lastSequence: bytes.readDoubleLE(40),
    firstClockMs: bytes.readDoubleLE(48),
    lastClockMs: bytes.readDoubleLE(56),
  };
}

function decodeBlock(bytes: Buffer, at: number): ArchiveBlock {
  return {
    firstSequence: bytes.readDoubleLE(at),
    firstClockMs: bytes.readDoubleLE(at + 8),
    offset: bytes.readDoubleLE(at + 16),
    storedBytes: bytes.readUInt32LE(at + 24),
    contentBytes: bytes.readUInt32LE(at + 28),
    crc32: bytes.readUInt32LE(at + 32),
  };
}
