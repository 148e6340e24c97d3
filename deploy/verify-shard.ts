import { join } from "node:path";
import { archivePath, listArchives } from "../engine/journal/archive-file.ts";
import { verifyArchive } from "../engine/journal/archive-segment.ts";
import { type Frame, HASH_BYTES, openFrame } from "../engine/journal/frame.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { trialBalance } from "../engine/shard/trial-balance.ts";
import type { TransferState } from "../engine/transfer/transfer.ts";
import type { TrialBalanceLine } from "../engine/views.ts";
import { currencyOf } from "../protocol/currencies.ts";
import { archiveDirectory, type DataDirectory, shardDirectory } from "./data-directory.ts";
import { FrameChain } from "./frame-chain.ts";
import { type FoundFrame, JournalFrames } from "./journal-frames.ts";
import type { Problem } from "./problem.ts";
import { emptyState } from "./replay.ts";
import { segmentSizeProblem } from "./segment-size.ts";
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
  readonly frames: number;
  readonly records: number;
  /** First record that is kept: 1, unless older history was dropped from the archive. */
  readonly firstSequence: number;
  /** Snapshots whose state was compared with what the journal comes to. */
  readonly snapshots: number;
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
    const problem = segmentSizeProblem(file);
    return problem === undefined ? [] : [{ file, problem }];
  });
  const isArchiveWhole = await verifyArchives(archiveDirectory(path, shard), hooks);
  const state = emptyState(ledger, shard);
  for (const problem of damaged) hooks.onProblem(problem);
  const snapshots = await SnapshotChecks.open(join(shardDirectory(path, shard), "snapshots"), ledger, shard, hooks);
  const replay = new VerifiedReplay(ledger.ledgerId, state, snapshots, hooks);
  const firstSequence = damaged.length === 0 && isArchiveWhole ? firstSequenceOf(journal) : 1;
  if (damaged.length === 0 && isArchiveWhole) {
    takeInOrder(journal, firstSequence, replay, hooks);
    replay.end();
  }
  return {
    shard,
    sequence: state.sequence,
    frames: replay.frames,
    records: replay.records,
    firstSequence,
    snapshots: snapshots.checked,
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
    for (const found of journal.frames(firstSequence)) {
      if (found.key === firstSequence && firstSequence > 1) replay.beginLate(found);
      take(found);
    }
  } catch {
    // The frame that cannot be read is found again below, where it is told with its file.
  }
  for (const found of journal.segmentFrames(replay.nextKey)) take(found);
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
  readonly #chain: FrameChain;
  readonly #state: ShardState;
  readonly #hooks: VerifyHooks;
  readonly #snapshots: SnapshotChecks;
  #isBroken = false;
  /** Whether the frames begin later than the shard did, so that nothing can be recomputed. */
  #isLate = false;
  #nextKey = 1;

  constructor(ledgerId: string, state: ShardState, snapshots: SnapshotChecks, hooks: VerifyHooks) {
    this.#snapshots = snapshots;
    this.#chain = new FrameChain(ledgerId, state.shard);
    this.#state = state;
    this.#hooks = hooks;
  }

  /** Sequence behind everything taken so far. */
  get nextKey(): number {
    return this.#nextKey;
  }

  /** Begins with a frame that is not the first one: the chain of hashes is checked from there on. */
  beginLate({ key, value }: FoundFrame): void {
    this.#isLate = true;
    this.#chain.resume(value.slice(HASH_BYTES, 2 * HASH_BYTES), key);
  }

  take(found: FoundFrame): void {
    this.#nextKey = Math.max(this.#nextKey, found.key + 1);
    this.frames += 1;
    const frame = this.#isBroken ? openFrame(found.value, this.#state.shard) : this.#chain.next(found);
    if (typeof frame === "string") {
      this.#report(found, frame);
      return;
    }
    this.#nextKey = Math.max(this.#nextKey, frame.firstSequence + frame.recordCount);
    this.records += frame.recordCount;
    this.#hooks.onRecords(frame.recordCount);
    if (!this.#isBroken && !this.#isLate) this.#evolve(found, frame);
  }

  /** Every shard's books balance after every record, so also after the last one. */
  end(): void {
    if (!this.#isBroken && !this.#isLate) this.#snapshots.end();
    for (const { currency, sumMinor } of trialBalance(this.#state.wallets)) {
      if (sumMinor === "0") continue;
      const { shard, sequence } = this.#state;
      this.#hooks.onProblem({
        position: `${shard}:${sequence}`,
        problem: `all balances in ${currency} add up to ${sumMinor}, not to zero`,
      });
    }
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
    this.#isBroken = true;
    this.#hooks.onProblem({ position: `${this.#state.shard}:${key}`, file, problem });
  }
}
