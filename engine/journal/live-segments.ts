import { statSync } from "node:fs";
import type { JournalControl } from "./journal-control.ts";
import { listSegments, openSegmentForReading, segmentPath } from "./segment-file.ts";
import { firstKeyIn, frameAtOrBefore, keysFrom, lastKeyIn, type SegmentStore } from "./segment-reads.ts";

/** Segments kept open; each costs address space and a place in LMDB's table of readers. */
const OPEN_MAX = 8;

/** Bytes of a frame, valid until this thread's next read, and the file that they come from. */
export interface FoundFrame {
  readonly bytes: Uint8Array;
  readonly file: string;
}

interface Segment {
  readonly ordinal: number;
  readonly path: string;
  readonly firstSequence: number;
  readonly inode: number;
}

/**
 * The segments of a shard's journal that hold frames, open for reading.
 *
 * Without control lanes the shard runs in another process, or not at all.
 */
export class LiveSegments {
  readonly #directory: string;
  readonly #control: JournalControl | undefined;
  readonly #lane: number;
  #letGoBelow = 0;
  /** Oldest first. */
  #segments: readonly Segment[] = [];
  /** Least recently used first. */
  readonly #open = new Map<number, SegmentStore>();

  constructor(directory: string, control: JournalControl | undefined) {
    this.#directory = directory;
    this.#control = control;
    this.#lane = control?.join() ?? 0;
  }

  /** First sequence of the oldest frame, or undefined while there is none. */
  get firstSequence(): number | undefined {
    this.refresh();
    return this.#segments[0]?.firstSequence;
  }

  /** First sequence of the newest frame, or undefined while there is none. */
  get lastKey(): number | undefined {
    this.refresh();
    const newest = this.#segments.at(-1);
    return newest && lastKeyIn(this.#store(newest.ordinal, newest.path));
  }

  /** The last frame that begins at a sequence or before it. */
  frameAtOrBefore(sequence: number): FoundFrame | undefined {
    if (this.#control !== undefined) this.refresh();
    const segment = this.#segments.findLast(({ firstSequence }) => firstSequence <= sequence);
    return segment && this.#read(segment, sequence);
  }

  /** All frames that begin at a sequence or after it, oldest first. */
  *frames(fromSequence: number): Generator<FoundFrame & { readonly key: number }> {
    this.refresh();
    for (const [index, segment] of this.#segments.entries()) {
      if ((this.#segments[index + 1]?.firstSequence ?? Number.POSITIVE_INFINITY) <= fromSequence) continue;
      for (const key of keysFrom(this.#store(segment.ordinal, segment.path), fromSequence)) {
        const found = this.#read(segment, key);
        if (found !== undefined) yield { ...found, key };
      }
    }
  }

  /** Looks for segments that were begun or given up meanwhile, and says whether there are any. */
  refresh(): boolean {
    this.letGo();
    const newestKnown = this.#segments.at(-1)?.ordinal ?? 0;
    if (this.#control !== undefined && this.#control.newest <= newestKnown) return false;
    const known = new Map(this.#segments.map((segment) => [segment.ordinal, segment]));
    const before = this.#segments;
    this.#segments = listSegments(this.#directory)
      .filter((ordinal) => this.#mayOpen(ordinal))
      .map((ordinal) => known.get(ordinal) ?? this.#look(ordinal))
      .filter((segment) => segment !== undefined);
    return this.#segments.length !== before.length || this.#segments.some((segment, at) => segment !== before[at]);
  }

  /** Closes the segments that went to the archive meanwhile, and says so. */
  letGo(): void {
    const liveFrom = this.#control?.liveFrom ?? 0;
    if (this.#control === undefined || this.#letGoBelow >= liveFrom) return;
    this.#closeWhere((ordinal) => ordinal < liveFrom);
    this.#letGoBelow = liveFrom;
    this.#control.letGo(this.#lane, liveFrom);
  }

  /** Forgets a segment whose first frame is not the one it was. */
  forget(ordinal: number): void {
    this.#closeWhere((open) => open === ordinal);
  }

  close(): void {
    this.#closeWhere(() => true);
    this.#control?.leave(this.#lane);
  }

  #mayOpen(ordinal: number): boolean {
    return this.#control === undefined || (ordinal >= this.#control.liveFrom && ordinal <= this.#control.newest);
  }

  /** What to know of a segment; undefined while it is empty, or when it has gone meanwhile. */
  #look(ordinal: number): Segment | undefined {
    const path = segmentPath(this.#directory, ordinal);
    const inode = inodeOf(path);
    if (inode === undefined) return undefined;
    const firstSequence = firstKeyIn(this.#store(ordinal, path));
    if (firstSequence === undefined || inodeOf(path) !== inode) {
      this.#close(ordinal);
      return undefined;
    }
    return { ordinal, path, firstSequence, inode };
  }

  #read(segment: Segment, sequence: number): FoundFrame | undefined {
    const bytes = frameAtOrBefore(this.#store(segment.ordinal, segment.path), sequence);
    // Another process may have given the file up and be writing over it; it takes the name away first.
    if (this.#control === undefined && inodeOf(segment.path) !== segment.inode) {
      this.forget(segment.ordinal);
      return undefined;
    }
    return bytes && { bytes, file: segment.path };
  }

  #store(ordinal: number, path: string): SegmentStore {
    const store = this.#open.get(ordinal) ?? openSegmentForReading(path);
    this.#open.delete(ordinal);
    this.#open.set(ordinal, store);
    const [leastRecent] = this.#open.keys();
    if (this.#open.size > OPEN_MAX) this.#close(leastRecent);
    return store;
  }

  #closeWhere(isGiven: (ordinal: number) => boolean): void {
    this.#segments = this.#segments.filter(({ ordinal }) => !isGiven(ordinal));
    for (const ordinal of [...this.#open.keys()]) if (isGiven(ordinal)) this.#close(ordinal);
  }

  #close(ordinal: number): void {
    void this.#open.get(ordinal)?.close();
    this.#open.delete(ordinal);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
