import { basename, dirname } from "node:path";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import { copyOutOfBackup } from "./backup-copies.ts";
import { backupHistory, requireWhole } from "./backup-frames.ts";
import { copiedState, readManifest } from "./backup-manifest.ts";
import { type CopiedState, restoredPath, stateThrough } from "./backup-state.ts";
import { BuiltDirectory } from "./built-directory.ts";
import { CausalOrder } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import { noteDropped, startOfHistory } from "./history-start.ts";
import { mergedFrames } from "./merged-frames.ts";
import { parsePoint, until } from "./point.ts";
import { Terminal } from "./terminal.ts";

/**
 * `mizan restore`: makes a data directory from a backup, to its end or to an earlier point.
 *
 * Each shard is cut at the point or before it, so that no shard knows of something that another one has not done.
 */
export async function restore(
  backup: string,
  dataDir: string,
  options: { readonly json?: true; readonly at?: string },
): Promise<void> {
  const terminal = new Terminal(options.json === true);
  const manifest = readManifest(backup);
  if (manifest === undefined) {
    throw new CommandError(EXIT.usage, "not_a_backup", `there is no backup in ${backup}: it has no backup.json`);
  }
  const { ledger, cut } = manifest;
  const point = options.at === undefined ? undefined : parsePoint(options.at, ledger.shards);
  const histories = cut.sequences.map((_, shard) => backupHistory(backup, manifest, shard));
  const target = new BuiltDirectory(dataDir, ledger);
  const progress = terminal.progress(
    "restoring",
    histories.reduce((sum, { firstSequence }, shard) => sum + cut.sequences[shard] + 1 - firstSequence, 0),
  );
  const reached = histories.map(({ firstSequence }) => firstSequence - 1);
  let order: CausalOrder;
  let snapshots: (string | null)[];
  try {
    const starts = await Promise.all(histories.map((history, shard) => startOfHistory(ledger, shard, history)));
    for (const [shard, start] of starts.entries()) noteDropped(terminal, shard, start);
    order = CausalOrder.after(starts.map(({ state }) => state));
    const chains = starts.map(({ chain }) => chain);
    const sources = histories.map(({ frames, firstSequence }) => frames(firstSequence));
    for (const { shard, frame } of mergedFrames(chains, sources, until(point), order)) {
      target.journals[shard].append(frame.firstSequence, frame.bytes);
      reached[shard] = frame.firstSequence + frame.recordCount - 1;
      await progress.advance(frame.recordCount);
    }
    if (point === undefined) requireWhole(order, manifest);
    requireKept(order, reached);
    snapshots = order.sequences.map((sequence, shard) => {
      const isLate = histories[shard].firstSequence > 1;
      return restoreState(backup, copiedState(manifest, shard), sequence, isLate, target.shardPath(shard));
    });
    await target.finish();
  } catch (error) {
    await target.drop();
    throw error;
  }
  progress.end();
  const positions = order.sequences.map((sequence, shard) => `${shard}:${sequence}`);
  const { openTransfers } = order;
  terminal.say(
    `restored to ${dataDir}, up to ${positions.join(", ")}` +
      (openTransfers === 0 ? "" : `; ${openTransfers} transfers between shards are open and go on at the next start`),
  );
  terminal.result({ command: "restore", ok: true, dataDir, positions, openTransfers, snapshots });
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
function restoreState(
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
