/**
 * Segment files of a shard's journal: `segment-00000001.mdb` and on, one LMDB environment each.
 *
 * A segment's room is written with zeros before the first frame goes in. Commits then only overwrite blocks that the
 * file system has already allocated, which makes them two to three times as fast as in a file that grows.
 */

import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";

const SEGMENT_NAME = /^segment-(\d{8})\.mdb$/;
const SPARE_NAME = /^spare-\d+\.mdb$/;
/** Files kept as room for new segments; a snapshot may set free more at once than are needed until the next. */
const SPARES_MAX = 8;
/** A segment may end a little above its length; a spare file much longer comes from another setting. */
const SPARE_LENGTH_MAX = 1.25;
const ZEROS = new Uint8Array(1 << 20);
const SYNC_EVERY_BYTES = 8 << 20;
/** A segment has at most 4 GiB, and its map twice as much. */
const READ_MAP_BYTES = 8 * 1024 ** 3;

/** Room that must be left before a segment is begun. */
const SPARE_BYTES = 8 << 20;

/** The path of a segment. */
export function segmentPath(directory: string, ordinal: number): string {
  return join(directory, `segment-${String(ordinal).padStart(8, "0")}.mdb`);
}

/** Ordinals of the segments in a directory, ascending. */
export function listSegments(directory: string): number[] {
  return readdirSync(directory)
    .map((name) => SEGMENT_NAME.exec(name)?.[1])
    .filter((ordinal) => ordinal !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** Opens a segment; a commit returns after its sync, and the map is larger than the segment may become. */
export function openSegment(path: string, segmentBytes: number): RootDatabase<Uint8Array, number> {
  return open<Uint8Array, number>({
    path,
    noSubdir: true,
    encoding: "binary",
    mapSize: segmentBytes * 2,
    overlappingSync: false,
    eventTurnBatching: false,
    maxDbs: 1,
  });
}

/** Opens a segment without ever writing to it; the map has room for the largest segment, of which it costs no memory. */
export function openSegmentForReading(path: string): RootDatabase<Uint8Array, number> {
  return open<Uint8Array, number>({
    path,
    noSubdir: true,
    encoding: "binary",
    mapSize: READ_MAP_BYTES,
    readOnly: true,
    maxDbs: 1,
  });
}

/**
 * Checks that a file of a length can be written.
 *
 * LMDB maps its lock file into memory, and a write to a map that finds no room ends the process without a word.
 * **Errors**: throws where the disk is too full.
 */
export function requireRoom(directory: string, fileBytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes < fileBytes + SPARE_BYTES) {
    throw new Error(`no space left: ${directory} has ${freeBytes} bytes free, ${fileBytes + SPARE_BYTES} are needed`);
  }
}

/**
 * Makes an empty segment whose room is already on the disk, and names it only when it is complete. The room is that of a
 * segment that was given up, or is written with zeros.
 *
 * Where the segment exists meanwhile, because it was needed earlier, the prepared file is dropped.
 */
export async function prepareSegment(directory: string, ordinal: number, segmentBytes: number): Promise<void> {
  const unfinished = join(directory, `preparing-${ordinal}.mdb`);
  rmSync(unfinished, { force: true });
  if (takeSpare(directory, unfinished, segmentBytes)) {
    await makeEmpty(unfinished, segmentBytes);
  } else {
    requireRoom(directory, segmentBytes);
    await openSegment(unfinished, segmentBytes).close();
    fillWithZeros(unfinished, segmentBytes);
  }
  try {
    linkSync(unfinished, segmentPath(directory, ordinal));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  rmSync(unfinished, { force: true });
  rmSync(`${unfinished}-lock`, { force: true });
  syncDirectory(directory);
}

function fillWithZeros(path: string, segmentBytes: number): void {
  const file = openSync(path, "r+");
  try {
    let unsyncedBytes = 0;
    for (let at = fstatSync(file).size; at < segmentBytes; at += ZEROS.length) {
      unsyncedBytes += writeSync(file, ZEROS, 0, Math.min(ZEROS.length, segmentBytes - at), at);
      if (unsyncedBytes >= SYNC_EVERY_BYTES) {
        fdatasyncSync(file);
        unsyncedBytes = 0;
      }
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes a used file an empty environment. The old pages stay in it: LMDB reads none that it has not written since. */
async function makeEmpty(path: string, segmentBytes: number): Promise<void> {
  const emptyPath = `${path}-empty`;
  await openSegment(emptyPath, segmentBytes).close();
  const head = readFileSync(emptyPath);
  rmSync(emptyPath);
  rmSync(`${emptyPath}-lock`, { force: true });
  const file = openSync(path, "r+");
  try {
    writeSync(file, head, 0, head.byteLength, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Gives up a sealed segment that the archive holds. Where nobody has the file open any more, it may stay as room for a
 * new segment; says whether it does.
 */
export function giveUpSegment(directory: string, ordinal: number, mayRecycle: boolean): boolean {
  const path = segmentPath(directory, ordinal);
  const isRecycled = mayRecycle && listSpares(directory).length < SPARES_MAX;
  if (isRecycled) renameSync(path, join(directory, `spare-${ordinal}.mdb`));
  else rmSync(path);
  rmSync(`${path}-lock`, { force: true });
  syncDirectory(directory);
  return isRecycled;
}

/** Removes what a process left behind that ended while it prepared a segment. */
export function removeUnfinishedSegments(directory: string): void {
  for (const name of readdirSync(directory)) if (name.startsWith("preparing-")) rmSync(join(directory, name));
}

/** Gives a spare file of the right length another name; spare files of other lengths are removed. */
function takeSpare(directory: string, path: string, segmentBytes: number): boolean {
  for (const spare of listSpares(directory)) {
    const { size } = statSync(spare);
    if (size >= segmentBytes && size <= segmentBytes * SPARE_LENGTH_MAX) {
      renameSync(spare, path);
      return true;
    }
    rmSync(spare);
  }
  return false;
}

function listSpares(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => SPARE_NAME.test(name))
    .map((name) => join(directory, name));
}

/** Makes the names in a directory durable. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
