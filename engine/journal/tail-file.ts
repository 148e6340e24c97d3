import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { frameBytesOf } from "./frame.ts";
import { syncDirectory } from "./segment-file.ts";

/**
 * Frames that were cut off a shard's journal, back to back as they stood there: each says its length, and has its own hash.
 *
 * **Shape** of the name: `unreplicated-<first sequence>-<last sequence>.frames`.
 */
const NAME = /^unreplicated-(\d+)-(\d+)\.frames$/;
const UNFINISHED = ".unfinished";

/** A file of frames that were cut off. */
export interface TailFile {
  readonly path: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** The files of a shard's directory; those that were not completed are removed. */
export function listTailFiles(directory: string): TailFile[] {
  const names = readdirSync(directory);
  for (const name of names) {
    if (NAME.test(name.replace(UNFINISHED, "")) && name.endsWith(UNFINISHED)) rmSync(join(directory, name));
  }
  return names
    .map((name) => ({ path: join(directory, name), match: NAME.exec(name) }))
    .flatMap(({ path, match }) =>
      match === null ? [] : [{ path, firstSequence: Number(match[1]), lastSequence: Number(match[2]) }],
    );
}

/**
 * Writes frames to a file, which gets its name when it is complete and on the disk.
 *
 * **Errors**: throws where there is one of that name already.
 */
export function writeTailFile(
  directory: string,
  firstSequence: number,
  lastSequence: number,
  frames: Iterable<Uint8Array>,
): TailFile {
  const path = join(directory, `unreplicated-${firstSequence}-${lastSequence}.frames`);
  if (existsSync(path)) {
    throw new Error(
      `${path} holds other frames than the journal. Nothing was changed. Move this file to another place.`,
    );
  }
  const unfinished = `${path}${UNFINISHED}`;
  const file = openSync(unfinished, "w");
  try {
    for (const frame of frames) writeAll(file, frame);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  syncDirectory(directory);
  return { path, firstSequence, lastSequence };
}

/** The bytes of each frame in a file; what is no frame ends them as one more. */
export function* readTailFile(path: string): Generator<Uint8Array> {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    for (let at = 0; at < size; ) {
      const header = readAt(file, at, Math.min(FRAME_HEADER_BYTES, size - at));
      const frameBytes = header.byteLength === FRAME_HEADER_BYTES ? frameBytesOf(header) : 0;
      const isFrame = frameBytes >= FRAME_HEADER_BYTES && frameBytes <= Math.min(FRAME_BYTES_MAX, size - at);
      yield isFrame ? readAt(file, at, frameBytes) : readAt(file, at, Math.min(FRAME_BYTES_MAX, size - at));
      if (!isFrame) return;
      at += frameBytes;
    }
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) done += writeSync(file, bytes, done);
}

function readAt(file: number, position: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(length);
  if (readSync(file, bytes, 0, length, position) !== length) throw new Error("the file has become shorter");
  return bytes;
}
