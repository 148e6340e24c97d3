/**
 * Writes a sealed segment into an archive file, and verifies an archive file to the last byte.
 *
 * The file has another name until it is complete, on the disk, and has been read back.
 */

import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Rest } from "../../snapshots/rest.ts";
import {
  ARCHIVE_HASH_BYTES,
  type ArchiveBlock,
  ArchiveFile,
  archivePath,
  encodeArchiveDirectory,
  encodeArchiveFooter,
  encodeArchiveHeader,
} from "./archive-file.ts";
import { type Frame, framesOf, openFrame } from "./frame.ts";
import { openSegmentForReading, requireRoom, segmentPath, syncDirectory } from "./segment-file.ts";
import { frameAtOrBefore, keysFrom, type SegmentStore, usedBytesIn } from "./segment-reads.ts";

/** Small frames share a block of about this length; a larger frame has one to itself. **Units**: bytes. */
const BLOCK_BYTES = 256 << 10;
const READ_BYTES = 1 << 20;
/** Bytes after which the file is made durable as far as it is written: all of it at once would hold the journal's syncs up. */
const SYNC_BYTES = 4 << 20;
/** Random ids take most of what is left, so that higher levels cost much and gain two per cent. */
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const UNFINISHED = /^archiving-\d+\.mza$/;

export interface ArchiveTask {
  /** The shard's directory with the live segments. */
  readonly directory: string;
  /** The shard's directory of archive files; it is made where it is missing. */
  readonly archiveDirectory: string;
  readonly shard: number;
  readonly ledgerId: string;
  /** Called between two blocks; without it, others of the same thread get their turn there. */
  readonly rest?: Rest;
}

/** What an archive file holds. */
export interface ArchiveFacts {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly frames: number;
  /** Before compression. **Units**: bytes. */
  readonly contentBytes: number;
  /** Length of the file. **Units**: bytes. */
  readonly storedBytes: number;
}

/** What an archive file holds, and what it chains to on either side. */
export interface VerifiedArchive extends ArchiveFacts {
  readonly firstPreviousHash: Uint8Array;
  readonly lastHash: Uint8Array;
}

/**
 * Makes sure that the archive holds a sealed segment, byte for byte. The segment itself stays as it is.
 *
 * An archive file that is there already, because the process ended before it gave the segment up, is verified instead.
 * **Errors**: throws where the segment or the file read back is damaged; nothing is lost then.
 */
export async function archiveSegment(task: ArchiveTask, ordinal: number): Promise<ArchiveFacts> {
  prepareArchiveDirectory(task.archiveDirectory);
  const path = archivePath(task.archiveDirectory, ordinal);
  const segment = openSegmentForReading(segmentPath(task.directory, ordinal));
  try {
    const ends = endsOf(segment, task.shard);
    if (existsSync(path)) return await verifiedAgainst(path, ends, task.rest);
    // What is left on the disk is for the shards first.
    requireRoom(task.archiveDirectory, usedBytesIn(segment));
    const unfinished = join(task.archiveDirectory, `archiving-${ordinal}.mza`);
    await write(unfinished, segment, task, ordinal, ends);
    const facts = await verifiedAgainst(unfinished, ends, task.rest);
    renameSync(unfinished, path);
    syncDirectory(task.archiveDirectory);
    return facts;
  } finally {
    await segment.close();
  }
}

/** Makes the directory, and removes from it what was being written when a process ended. */
export function prepareArchiveDirectory(archiveDirectory: string): void {
  mkdirSync(archiveDirectory, { recursive: true });
  for (const name of readdirSync(archiveDirectory)) if (UNFINISHED.test(name)) rmSync(join(archiveDirectory, name));
}

/**
 * Verifies an archive file: its hash, every block, every frame and the chain between them.
 *
 * **Errors**: throws at the first thing that is wrong, with the path and the place.
 */
export async function verifyArchive(path: string, rest: Rest = setImmediate): Promise<VerifiedArchive> {
  const archive = new ArchiveFile(path);
  try {
    await verifyFileHash(archive, rest);
    const { header, blocks } = archive;
    let next = header.firstSequence;
    let frames = 0;
    let contentBytes = 0;
    let firstPreviousHash: Uint8Array | undefined;
    let lastHash: Uint8Array | undefined;
    for (const block of blocks) {
      const content = zstdDecompressSync(archive.readBlock(block));
      for (const bytes of framesOf(content)) {
        const frame = openFrame(bytes, header.shard);
        const reason =
          typeof frame === "string"
            ? frame
            : frame.firstSequence !== next
              ? `it begins at ${frame.firstSequence}`
              : lastHash !== undefined && Buffer.compare(frame.previousHash, lastHash) !== 0
                ? "it does not follow from the frame before it"
                : undefined;
        if (typeof frame === "string" || reason !== undefined) {
          throw new Error(`the frame at ${header.shard}:${next} in ${path} is damaged: ${reason}`);
        }
        firstPreviousHash ??= frame.previousHash;
        lastHash = frame.hash;
        next += frame.recordCount;
        frames += 1;
      }
      contentBytes += content.byteLength;
      await rest();
    }
    if (
      frames !== header.frameCount ||
      next !== header.lastSequence + 1 ||
      firstPreviousHash === undefined ||
      lastHash === undefined
    ) {
      throw new Error(`${path} ends at ${header.shard}:${next - 1}; its header says ${header.lastSequence}`);
    }
    const { firstSequence, lastSequence } = header;
    return {
      firstSequence,
      lastSequence,
      frames,
      contentBytes,
      storedBytes: archive.bytes,
      firstPreviousHash,
      lastHash,
    };
  } finally {
    archive.close();
  }
}

async function verifyFileHash(archive: ArchiveFile, rest: Rest): Promise<void> {
  const hash = createHash("sha256");
  const end = archive.bytes - ARCHIVE_HASH_BYTES;
  for (let at = 0; at < end; at += READ_BYTES) {
    hash.update(archive.read(at, Math.min(READ_BYTES, end - at)));
    await rest();
  }
  if (hash.digest().compare(archive.read(end, ARCHIVE_HASH_BYTES)) !== 0) {
    throw new Error(`the archive file ${archive.path} is damaged: its content does not match its hash`);
  }
}

async function verifiedAgainst(path: string, ends: SegmentEnds, rest: Rest | undefined): Promise<ArchiveFacts> {
  const facts = await verifyArchive(path, rest);
  if (facts.firstSequence !== ends.keys[0] || Buffer.compare(facts.lastHash, ends.lastHash) !== 0) {
    throw new Error(`${path} does not hold the same frames as the segment that it was made from`);
  }
  return facts;
}

interface SegmentEnds {
  readonly keys: readonly number[];
  readonly firstClockMs: number;
  readonly lastClockMs: number;
  readonly lastSequence: number;
  readonly lastHash: Uint8Array;
}

function endsOf(segment: SegmentStore, shard: number): SegmentEnds {
  const keys = keysFrom(segment, 1);
  if (keys.length === 0) throw new Error("an empty segment is not archived");
  const firstClockMs = frameWithKey(segment, keys[0], shard).clockMs;
  const last = frameWithKey(segment, keys[keys.length - 1], shard);
  return {
    keys,
    firstClockMs,
    lastClockMs: last.clockMs,
    lastSequence: last.firstSequence + last.recordCount - 1,
    lastHash: last.hash.slice(),
  };
}

/** A frame of the segment, verified, valid until the next read. */
function frameWithKey(segment: SegmentStore, key: number, shard: number): Frame {
  const frame = openFrame(frameAtOrBefore(segment, key) ?? new Uint8Array(), shard);
  if (typeof frame === "string") throw new Error(`the journal frame at ${shard}:${key} is damaged: ${frame}`);
  return frame;
}

async function write(
  path: string,
  segment: SegmentStore,
  task: ArchiveTask,
  ordinal: number,
  ends: SegmentEnds,
): Promise<void> {
  const file = openSync(path, "w");
  const hash = createHash("sha256");
  let offset = 0;
  let syncAt = SYNC_BYTES;
  const put = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.byteLength; ) done += writeSync(file, bytes, done);
    hash.update(bytes);
    offset += bytes.byteLength;
  };
  try {
    const { firstClockMs, lastClockMs, lastSequence, keys } = ends;
    const { shard, ledgerId, rest = setImmediate } = task;
    const range = { firstSequence: keys[0], lastSequence, firstClockMs, lastClockMs };
    const header = encodeArchiveHeader({ shard, ledgerId, ordinal, frameCount: keys.length, ...range });
    put(header);
    const blocks: ArchiveBlock[] = [];
    for (const { content, firstSequence, firstClockMs } of blocksOf(segment, task.shard, keys)) {
      const stored = zstdCompressSync(content, COMPRESSION);
      const { byteLength: storedBytes } = stored;
      const contentBytes = content.byteLength;
      blocks.push({ firstSequence, firstClockMs, offset, storedBytes, contentBytes, crc32: crc32(stored) });
      put(stored);
      if (offset >= syncAt) {
        fdatasyncSync(file);
        syncAt = offset + SYNC_BYTES;
      }
      await rest();
    }
    const directoryOffset = offset;
    const directory = encodeArchiveDirectory(blocks);
    put(directory);
    put(encodeArchiveFooter(directoryOffset, directory, header));
    put(hash.copy().digest());
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

interface BlockContent {
  readonly content: Uint8Array;
  readonly firstSequence: number;
  readonly firstClockMs: number;
}

function* blocksOf(segment: SegmentStore, shard: number, keys: readonly number[]): Generator<BlockContent> {
  let frames: Frame[] = [];
  let bytes = 0;
  const block = (): BlockContent => ({
    content: Buffer.concat(frames.map((frame) => frame.bytes)),
    firstSequence: frames[0].firstSequence,
    firstClockMs: frames[0].clockMs,
  });
  for (const key of keys) {
    const frame = frameWithKey(segment, key, shard);
    const kept = { ...frame, bytes: frame.bytes.slice() };
    if (bytes > 0 && bytes + kept.bytes.byteLength > BLOCK_BYTES) {
      yield block();
      frames = [];
      bytes = 0;
    }
    frames.push(kept);
    bytes += kept.bytes.byteLength;
  }
  yield block();
}
