/**
 * Reading a segment from threads that may never return to their event loop, where lmdb would end its read transaction
 * by itself: each read here begins and ends its own, so that none keeps LMDB from using freed pages again.
 */

import type { RootDatabase } from "lmdb";

/** What reading a segment needs of it: LMDB's environment, or the file's pages. */
export interface SegmentStore {
  getKeys(options: { start?: number; limit?: number; reverse?: boolean }): Iterable<number>;
  /** Bytes valid until the thread's next read of any segment; `length` says how many of them the value takes. */
  getBinaryFast(key: number): Uint8Array | undefined;
  resetReadTxn(): void;
  close(): Promise<void>;
}

/** Key of the first frame, or undefined in an empty segment. */
export function firstKeyIn(segment: SegmentStore): number | undefined {
  return read(segment, () => firstOf(segment.getKeys({ limit: 1 })));
}

/** Key of the last frame, or undefined in an empty segment. */
export function lastKeyIn(segment: SegmentStore): number | undefined {
  return read(segment, () => firstOf(segment.getKeys({ limit: 1, reverse: true })));
}

/**
 * Bytes of the last frame that begins at a sequence or before it.
 *
 * They lie in the one buffer that lmdb keeps for a thread: valid until its next read of any segment.
 */
export function frameAtOrBefore(segment: SegmentStore, sequence: number): Uint8Array | undefined {
  return read(segment, () => {
    const key = firstOf(segment.getKeys({ start: sequence, limit: 1, reverse: true }));
    if (key === undefined) return undefined;
    // lmdb's buffer says through an own property how much of it the value takes.
    const shared = segment.getBinaryFast(key);
    return shared === undefined ? undefined : new Uint8Array(shared.buffer, shared.byteOffset, shared.length);
  });
}

/** Keys of all frames that begin at a sequence or after it, in order. */
export function keysFrom(segment: SegmentStore, sequence: number): number[] {
  return read(segment, () => [...segment.getKeys({ start: sequence })]);
}

/** Bytes that the pages in use take. */
export function usedBytesIn(segment: RootDatabase<Uint8Array, number>): number {
  return read(segment, () => {
    const stats = segment.getStats() as { readonly pageSize: number; readonly lastPageNumber: number };
    return stats.pageSize * (stats.lastPageNumber + 1);
  });
}

function read<T>(segment: SegmentStore, action: () => T): T {
  segment.resetReadTxn();
  try {
    return action();
  } finally {
    segment.resetReadTxn();
  }
}

function firstOf(keys: Iterable<number>): number | undefined {
  for (const key of keys) return key;
  return undefined;
}
