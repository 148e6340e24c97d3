import { backupFrames, requireWhole } from "./backup-frames.ts";
import { readManifest } from "./backup-manifest.ts";
import { BuiltDirectory } from "./built-directory.ts";
import { CausalOrder } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import { FrameChain } from "./frame-chain.ts";
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
  const target = new BuiltDirectory(dataDir, ledger);
  const order = new CausalOrder(ledger.shards);
  const progress = terminal.progress(
    "restoring",
    cut.sequences.reduce((sum, sequence) => sum + sequence, 0),
  );
  try {
    const sources = backupFrames(backup, manifest);
    for (const { shard, frame } of mergedFrames(FrameChain.ofLedger(ledger), sources, until(point), order)) {
      target.journals[shard].append(frame.firstSequence, frame.bytes);
      await progress.advance(frame.recordCount);
    }
    if (point === undefined) requireWhole(order, manifest);
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
  terminal.result({ command: "restore", ok: true, dataDir, positions, openTransfers });
}
