/**
 * What a backup holds besides frames, so that a restored ledger need not replay all of them: snapshots, and the files of
 * sealed ids. A snapshot has the ids that were in memory when it was taken; all others were in sealed files then.
 */

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { bucketOrdinal, bucketPath } from "../engine/idempotency/bucket-layout.ts";
import { readHeader } from "../engine/idempotency/sealed-bucket.ts";
import { sealedIdsIn } from "../engine/idempotency/sealed-ids-in.ts";
import type { StoredSnapshot } from "../snapshots/snapshot-directory.ts";
import { SnapshotReader } from "../snapshots/snapshot-reader.ts";
import { type CopiedFile, copyIntoBackup } from "./backup-copies.ts";
import { CommandError } from "./command-error.ts";
import { type DataDirectory, shardDirectory } from "./data-directory.ts";
import { EXIT } from "./exit-code.ts";
import { frameHashAt, historyOf } from "./history-start.ts";
import type { JournalFrames } from "./journal-frames.ts";

/** Snapshots that a backup keeps of each shard, besides the one that stands for dropped history. */
const SNAPSHOTS_KEPT = 3;
/** How often the buckets are listed anew where one has gone meanwhile. */
const LISTINGS_MAX = 5;

export interface CopiedSnapshot extends CopiedFile {
  readonly sequence: number;
}

export interface CopiedBucket extends CopiedFile {
  readonly ordinal: number;
  /** Chosen at random when the ids were sealed, so it tells whether another bucket has taken the name. */
  readonly seed: number;
  readonly throughSequence: number;
}

/** Snapshots and sealed ids of one shard, oldest first. */
export interface CopiedState {
  readonly snapshots: readonly CopiedSnapshot[];
  readonly sealedIds: readonly CopiedBucket[];
}

/** What of a shard's state to copy. */
export interface WantedState {
  /** The sequence that the backup of the shard goes to. */
  readonly through: number;
  /** The snapshot that stands for dropped history, copied already, where this is the first run. */
  readonly base: CopiedSnapshot | undefined;
  /** Whether the backup's frames do not begin with the first one, so that its oldest snapshot stands for those. */
  readonly isLate: boolean;
  readonly before: CopiedState;
}

/**
 * Copies what is new of a shard's newest sound snapshot and of its sealed ids.
 *
 * While a damaged bucket waits for its ids to be sealed again nothing is copied: without them an old id could pass for new,
 * and from the frames all are known again. **Errors**: `sealed_ids_damaged` where these do not begin with the first one.
 */
export function copyState(
  directory: DataDirectory,
  shard: number,
  journal: JournalFrames,
  { through, base, isLate, before }: WantedState,
  target: string,
): CopiedState {
  const kept = historyOf(directory, shard, journal);
  const isSound = (snapshot: StoredSnapshot): boolean => {
    try {
      const reader = SnapshotReader.open(snapshot.path);
      reader.close();
      return frameHashAt(kept, snapshot.sequence) === reader.header.frameHash;
    } catch {
      return false;
    }
  };
  const newest = kept.snapshots.find((snapshot) => snapshot.sequence <= through && isSound(snapshot));
  // Sealed files are listed after the snapshot was there: so every id that it lacks is in one of them.
  const sealed = copySealedIds(shardDirectory(directory.path, shard), shard, through, before.sealedIds, target);
  if (sealed === undefined && base === undefined) return before;
  if (sealed === undefined) {
    throw new CommandError(
      EXIT.problems,
      "sealed_ids_damaged",
      `sealed ids of shard ${shard} were set aside as damaged, and are not sealed again yet. Take the backup when they are.`,
    );
  }
  const old = sealed.isOther ? [] : before.snapshots;
  const snapshots = [...old, ...(base === undefined ? [] : [base])];
  if (newest !== undefined && !snapshots.some(({ sequence }) => sequence === newest.sequence)) {
    // A running ledger removes the oldest when it has taken a new one; without it a restored ledger replays more.
    const copied = copySnapshot(newest, shard, target);
    if (copied !== undefined) snapshots.push(copied);
  }
  snapshots.sort((a, b) => a.sequence - b.sequence);
  const retained = snapshots.filter(
    (_, index) => index >= snapshots.length - SNAPSHOTS_KEPT || (isLate && index === 0),
  );
  return { snapshots: retained, sealedIds: sealed.buckets };
}

/** Copies a snapshot; undefined where a running ledger has removed it meanwhile. */
export function copySnapshot(
  { path, sequence }: StoredSnapshot,
  shard: number,
  target: string,
): CopiedSnapshot | undefined {
  try {
    return { ...copyIntoBackup(path, target, shard, basename(path)), sequence };
  } catch (error) {
    if (existsSync(path)) throw error;
    return undefined;
  }
}

/** A bucket that is there now. */
interface FoundBucket {
  readonly path: string;
  readonly ordinal: number;
  readonly seed: number;
  readonly throughSequence: number;
}

interface CopiedIds {
  readonly buckets: readonly CopiedBucket[];
  /** Whether the ids were sealed anew, so that nothing of the former backup goes with them. */
  readonly isOther: boolean;
}

/**
 * Copies the buckets of a shard that are new, all of one moment; undefined while one that was damaged is not sealed again.
 *
 * A running ledger removes a bucket whose ids are in a new one, or whose records it drops: then they are listed anew.
 */
function copySealedIds(
  shardPath: string,
  shard: number,
  through: number,
  before: readonly CopiedBucket[],
  target: string,
): CopiedIds | undefined {
  for (let attempt = 1; ; attempt += 1) {
    const { paths, isComplete } = sealedIdsIn(shardPath);
    try {
      const found = paths.map((path) => ({ path, ordinal: bucketOrdinal(basename(path)), ...readHeader(path) }));
      return isComplete ? copyBuckets(found, shard, through, before, target) : undefined;
    } catch (error) {
      if (attempt === LISTINGS_MAX || paths.every((path) => existsSync(path))) throw error;
    }
  }
}

function copyBuckets(
  found: readonly FoundBucket[],
  shard: number,
  through: number,
  before: readonly CopiedBucket[],
  target: string,
): CopiedIds {
  // Somebody removed all of them, and the ids were sealed anew from the journal.
  const isOther = found.some(({ ordinal, seed }) =>
    before.some((copied) => copied.ordinal === ordinal && copied.seed !== seed),
  );
  const old = isOther ? [] : before;
  const copied = found
    .filter((bucket) => bucket.throughSequence <= through && !old.some(({ ordinal }) => ordinal === bucket.ordinal))
    .map(({ path, ordinal, seed, throughSequence }): CopiedBucket => {
      const name = isOther ? `${basename(path, ".mzi")}-${seed}.mzi` : basename(path);
      return { ...copyIntoBackup(path, target, shard, name), ordinal, seed, throughSequence };
    });
  return { buckets: [...old, ...copied].sort((a, b) => a.ordinal - b.ordinal), isOther };
}

/**
 * What of it belongs into a shard that ends with a sequence; undefined where ids could be missing, so that they have to
 * come from the frames.
 */
export function stateThrough({ snapshots, sealedIds }: CopiedState, sequence: number): CopiedState | undefined {
  const chosen = sealedIds.filter(({ throughSequence }) => throughSequence <= sequence);
  // A bucket was damaged and dropped: a later one has its ids.
  const hasGap = chosen.some(({ ordinal }, index) => index > 0 && ordinal !== chosen[index - 1].ordinal + 1);
  if (hasGap && chosen.length < sealedIds.length) return undefined;
  return { snapshots: snapshots.filter((snapshot) => snapshot.sequence <= sequence), sealedIds: chosen };
}

/** The names that the files have in a shard's directory. */
export function restoredPath(shardPath: string, file: CopiedSnapshot | CopiedBucket): string {
  return "ordinal" in file ? bucketPath(shardPath, file.ordinal) : join(shardPath, "snapshots", basename(file.name));
}
