import { existsSync } from "node:fs";
import { join } from "node:path";
import { sealedIdsIn } from "../engine/idempotency/sealed-ids-in.ts";
import { archivePath, listArchives } from "../engine/journal/archive-file.ts";
import { verifyArchive } from "../engine/journal/archive-segment.ts";
import { type Frame, openFrame } from "../engine/journal/frame.ts";
import { segmentProblem } from "../engine/journal/segment-check.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { trialBalance } from "../engine/shard/trial-balance.ts";
import type { TransferState } from "../engine/transfer/transfer.ts";
import type { TrialBalanceLine } from "../engine/views.ts";
import { loadConfig } from "../gateway/config.ts";
import { currencyOf } from "../protocol/currencies.ts";
import { listSnapshots } from "../snapshots/snapshot-directory.ts";
import { archiveDirectory, type DataDirectory, shardDirectory } from "./data-directory.ts";
import type { FrameChain } from "./frame-chain.ts";
import { type HistoryStart, historyOf, startOfHistory } from "./history-start.ts";
import { type FoundFrame, JournalFrames } from "./journal-frames.ts";
import type { Problem } from "./problem.ts";
import { emptyState } from "./replay.ts";
import { stateHashOf } from "./state-hash.ts";
import { balanceProblems } from "./verify-balances.ts";
import { IdChecks } from "./verify-ids.ts";
import { SnapshotChecks } from "./verify-snapshots.ts";

/** A transfer that is open at the end of the journal. */
export interface OpenTransfer {
  readonly id: string;
  readonly fromShard: number;
  readonly toShard: number;
  readonly number: number;
  readonly status: TransferState["status"];
  readonly operation: string;
  readonly amountMinor: number;
  readonly currency: string;
}

/** What the journal of one shard comes to. */
export interface ShardFacts {
  readonly shard: number;
  /** Newest sequence that follows from everything before it. */
  readonly sequence: number;
  /** Of the state after that record, in hexadecimal; null where the journal is damaged. */
  readonly stateHash: string | null;
  readonly frames: number;
  readonly records: number;
  /** First record that is kept: 1, unless older history was dropped from the archive. */
  readonly firstSequence: number;
  /** Snapshots whose state was compared with what the journal comes to. */
  readonly snapshots: number;
  /** Files of sealed ids, the ids in them, and how many were compared with the journal. */
  readonly sealedIds: IdChecks["facts"];
  readonly wallets: number;
  readonly books: readonly TrialBalanceLine[];
  readonly openTransfers: readonly OpenTransfer[];
  /** Transfers of other shards that this one has answered with ok: `fromShard:number`. */
  readonly credited: readonly string[];
}

export interface VerifyHooks {
  /** The file that is read next. */
  readonly onFile: (file: string) => void;
  readonly onProblem: (problem: Problem) => void;
  readonly onRecords: (records: number) => void;
}

/**
 * Checks every frame of a shard's journal, and recomputes the shard's state from it.
 *
 * After damage the frames behind it are still checked one by one; what they come to cannot be known.
 */
export async function verifyShard(
  { path, ledger }: DataDirectory,
  shard: number,
  hooks: VerifyHooks,
): Promise<ShardFacts> {
  const journal = new JournalFrames(path, shard);
  const damaged = journal.files().flatMap((file) => {
    const problem = segmentProblem(file);
    return problem === undefined ? [] : [{ file, problem }];
  });
  const isArchiveWhole = await verifyArchives(archiveDirectory(path, shard), hooks);
  for (const problem of damaged) hooks.onProblem(problem);
  const kept = listSnapshots(join(shardDirectory(path, shard), "snapshots"));
  const snapshots = await SnapshotChecks.open(kept, ledger, shard, hooks);
  const { idempotencyWindowMs } = loadConfig(process.env);
  const buckets = sealedIdsIn(shardDirectory(path, shard));
  const ids = IdChecks.open(buckets.paths, buckets.isComplete, shard, idempotencyWindowMs, hooks);
  const isReadable = damaged.length === 0 && isArchiveWhole;
  const firstSequence = isReadable ? firstSequenceOf(journal) : 1;
  const start = isReadable ? await startOf({ path, ledger }, shard, journal, firstSequence, hooks) : undefined;
  const state = start?.state ?? emptyState(ledger, shard);
  if (start?.snapshot !== undefined) snapshots.begunWith(start.snapshot.sequence);
  const replay = new VerifiedReplay(start?.chain, state, snapshots, ids, hooks);
  if (isReadable) {
    takeInOrder(journal, firstSequence, replay, hooks);
    replay.end();
  }
  return {
    shard,
    sequence: state.sequence,
    stateHash: replay.isWhole ? stateHashOf(state) : null,
    frames: replay.frames,
    records: replay.records,
    firstSequence,
    snapshots: snapshots.checked,
    sealedIds: ids.facts,
    wallets: state.wallets.count,
    books: trialBalance(state.wallets),
    openTransfers: [...state.transfers.states()].map((transfer) => ({
      id: transfer.id,
      fromShard: shard,
      toShard: transfer.toShard,
      number: transfer.number,
      status: transfer.status,
      operation: transfer.operation ?? "Transfer",
      amountMinor: transfer.amountMinor,
      currency: currencyOf(transfer.currency) ?? String(transfer.currency),
    })),
    credited: [...state.receipts.states()]
      .filter(({ code }) => code === "ok")
      .map(({ fromShard, number }) => `${fromShard}:${number}`),
  };
}

/** Verifies each archive file by itself; returns whether all are right. */
async function verifyArchives(directory: string, hooks: VerifyHooks): Promise<boolean> {
  let isWhole = true;
  for (const ordinal of listArchives(directory)) {
    const file = archivePath(directory, ordinal);
    try {
      hooks.onFile(file);
      await verifyArchive(file);
    } catch (error) {
      // A running ledger drops the oldest, if it is told to.
      if (!existsSync(file)) continue;
      isWhole = false;
      hooks.onProblem({ file, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  return isWhole;
}

/** Takes all frames in order; behind one that cannot be found, those that the segment files still hold. */
function takeInOrder(journal: JournalFrames, firstSequence: number, replay: VerifiedReplay, hooks: VerifyHooks): void {
  let file = "";
  const take = (found: FoundFrame): void => {
    if (found.file !== file) hooks.onFile(found.file);
    file = found.file;
    replay.take(found);
  };
  try {
    for (const found of journal.frames(firstSequence)) take(found);
  } catch {
    // The frame that cannot be read is found again below, where it is told with its file.
  }
  for (const found of journal.segmentFrames(replay.nextKey)) take(found);
}

/** Where the history begins, or undefined where nothing can be recomputed: then frames are checked one by one. */
async function startOf(
  directory: DataDirectory,
  shard: number,
  journal: JournalFrames,
  firstSequence: number,
  hooks: VerifyHooks,
): Promise<HistoryStart | undefined> {
  try {
    const kept =
      firstSequence === 1 ? { firstSequence, frames: () => [], snapshots: [] } : historyOf(directory, shard, journal);
    return await startOfHistory(directory.ledger, shard, kept);
  } catch (error) {
    hooks.onProblem({ problem: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

/** The first record that is kept; where that cannot be told, the first of all. */
function firstSequenceOf(journal: JournalFrames): number {
  try {
    return journal.range()?.first ?? 1;
  } catch {
    return 1;
  }
}

/** Takes the frames of a shard one after the other, as far as they follow from each other. */
class VerifiedReplay {
  frames = 0;
  records = 0;
  /** Undefined once frames cannot follow from each other any more. */
  #chain: FrameChain | undefined;
  readonly #state: ShardState;
  readonly #hooks: VerifyHooks;
  readonly #snapshots: SnapshotChecks;
  readonly #ids: IdChecks;
  #nextKey = 1;

  constructor(
    chain: FrameChain | undefined,
    state: ShardState,
    snapshots: SnapshotChecks,
    ids: IdChecks,
    hooks: VerifyHooks,
  ) {
    this.#snapshots = snapshots;
    this.#ids = ids;
    this.#chain = chain;
    this.#state = state;
    this.#hooks = hooks;
  }

  /** Whether every frame so far follows from the one before it. */
  get isWhole(): boolean {
    return this.#chain !== undefined;
  }

  /** Sequence behind everything taken so far. */
  get nextKey(): number {
    return this.#nextKey;
  }

  take(found: FoundFrame): void {
    this.#nextKey = Math.max(this.#nextKey, found.key + 1);
    this.frames += 1;
    const frame = this.#chain?.next(found) ?? openFrame(found.value, this.#state.shard);
    if (typeof frame === "string") {
      this.#report(found, frame);
      return;
    }
    this.#nextKey = Math.max(this.#nextKey, frame.firstSequence + frame.recordCount);
    this.records += frame.recordCount;
    this.#hooks.onRecords(frame.recordCount);
    this.#ids.frame(frame);
    if (this.#chain !== undefined && frame.firstSequence > this.#state.sequence) this.#evolve(found, frame);
  }

  /** Tells what only the end shows. */
  end(): void {
    if (this.#chain !== undefined) {
      this.#snapshots.end();
      this.#ids.end(this.#state.sequence);
    }
    for (const problem of balanceProblems(this.#state)) this.#hooks.onProblem(problem);
  }

  #evolve(found: FoundFrame, frame: Frame): void {
    try {
      this.#state.evolveFrame(frame);
      this.#snapshots.at(this.#state);
    } catch (error) {
      this.#report(found, error instanceof Error ? error.message : String(error));
    }
  }

  #report({ key, file }: FoundFrame, problem: string): void {
    this.#chain = undefined;
    this.#hooks.onProblem({ position: `${this.#state.shard}:${key}`, file, problem });
  }
}
