import { mkdirSync } from "node:fs";
import type { RootDatabase } from "lmdb";
import { listSegments, openSegment, prepareSegment, requireRoom, segmentPath, syncDirectory } from "./segment-file.ts";

const PAGE_BYTES = 4_096;
const INLINE_BYTES_MAX = 2_000;

/** What a shard needs of its journal. */
export interface Journal {
  /** Makes a frame durable. **Errors**: throws when it cannot; the shard must not go on then. */
  append(firstSequence: number, frame: Uint8Array): void;
  /** The bytes of the frame that holds a sequence, or undefined. */
  frameAt(sequence: number): Uint8Array | undefined;
}

/** A frame as it stands in the journal, not verified yet. */
export interface StoredFrame {
  readonly key: number;
  readonly value: Uint8Array;
  readonly segment: string;
  /** Whether no frame follows it. */
  readonly isLast: boolean;
}

interface Segment {
  readonly ordinal: number;
  readonly firstSequence: number;
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
  readonly #sealed: Segment[] = [];
  readonly #openSealed = new Map<number, RootDatabase<Uint8Array, number>>();
  #newest: RootDatabase<Uint8Array, number>;
  #newestOrdinal: number;
  #newestFirstSequence = 0;
  #usedBytes = 0;

  private constructor(
    directory: string,
    segmentBytes: number,
    ordinal: number,
    askForSegment: (ordinal: number) => void,
  ) {
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#askForSegment = askForSegment;
    this.#newestOrdinal = ordinal;
    this.#newest = openSegment(segmentPath(directory, ordinal), segmentBytes);
  }

  /**
   * Opens the journal in a directory, which is made where it is missing.
   *
   * `askForSegment` is called with the ordinal of a segment that will be needed; somebody off the hot path prepares it.
   */
  static async open(
    directory: string,
    segmentBytes: number,
    askForSegment: (ordinal: number) => void,
  ): Promise<LmdbJournal> {
    mkdirSync(directory, { recursive: true });
    const ordinals = listSegments(directory);
    if (ordinals.length === 0) {
      await prepareSegment(directory, 1, segmentBytes);
      ordinals.push(1);
    }
    return LmdbJournal.#openSegments(directory, segmentBytes, ordinals, askForSegment);
  }

  static #openSegments(
    directory: string,
    segmentBytes: number,
    ordinals: readonly number[],
    askForSegment: (ordinal: number) => void,
  ): LmdbJournal {
    const journal = new LmdbJournal(directory, segmentBytes, ordinals[0], askForSegment);
    for (const ordinal of ordinals.slice(1)) {
      const firstSequence = firstKey(journal.#newest);
      const next = openSegment(segmentPath(directory, ordinal), segmentBytes);
      if (firstKey(next) === undefined) {
        void next.close();
        break;
      }
      if (firstSequence === undefined) {
        throw new Error(`segment ${journal.#newestOrdinal} in ${directory} is empty, but later ones are not`);
      }
      journal.#sealed.push({ ordinal: journal.#newestOrdinal, firstSequence });
      void journal.#newest.close();
      journal.#newest = next;
      journal.#newestOrdinal = ordinal;
    }
    journal.#newestFirstSequence = firstKey(journal.#newest) ?? 0;
    askForSegment(journal.#newestOrdinal + 1);
    return journal;
  }

  /** Sequence of the first and of the last frame; undefined while the journal is empty. */
  get range(): { readonly first: number; readonly last: number } | undefined {
    const last = lastKey(this.#newest);
    return last === undefined
      ? undefined
      : { first: this.#sealed[0]?.firstSequence ?? this.#newestFirstSequence, last };
  }

  /** All frames, oldest first, as they stand on the disk. */
  *frames(): Generator<StoredFrame> {
    const last = this.range?.last;
    for (const { ordinal } of this.#sealed) yield* this.#framesOf(ordinal, this.#sealedSegment(ordinal), last);
    this.#usedBytes = 0;
    for (const frame of this.#framesOf(this.#newestOrdinal, this.#newest, last)) {
      this.#usedBytes += roomOf(frame.value.byteLength);
      yield frame;
    }
  }

  *#framesOf(
    ordinal: number,
    segment: RootDatabase<Uint8Array, number>,
    last: number | undefined,
  ): Generator<StoredFrame> {
    const path = segmentPath(this.#directory, ordinal);
    for (const { key, value } of segment.getRange({ snapshot: true })) {
      yield { key, value, segment: path, isLast: key === last };
    }
  }

  append(firstSequence: number, frame: Uint8Array): void {
    if (this.#usedBytes + roomOf(frame.byteLength) > this.#segmentBytes && this.#usedBytes > 0) this.#rotate();
    if (this.#newestFirstSequence === 0) this.#newestFirstSequence = firstSequence;
    const isStored: unknown = this.#newest.putSync(firstSequence, frame, { append: true, noOverwrite: true });
    if (isStored !== true) {
      throw new Error(`a frame with sequence ${firstSequence} exists already: another process writes to this journal`);
    }
    this.#usedBytes += roomOf(frame.byteLength);
  }

  frameAt(sequence: number): Uint8Array | undefined {
    let segment = this.#newest;
    if (sequence < this.#newestFirstSequence) {
      const sealed = this.#sealed.findLast(({ firstSequence }) => firstSequence <= sequence);
      if (sealed === undefined) return undefined;
      segment = this.#sealedSegment(sealed.ordinal);
    }
    // The thread never returns to its event loop, where lmdb would renew its read transaction by itself.
    segment.resetReadTxn();
    for (const key of segment.getKeys({ start: sequence, reverse: true, limit: 1 })) {
      const frame = segment.getBinary(key);
      // A read transaction that stays open would keep LMDB from using freed pages again.
      segment.resetReadTxn();
      return frame;
    }
    return undefined;
  }

  /** Takes the last frame out again; only recovery does this, to a frame that was never completely written. */
  removeLast(key: number): void {
    this.#newest.removeSync(key);
    this.#newestFirstSequence = firstKey(this.#newest) ?? 0;
  }

  async close(): Promise<void> {
    await this.#newest.close();
    for (const segment of this.#openSealed.values()) await segment.close();
  }

  #rotate(): void {
    this.#sealed.push({ ordinal: this.#newestOrdinal, firstSequence: this.#newestFirstSequence });
    this.#openSealed.set(this.#newestOrdinal, this.#newest);
    this.#closeOldest();
    this.#newestOrdinal += 1;
    requireRoom(this.#directory, 0);
    this.#newest = openSegment(segmentPath(this.#directory, this.#newestOrdinal), this.#segmentBytes);
    syncDirectory(this.#directory);
    this.#newestFirstSequence = 0;
    this.#usedBytes = 0;
    this.#askForSegment(this.#newestOrdinal + 1);
  }

  #sealedSegment(ordinal: number): RootDatabase<Uint8Array, number> {
    let segment = this.#openSealed.get(ordinal);
    if (segment === undefined) {
      segment = openSegment(segmentPath(this.#directory, ordinal), this.#segmentBytes);
      this.#openSealed.set(ordinal, segment);
      this.#closeOldest();
    }
    return segment;
  }

  #closeOldest(): void {
    if (this.#openSealed.size <= OPEN_SEALED_MAX) return;
    for (const [ordinal, segment] of this.#openSealed) {
      this.#openSealed.delete(ordinal);
      void segment.close();
      return;
    }
  }
}

/** Sealed segments kept open for reading. */
const OPEN_SEALED_MAX = 8;

/**
 * Room that a frame takes in a segment: LMDB keeps small values inside its tree pages and gives larger ones whole pages
 * of their own; the tree over them grows by a few per cent.
 */
function roomOf(frameBytes: number): number {
  return frameBytes < INLINE_BYTES_MAX
    ? frameBytes + 64
    : (Math.ceil((frameBytes + 16) / PAGE_BYTES) + 0.125) * PAGE_BYTES;
}

function firstKey(segment: RootDatabase<Uint8Array, number>): number | undefined {
  for (const key of segment.getKeys({ limit: 1 })) return key;
  return undefined;
}

function lastKey(segment: RootDatabase<Uint8Array, number>): number | undefined {
  for (const key of segment.getKeys({ limit: 1, reverse: true })) return key;
  return undefined;
}
