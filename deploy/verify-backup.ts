import { join } from "node:path";
import type { Frame } from "../engine/journal/frame.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { loadConfig } from "../gateway/config.ts";
import { checkCopy } from "./backup-copies.ts";
import { backupHistory, requireWhole } from "./backup-frames.ts";
import { type BackupManifest, copiedState } from "./backup-manifest.ts";
import { CausalOrder } from "./causal-order.ts";
import { EXIT } from "./exit-code.ts";
import { type HistoryStart, type KeptHistory, noteDropped, startOfHistory } from "./history-start.ts";
import { mergedFrames } from "./merged-frames.ts";
import type { Problem } from "./problem.ts";
import type { Terminal } from "./terminal.ts";
import { balanceProblems } from "./verify-balances.ts";
import { IdChecks } from "./verify-ids.ts";
import { SnapshotChecks } from "./verify-snapshots.ts";

/** Checks a backup: its files, the chain of hashes, and that all balances follow from it. It ends at the first problem. */
export async function verifyBackup(backup: string, manifest: BackupManifest, terminal: Terminal): Promise<void> {
  const { ledger, cut } = manifest;
  const histories = cut.sequences.map((_, shard) => backupHistory(backup, manifest, shard));
  const progress = terminal.progress(
    "verifying",
    histories.reduce((sum, { firstSequence }, shard) => sum + cut.sequences[shard] + 1 - firstSequence, 0),
  );
  const problems: Problem[] = [];
  const onProblem = (problem: Problem): void => {
    problems.push(problem);
  };
  let order = new CausalOrder(ledger.shards);
  let snapshots = 0;
  try {
    for (const file of [...manifest.snapshots, ...manifest.sealedIds]) checkCopy(backup, file);
    const starts = await Promise.all(histories.map((history, shard) => startOfHistory(ledger, shard, history)));
    for (const [shard, start] of starts.entries()) noteDropped(terminal, shard, start);
    const checks = await Promise.all(
      histories.map((history, shard) => StateChecks.open(backup, manifest, shard, history, starts[shard], onProblem)),
    );
    order = CausalOrder.after(starts.map(({ state }) => state));
    const sources = histories.map(({ frames, firstSequence }) => frames(firstSequence));
    const chains = starts.map(({ chain }) => chain);
    for (const { shard, frame } of mergedFrames(chains, sources, () => true, order)) {
      checks[shard].frame(frame);
      await progress.advance(frame.recordCount);
    }
    requireWhole(order, manifest);
    for (const check of checks) check.end();
    snapshots = checks.reduce((sum, check) => sum + check.snapshots, 0);
  } catch (error) {
    onProblem({ problem: error instanceof Error ? error.message : String(error) });
  }
  progress.end();
  const positions = order.sequences.map((sequence, shard) => `${shard}:${sequence}`);
  for (const { file, problem } of problems) terminal.say(`problem: ${file === undefined ? "" : `${file}: `}${problem}`);
  terminal.say(`backup of ledger ${ledger.ledgerId}, taken ${manifest.takenAt}: right up to ${positions.join(", ")}`);
  terminal.result({
    command: "verify",
    ok: problems.length === 0,
    problems,
    positions,
    snapshots,
    takenAt: manifest.takenAt,
  });
  process.exitCode = problems.length === 0 ? EXIT.ok : EXIT.problems;
}

/** Recomputes the state of one shard, and compares the snapshots and sealed ids of the backup with it. */
class StateChecks {
  readonly #state: ShardState;
  readonly #snapshots: SnapshotChecks;
  readonly #ids: IdChecks;
  readonly #onProblem: (problem: Problem) => void;

  private constructor(
    state: ShardState,
    snapshots: SnapshotChecks,
    ids: IdChecks,
    onProblem: (problem: Problem) => void,
  ) {
    this.#state = state;
    this.#snapshots = snapshots;
    this.#ids = ids;
    this.#onProblem = onProblem;
  }

  static async open(
    backup: string,
    manifest: BackupManifest,
    shard: number,
    history: KeptHistory,
    start: HistoryStart,
    onProblem: (problem: Problem) => void,
  ): Promise<StateChecks> {
    const hooks = { onFile: () => {}, onProblem };
    const snapshots = await SnapshotChecks.open(history.snapshots, manifest.ledger, shard, hooks);
    if (start.snapshot !== undefined) snapshots.begunWith(start.snapshot.sequence);
    const { sealedIds } = copiedState(manifest, shard);
    const hasGap = sealedIds.some(({ ordinal }, index) => index > 0 && ordinal !== sealedIds[index - 1].ordinal + 1);
    const paths = sealedIds.map(({ name }) => join(backup, name));
    const ids = IdChecks.open(paths, !hasGap, shard, loadConfig(process.env).idempotencyWindowMs, hooks);
    return new StateChecks(start.state, snapshots, ids, onProblem);
  }

  /** Snapshots that were compared. */
  get snapshots(): number {
    return this.#snapshots.checked;
  }

  frame(frame: Frame): void {
    this.#ids.frame(frame);
    if (frame.firstSequence <= this.#state.sequence) return;
    this.#state.evolveFrame(frame);
    this.#snapshots.at(this.#state);
  }

  end(): void {
    this.#snapshots.end();
    this.#ids.end(this.#state.sequence);
    for (const problem of balanceProblems(this.#state)) this.#onProblem(problem);
  }
}
