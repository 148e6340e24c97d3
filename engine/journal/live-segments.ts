import { statSync } from "node:fs";
import type { JournalControl } from "./journal-control.ts";
import { listSegments, openSegmentForReading, segmentPath } from "./segment-file.ts";
import { SegmentPages } from "./segment-pages.ts";
import { firstKeyIn, frameAtOrBefore, keysFrom, lastKeyIn, type SegmentStore } from "./segment-reads.ts";

/** Segments that a reader keeps open; each costs address space and a place in LMDB's table of readers. */
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
  /** Undefined when the file has gone already. */
  readonly inode: number;
}

interface OpenSegment {
  readonly store: SegmentStore;
  readonly inode: number;
}

/**
 * The segments of a shard's journal that hold frames, open for reading.
 *
 * Without control lanes the shard runs in another process, or not at all, and LMDB must not open its files: see `SegmentPages`.
 */
export class LiveSegments {
  readonly #directory: string;
  readonly #control: JournalControl | undefined;
  readonly #openMax: number;
  readonly #lane: number;
  #letGoBelow = 0;
  /** Oldest first. */
  #segments: readonly Segment[] = [];
  /** Least recently used first. */
  readonly #open = new Map<number, OpenSegment>();

  /** The shard itself holds all of them open. */
  constructor(directory: string, control: JournalControl | undefined, isShard = false) {
    this.#directory = directory;
    this.#openMax = isShard ? Number.POSITIVE_INFINITY : OPEN_MAX;
    this.#control = control;
    this.#lane = control?.join() ?? 0;
  }

  /** The segments that hold frames, oldest first. */
  list(): readonly { readonly ordinal: number; readonly firstSequence: number }[] {
    this.refresh();
    return this.#segments;
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
    return newest && this.#use(newest, lastKeyIn);
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
      for (const key of this.#use(segment, (store) => keysFrom(store, fromSequence)) ?? []) {
        const found = this.#read(segment, key);
        if (found !== undefined) yield { ...found, key };
      }
    }
  }

  /** Looks for segments that were begun or given up meanwhile. */
  refresh(): void {
    this.letGo();
    const newestKnown = this.#segments.at(-1)?.ordinal ?? 0;
    if (this.#control !== undefined && this.#control.newest <= newestKnown) return;
    const known = new Map(this.#segments.map((segment) => [segment.ordinal, segment]));
    this.#segments = listSegments(this.#directory)
      .filter((ordinal) => this.#mayOpen(ordinal))
      .map((ordinal) => known.get(ordinal) ?? this.#look(ordinal))
      .filter((segment) => segment !== undefined);
  }

  /** Closes the segments that went to the archive meanwhile, and says so to whoever waits for it. */
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
    const segment = { ordinal, path, firstSequence: 0, inode };
    const firstSequence = this.#use(segment, firstKeyIn);
    if (firstSequence === undefined) this.#close(ordinal);
    return firstSequence === undefined ? undefined : { ...segment, firstSequence };
  }

  #read(segment: Segment, sequence: number): FoundFrame | undefined {
    const bytes = this.#use(segment, (store) => frameAtOrBefore(store, sequence));
    return bytes && { bytes, file: segment.path };
  }

  /** Does something with a segment; undefined where it has gone meanwhile. */
  #use<T>(segment: Segment, action: (store: SegmentStore) => T): T | undefined {
    let result: T | undefined;
    let failure: unknown;
    try {
      result = action(this.#store(segment));
    } catch (error) {
      failure = error;
    }
    // Whoever gives a file up takes its name away before writing over it: what was read while it had its name is right.
    const isThere = (this.#control !== undefined && failure === undefined) || inodeOf(segment.path) === segment.inode;
    if (!isThere) {
      this.forget(segment.ordinal);
      return undefined;
    }
    if (failure !== undefined) throw failure;
    return result;
  }

  #store({ ordinal, path, inode }: Segment): SegmentStore {
    const open = this.#open.get(ordinal) ?? this.#openFile(path, inode);
    this.#open.delete(ordinal);
    this.#open.set(ordinal, open);
    const [leastRecent] = this.#open.keys();
    if (this.#open.size > this.#openMax) this.#close(leastRecent);
    return open.store;
  }

  #openFile(path: string, inode: number): OpenSegment {
    return { store: this.#control === undefined ? new SegmentPages(path) : openSegmentForReading(path), inode };
  }

  #closeWhere(isGiven: (ordinal: number) => boolean): void {
    this.#segments = this.#segments.filter(({ ordinal }) => !isGiven(ordinal));
    for (const ordinal of [...this.#open.keys()]) if (isGiven(ordinal)) this.#close(ordinal);
  }

  #close(ordinal: number): void {
    const open = this.#open.get(ordinal);
    if (open === undefined) return;
    void open.store.close();
    this.#open.delete(ordinal);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
