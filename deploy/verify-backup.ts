import { backupFrames, requireWhole } from "./backup-frames.ts";
import type { BackupManifest } from "./backup-manifest.ts";
import { CausalOrder } from "./causal-order.ts";
import { EXIT } from "./exit-code.ts";
import { FrameChain } from "./frame-chain.ts";
import { mergedFrames } from "./merged-frames.ts";
import { emptyState } from "./replay.ts";
import type { Terminal } from "./terminal.ts";

/** Checks a backup: its files, the chain of hashes, and that all balances follow from it. It ends at the first problem. */
export async function verifyBackup(backup: string, manifest: BackupManifest, terminal: Terminal): Promise<void> {
  const { ledger, cut } = manifest;
  const order = new CausalOrder(ledger.shards);
  const states = Array.from({ length: ledger.shards }, (_, shard) => emptyState(ledger, shard));
  const progress = terminal.progress(
    "verifying",
    cut.sequences.reduce((sum, sequence) => sum + sequence, 0),
  );
  const problems: { readonly problem: string }[] = [];
  try {
    const sources = backupFrames(backup, manifest);
    for (const { shard, frame } of mergedFrames(FrameChain.ofLedger(ledger), sources, () => true, order)) {
      states[shard].evolveFrame(frame);
      await progress.advance(frame.recordCount);
    }
    requireWhole(order, manifest);
  } catch (error) {
    problems.push({ problem: error instanceof Error ? error.message : String(error) });
  }
  progress.end();
  const positions = order.sequences.map((sequence, shard) => `${shard}:${sequence}`);
  for (const { problem } of problems) terminal.say(`problem: ${problem}`);
  terminal.say(`backup of ledger ${ledger.ledgerId}, taken ${manifest.takenAt}: right up to ${positions.join(", ")}`);
  terminal.result({ command: "verify", ok: problems.length === 0, problems, positions, takenAt: manifest.takenAt });
  process.exitCode = problems.length === 0 ? EXIT.ok : EXIT.problems;
}
