import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { listSnapshots, type StoredSnapshot } from "../../snapshots/snapshot-directory.ts";
import { SnapshotReader } from "../../snapshots/snapshot-reader.ts";
import { Archive } from "./archive.ts";
import { HASH_BYTES, viewFrame } from "./frame.ts";
import { LiveSegments } from "./live-segments.ts";
import { giveUpSegment, listSegments, openSegment, segmentPath, syncDirectory } from "./segment-file.ts";
import { keysFrom } from "./segment-reads.ts";
import { listTailFiles, readTailFile, type TailFile, writeTailFile } from "./tail-file.ts";

export interface CutTailOptions {
  /** The shard's directory inside the data directory. */
  readonly directory: string;
  /** The shard's directory of archive files, which need not exist. */
  readonly archiveDirectory: string;
  readonly shard: number;
  /** The last record that stays, with which a frame ends; 0 where none does. */
  readonly throughSequence: number;
}

/** Each is durable before the next one begins. */
export type CutTailStep = "planned" | "kept" | "snapshots" | "segment" | "frames";

/** What of a stopped shard lies behind the cut. */
interface Plan {
  readonly lastSequence: number;
  /** The file that holds the frames already, where an earlier try ended after it was written. */
  readonly file: TailFile | undefined;
  readonly snapshots: readonly string[];
  /** Segments behind the one with the last frame that stays, newest first. */
  readonly segments: readonly number[];
  readonly partial: number | undefined;
}

/**
 * Removes every frame after a sequence from the journal of a shard that does not run, and keeps them aside in a file first;
 * undefined where there is none.
 *
 * Whatever ends it, the journal is whole up to some frame at or behind the cut, and the next try goes on. Snapshots behind the
 * cut go as well; sealed ids that lead behind it are set aside by the next start, as those beyond the end of a journal always are.
 *
 * **Errors**: throws, with nothing changed, where the sequence is not the end of a frame, or where what would be left is not enough
 * to start from.
 */
export async function cutTail(options: CutTailOptions): Promise<TailFile | undefined> {
  const steps = cutTailSteps(options);
  for (;;) {
    const { value, done } = await steps.next();
    if (done === true) return value;
  }
}

/** The same step by step, for tests that end it between two of them. */
export async function* cutTailSteps(options: CutTailOptions): AsyncGenerator<CutTailStep, TailFile | undefined> {
  const { directory, throughSequence } = options;
  const live = new LiveSegments(directory, undefined);
  live.refresh();
  let plan: Plan | undefined;
  let file: TailFile;
  try {
    plan = planOf(options, live);
    if (plan === undefined) return undefined;
    yield "planned";
    file = plan.file ?? writeTailFile(directory, throughSequence + 1, plan.lastSequence, tailOf(live, throughSequence));
  } finally {
    live.close();
  }
  yield "kept";
  for (const path of plan.snapshots) rmSync(path);
  if (plan.snapshots.length > 0) syncDirectory(join(directory, "snapshots"));
  yield "snapshots";
  for (const ordinal of plan.segments) {
    giveUpSegment(directory, ordinal, false);
    yield "segment";
  }
  if (plan.partial !== undefined) await removeFrom(segmentPath(directory, plan.partial), throughSequence + 1);
  yield "frames";
  return file;
}

function planOf(options: CutTailOptions, live: LiveSegments): Plan | undefined {
  const { directory, shard, throughSequence } = options;
  const files = listTailFiles(directory);
  const newest = frameBefore(live, shard, Number.MAX_SAFE_INTEGER);
  if (newest === undefined || newest.lastSequence <= throughSequence) return undefined;
  const staying = frameBefore(live, shard, throughSequence);
  requireStart(options, live, staying);
  const partial = live.list().findLast(({ firstSequence }) => firstSequence <= throughSequence)?.ordinal;
  const isHere = (file: TailFile): boolean => file.firstSequence === throughSequence + 1 && holds(file, newest.hash);
  return {
    lastSequence: newest.lastSequence,
    file: files.find(isHere),
    snapshots: snapshotsOf(directory)
      .filter(({ sequence }) => sequence > throughSequence)
      .map(({ path }) => path),
    segments: listSegments(directory)
      .filter((ordinal) => ordinal > (partial ?? 0))
      .reverse(),
    partial,
  };
}

/** **Errors**: throws where the journal could not be cut there, or where no start would be possible after it. */
function requireStart(
  { directory, archiveDirectory, shard, throughSequence }: CutTailOptions,
  live: LiveSegments,
  staying: FrameOutline | undefined,
): void {
  const refuse = (reason: string): Error =>
    new Error(
      `the journal of shard ${shard} cannot be cut after ${shard}:${throughSequence}: ${reason}. Nothing was changed. ` +
        "Keep this directory for reconciliation, and begin with a copy of the leader's data, or with a backup.",
    );
  const archive = new Archive(archiveDirectory);
  archive.refresh();
  const { firstSequence: firstArchived, lastSequence: lastArchived = 0 } = archive;
  archive.close();
  if (lastArchived > throughSequence || (staying === undefined && lastArchived > 0)) {
    throw refuse(`records up to ${shard}:${lastArchived} are in the archive already, which never changes`);
  }
  const first = firstArchived ?? live.firstSequence ?? 1;
  if (first > throughSequence + 1) throw refuse(`what it holds begins with ${shard}:${first}`);
  if (staying !== undefined && staying.lastSequence !== throughSequence) {
    throw refuse(`the frame with it goes on to ${shard}:${staying.lastSequence}`);
  }
  const isLoadable = ({ path, sequence }: StoredSnapshot): boolean =>
    sequence >= first && sequence <= throughSequence && isSound(path);
  if (first > 1 && !snapshotsOf(directory).some(isLoadable)) {
    throw refuse(`no snapshot would be left to start from, and what came before ${shard}:${first} was dropped`);
  }
}

interface FrameOutline {
  readonly lastSequence: number;
  readonly hash: Uint8Array;
}

function frameBefore(live: LiveSegments, shard: number, sequence: number): FrameOutline | undefined {
  const found = live.frameAtOrBefore(sequence);
  const frame = found && viewFrame(found.bytes, shard);
  if (typeof frame === "string") throw new Error(`a journal frame in ${found?.file} is damaged: ${frame}`);
  return frame && { lastSequence: frame.firstSequence + frame.recordCount - 1, hash: frame.hash.slice() };
}

function* tailOf(live: LiveSegments, throughSequence: number): Generator<Uint8Array> {
  for (const { bytes } of live.frames(throughSequence + 1)) yield bytes;
}

/** Whether a file holds the frame with a hash, and with it all that come before. */
function holds({ path }: TailFile, hash: Uint8Array): boolean {
  for (const frame of readTailFile(path)) {
    if (Buffer.compare(frame.subarray(0, HASH_BYTES), hash) === 0) return true;
  }
  return false;
}

function snapshotsOf(directory: string): StoredSnapshot[] {
  return listSnapshots(join(directory, "snapshots"));
}

function isSound(path: string): boolean {
  try {
    SnapshotReader.open(path).close();
    return true;
  } catch {
    return false;
  }
}

/** Removes the frames of a segment that begin at a sequence or after it, in one transaction. */
async function removeFrom(path: string, sequence: number): Promise<void> {
  const segment = openSegment(path, statSync(path).size);
  const keys = keysFrom(segment, sequence);
  segment.transactionSync(() => {
    for (const key of keys) void segment.removeSync(key);
  });
  await segment.close();
}
