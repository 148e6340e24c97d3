import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createJournalControlMemory, JournalControl } from "./journal-control.ts";
import { JournalFiles } from "./journal-files.ts";
import { segmentProblem } from "./segment-check.ts";
import {
  listSegments,
  openSegment,
  prepareSegment,
  removeUnfinishedSegments,
  requireRoom,
  segmentPath,
  syncDirectory,
} from "./segment-file.ts";
import { PAGE_BYTES } from "./segment-layout.ts";
import { SegmentPages } from "./segment-pages.ts";
import { firstKeyIn, frameAtOrBefore, usedBytesIn } from "./segment-reads.ts";

const INLINE_BYTES_MAX = 2_000;

/** What a shard needs of its journal. */
export interface Journal {
  /** Makes a frame durable. **Errors**: throws when it cannot; the shard must not go on then. */
  append(firstSequence: number, frame: Uint8Array): void;
  /** The bytes of the frame that holds a sequence, valid until the thread's next read; or undefined. */
  frameAt(sequence: number): Uint8Array | undefined;
  /** Is told of a record that has decayed. */
  unreadable?(message: string): void;
}

/** A frame as it stands in the journal, not verified yet. */
export interface StoredFrame {
  readonly key: number;
  readonly value: Uint8Array;
  readonly segment: string;
  /** Whether no frame follows it. */
  readonly isLast: boolean;
}

/** What a journal shares with its readers. */
export interface JournalSharing {
  /** The shard's directory of archive files, which need not exist. */
  readonly archiveDirectory: string;
  /** Lanes in which the threads of this process agree on the shard's segments. */
  readonly control: SharedArrayBuffer;
}

/**
 * A shard's journal in LMDB: a row of segments, of which the newest is written and the others never change.
 *
 * **Shape**: key = first sequence of the frame (number), value = the frame's bytes.
 */
export class LmdbJournal implements Journal {
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #askForSegment: (ordinal: number) => void;
  readonly #control: JournalControl;
  /** Ordinal of the oldest segment when the journal was opened. */
  readonly #oldestOrdinal: number;
  /** Everything, for reading what is not in the newest segment. */
  readonly #files: JournalFiles;
  #newest: ReturnType<typeof openSegment>;
  #newestOrdinal: number;
  /** 0 while the newest segment is empty. */
  #newestFirstSequence: number;
  #usedBytes: number;

  private constructor(
    directory: string,
    segmentBytes: number,
    ordinal: number,
    askForSegment: (ordinal: number) => void,
    { control, archiveDirectory }: JournalSharing,
  ) {
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#askForSegment = askForSegment;
    this.#control = new JournalControl(control);
    this.#oldestOrdinal = listSegments(directory)[0];
    this.#newestOrdinal = ordinal;
    this.#newest = openSegment(segmentPath(directory, ordinal), segmentBytes);
    this.#newestFirstSequence = firstKeyIn(this.#newest) ?? 0;
    this.#usedBytes = usedBytesIn(this.#newest);
    this.#control.publishNewest(ordinal);
    this.#files = new JournalFiles(directory, archiveDirectory, this.#control, true);
    this.#files.live.refresh();
    askForSegment(ordinal + 1);
  }

  /**
   * Opens the journal in a directory, which is made where it is missing.
   *
   * `askForSegment` is called with the ordinal of a segment that will be needed; somebody off the hot path prepares it.
   * **Errors**: throws where the structure of a segment is damaged, before LMDB reads it.
   */
  static async open(
    directory: string,
    segmentBytes: number,
    askForSegment: (ordinal: number) => void,
    sharing: JournalSharing = { control: createJournalControlMemory(), archiveDirectory: join(directory, "archive") },
  ): Promise<LmdbJournal> {
    mkdirSync(directory, { recursive: true });
    removeUnfinishedSegments(directory);
    const ordinals = listSegments(directory);
    if (ordinals.length === 0) {
      await prepareSegment(directory, 1, segmentBytes);
      ordinals.push(1);
    }
    requireSound(directory, ordinals);
    return new LmdbJournal(directory, segmentBytes, await lastInUse(directory, ordinals), askForSegment, sharing);
  }

  /** First sequence of the oldest frame that is kept, archived ones included, and of the newest; undefined while there is none. */
  get range(): { readonly first: number; readonly last: number } | undefined {
    const first = this.#files.firstSequence;
    const last = this.#files.live.lastKey;
    return first === undefined || last === undefined ? undefined : { first, last };
  }

  /** All frames that begin at a sequence or after it, archived ones included, oldest first, as they stand on the disk. */
  *frames(fromSequence = 1): Generator<StoredFrame> {
    const last = this.#files.live.lastKey;
    for (const { key, bytes, file } of this.#files.frames(fromSequence)) {
      yield { key, value: bytes.slice(), segment: file, isLast: key === last };
    }
  }

  append(firstSequence: number, frame: Uint8Array): void {
    if (!this.#hasRoomFor(frame)) this.#rotate();
    this.#put(firstSequence, frame);
  }

  /** Makes several frames durable in order, those of one segment with one sync. **Errors**: as `append`. */
  appendAll(frames: readonly { readonly firstSequence: number; readonly bytes: Uint8Array }[]): void {
    for (let next = 0; next < frames.length; ) {
      if (!this.#hasRoomFor(frames[next].bytes)) this.#rotate();
      this.#newest.transactionSync(() => {
        do {
          this.#put(frames[next].firstSequence, frames[next].bytes);
          next += 1;
        } while (next < frames.length && this.#hasRoomFor(frames[next].bytes));
      });
    }
  }

  frameAt(sequence: number): Uint8Array | undefined {
    const isInNewest = this.#newestFirstSequence > 0 && sequence >= this.#newestFirstSequence;
    return isInNewest ? frameAtOrBefore(this.#newest, sequence) : this.#files.frameAtOrBefore(sequence)?.bytes;
  }

  /** Takes the last frame out again; only recovery does this, to a frame that was never completely written. */
  removeLast(key: number): void {
    this.#newest.removeSync(key);
    this.#newestFirstSequence = firstKeyIn(this.#newest) ?? 0;
    this.#files.live.forget(this.#newestOrdinal);
  }

  /** Segments that are not archived, and the room that they may take. */
  get live(): { readonly segments: number; readonly bytes: number } {
    const segments = this.#newestOrdinal - Math.max(this.#oldestOrdinal, this.#control.liveFrom) + 1;
    return { segments, bytes: segments * this.#segmentBytes };
  }

  /** Lets go of the segments that were archived meanwhile; the shard calls it in every turn. */
  letGo(): void {
    this.#files.letGo();
  }

  async close(): Promise<void> {
    this.#files.close();
    await this.#newest.close();
  }

  /** An empty segment takes any frame. */
  #hasRoomFor(frame: Uint8Array): boolean {
    return this.#newestFirstSequence === 0 || this.#usedBytes + roomOf(frame.byteLength) <= this.#segmentBytes;
  }

  #put(firstSequence: number, frame: Uint8Array): void {
    if (this.#newestFirstSequence === 0) this.#newestFirstSequence = firstSequence;
    const isStored: unknown = this.#newest.putSync(firstSequence, frame, { append: true, noOverwrite: true });
    if (isStored !== true) {
      throw new Error(`a frame with sequence ${firstSequence} exists already: another process writes to this journal`);
    }
    this.#usedBytes += roomOf(frame.byteLength);
  }

  #rotate(): void {
    this.#newestOrdinal += 1;
    requireRoom(this.#directory, 0);
    this.#files.live.refresh();
    void this.#newest.close();
    this.#newest = openSegment(segmentPath(this.#directory, this.#newestOrdinal), this.#segmentBytes);
    if (firstKeyIn(this.#newest) !== undefined) throw new Error(`segment ${this.#newestOrdinal} is not empty`);
    syncDirectory(this.#directory);
    this.#newestFirstSequence = 0;
    this.#usedBytes = 0;
    this.#control.publishNewest(this.#newestOrdinal);
    this.#askForSegment(this.#newestOrdinal + 1);
  }
}

function requireSound(directory: string, ordinals: readonly number[]): void {
  for (const path of ordinals.map((ordinal) => segmentPath(directory, ordinal))) {
    const problem = segmentProblem(path);
    if (problem === undefined) continue;
    throw new Error(
      `the journal segment ${path} is damaged: ${problem}. Nothing was changed. Restore this file from a backup.`,
    );
  }
}

/**
 * The last segment that holds frames, or the first one of an empty journal.
 *
 * **Errors**: throws where an empty segment is followed by one with frames.
 */
async function lastInUse(directory: string, ordinals: readonly number[]): Promise<number> {
  let last = ordinals[0];
  let empty: number | undefined;
  for (const ordinal of ordinals) {
    const segment = new SegmentPages(segmentPath(directory, ordinal));
    const isEmpty = firstKeyIn(segment) === undefined;
    await segment.close();
    if (isEmpty) {
      empty ??= ordinal;
    } else if (empty === undefined) {
      last = ordinal;
    } else {
      throw new Error(`segment ${empty} in ${directory} is empty, but later ones are not`);
    }
  }
  return last;
}

/**
 * Room that a frame takes in a segment: LMDB keeps small values inside its tree pages and gives larger ones whole pages
 * of their own; the tree over them grows by a few per cent.
 */
export function roomOf(frameBytes: number): number {
  return frameBytes < INLINE_BYTES_MAX
    ? frameBytes + 64
    : (Math.ceil((frameBytes + 16) / PAGE_BYTES) + 0.125) * PAGE_BYTES;
}
