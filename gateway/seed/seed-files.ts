import { linkSync, mkdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { bucketOrdinal } from "../../engine/idempotency/bucket-layout.ts";
import { readHeader } from "../../engine/idempotency/sealed-bucket.ts";
import { sealedIdsIn } from "../../engine/idempotency/sealed-ids-in.ts";
import { snapshotPath } from "../../snapshots/snapshot-directory.ts";
import type { SeedFile, ShardSeed } from "./seed-manifest.ts";

/** How often sealed ids are listed anew where one of their files has gone meanwhile. */
const LISTINGS_MAX = 5;

/** What of a shard is to be given out. */
export interface ShardSpan {
  /** The position of its newest snapshot; 0 where there is none. */
  readonly sequence: number;
  /** The first record of the journal that is given out with it. */
  readonly firstSequence: number;
  /** Ids that lead to records before that are given out only where they came after this time. */
  readonly sinceMs: number;
}

/**
 * Gives the files that belong to a shard's snapshot a second name in a directory, where they stay while the shard goes on.
 *
 * A snapshot has the ids that were in memory when it was taken; all others were in sealed files then, which are listed after it
 * was there. A file that goes beyond the snapshot is left out: what it has is in the snapshot, too.
 *
 * **Errors**: throws where the snapshot has gone, and where ids could be missing.
 */
export function linkShardFiles(shardPath: string, target: string, span: ShardSpan): ShardSeed {
  const { sequence, firstSequence } = span;
  if (sequence === 0) return { sequence, firstSequence: 1, snapshot: null, sealedIds: [] };
  mkdirSync(target, { recursive: true });
  const snapshot = link(snapshotPath(join(shardPath, "snapshots"), sequence), target);
  for (let listing = 1; ; listing += 1) {
    try {
      return { sequence, firstSequence, snapshot, sealedIds: linkBuckets(shardPath, target, span) };
    } catch (error) {
      const hasGone = error instanceof Error && "code" in error && error.code === "ENOENT";
      if (!hasGone || listing === LISTINGS_MAX) throw error;
    }
  }
}

function linkBuckets(shardPath: string, target: string, { sequence, firstSequence, sinceMs }: ShardSpan): SeedFile[] {
  const { paths, isComplete } = sealedIdsIn(shardPath);
  if (!isComplete)
    throw new Error(`sealed ids in ${shardPath} were set aside as damaged, and are not sealed again yet`);
  const buckets = paths.map((path) => ({ path, ordinal: bucketOrdinal(basename(path)), ...readHeader(path) }));
  const covered = buckets.filter(({ throughSequence }) => throughSequence <= sequence);
  // One that was damaged and removed: its ids are in a later one.
  const hasGap = covered.some(({ ordinal }, index) => index > 0 && ordinal !== covered[index - 1].ordinal + 1);
  if (hasGap && covered.length < buckets.length) {
    throw new Error(`ids of ${shardPath} were sealed again after the snapshot was taken`);
  }
  return covered
    .filter(({ throughSequence, endMs }) => throughSequence >= firstSequence || endMs > sinceMs)
    .map(({ path }) => link(path, target));
}

function link(path: string, target: string): SeedFile {
  const name = basename(path);
  const linked = join(target, name);
  try {
    linkSync(path, linked);
  } catch (error) {
    // Linked by the listing before.
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return { name, bytes: statSync(linked).size };
}
