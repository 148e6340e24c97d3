import { basename, dirname } from "node:path";
import type { Frame } from "../engine/journal/frame.ts";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { copyOutOfBackup } from "./backup-copies.ts";
import { backupHistory, requireWhole } from "./backup-frames.ts";
import { type BackupManifest, copiedState } from "./backup-manifest.ts";
import { type CopiedState, restoredPath, stateThrough } from "./backup-state.ts";
import type { BuiltDirectory } from "./built-directory.ts";
import { CausalOrder } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import type { FrameChain } from "./frame-chain.ts";
import { noteDropped, startOfHistory } from "./history-start.ts";
import { mergedFrames } from "./merged-frames.ts";
import { type Point, until } from "./point.ts";
import type { Terminal } from "./terminal.ts";

/** What of a backup to write, and what is told of it. */
interface WriteOptions {
  readonly point?: Point | undefined;
  /** Is told of each frame, with the state of its shard, which may have it already. */
  readonly onFrame?: (state: ShardState, frame: Frame) => void;
}

/** What was written of a backup; one shard an element. */
export interface WrittenBackup {
  readonly order: CausalOrder;
  readonly chains: readonly FrameChain[];
  /** Those with which the backup's history begins, and whatever `onFrame` has made of them. */
  readonly states: readonly ShardState[];
  /** Names of the snapshots that went with it. */
  readonly snapshots: readonly (string | null)[];
  readonly records: number;
}

/**
 * Writes a backup into a new data directory, to its end or to an earlier point.
 *
 * Each shard is cut at the point or before it, so that no shard knows of something that another one has not done.
 * **Errors**: `backup_damaged`, `journal_damaged`, `history_incomplete`, `point_dropped`.
 */
export async function writeBackup(
  backup: string,
  manifest: BackupManifest,
  target: BuiltDirectory,
  terminal: Terminal,
  { point, onFrame }: WriteOptions = {},
): Promise<WrittenBackup> {
  const { ledger, cut } = manifest;
  const histories = cut.sequences.map((_, shard) => backupHistory(backup, manifest, shard));
  const progress = terminal.progress(
    "restoring",
    histories.reduce((sum, { firstSequence }, shard) => sum + cut.sequences[shard] + 1 - firstSequence, 0),
  );
  const reached = histories.map(({ firstSequence }) => firstSequence - 1);
  let records = 0;
  const starts = await Promise.all(histories.map((history, shard) => startOfHistory(ledger, shard, history)));
  for (const [shard, start] of starts.entries()) noteDropped(terminal, shard, start);
  const states = starts.map(({ state }) => state);
  const order = CausalOrder.after(states);
  const chains = starts.map(({ chain }) => chain);
  const sources = histories.map(({ frames, firstSequence }) => frames(firstSequence));
  for (const { shard, frame } of mergedFrames(chains, sources, until(point), order)) {
    target.journals[shard].append(frame.firstSequence, frame.bytes);
    reached[shard] = frame.firstSequence + frame.recordCount - 1;
    records += frame.recordCount;
    onFrame?.(states[shard], frame);
    await progress.advance(frame.recordCount);
  }
  if (point === undefined) requireWhole(order, manifest);
  requireKept(order, reached);
  const snapshots = order.sequences.map((sequence, shard) => {
    const isLate = histories[shard].firstSequence > 1;
    return writeState(backup, copiedState(manifest, shard), sequence, isLate, target.shardPath(shard));
  });
  progress.end();
  return { order, chains, states, snapshots, records };
}

/** **Errors**: `point_dropped` where the point lies before what the oldest snapshots need of each other. */
function requireKept(order: CausalOrder, reached: readonly number[]): void {
  const isReached = order.sequences.every((sequence, shard) => reached[shard] === sequence);
  if (isReached && order.isConsistent) return;
  throw new CommandError(
    EXIT.problems,
    "point_dropped",
    "history was dropped before the backup was begun, and the point lies before the first one that its snapshots come to",
  );
}

/**
 * Puts a shard's newest snapshot and its sealed ids in their places, and gives the snapshot's name.
 *
 * Where ids could be missing from the sealed ones the ledger reads all of them from the frames at its first start.
 * **Errors**: `point_dropped` where these do not begin with the first one.
 */
function writeState(
  backup: string,
  copied: CopiedState,
  sequence: number,
  isLate: boolean,
  shardPath: string,
): string | null {
  const state = stateThrough(copied, sequence);
  if (state === undefined && isLate) {
    throw new CommandError(
      EXIT.problems,
      "point_dropped",
      "ids that were sealed before the point were damaged after it, and the history that brought them was dropped",
    );
  }
  const newest = state?.snapshots.at(-1);
  for (const file of [...(state?.sealedIds ?? []), ...(newest === undefined ? [] : [newest])]) {
    copyOutOfBackup(backup, file, restoredPath(shardPath, file));
  }
  if (newest !== undefined) syncDirectory(dirname(restoredPath(shardPath, newest)));
  return newest === undefined ? null : basename(newest.name);
}
