import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { HASH_BYTES } from "../engine/journal/frame.ts";
import type { LedgerFile } from "../engine/ledger-file.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { loadSnapshot } from "../engine/snapshot/snapshot-loader.ts";
import { ChunkPool } from "../snapshots/chunk-pool.ts";
import { listSnapshots, type StoredSnapshot } from "../snapshots/snapshot-directory.ts";
import { CommandError } from "./command-error.ts";
import { type DataDirectory, shardDirectory, shardsOf } from "./data-directory.ts";
import { EXIT } from "./exit-code.ts";
import { FrameChain } from "./frame-chain.ts";
import type { FoundFrame, JournalFrames } from "./journal-frames.ts";
import { emptyState } from "./replay.ts";
import type { Terminal } from "./terminal.ts";

/** Where the kept history of a shard begins, and what the state was before the frames that change it. */
export interface HistoryStart {
  /** The first record that is kept: 1, unless older history was dropped from the archive. */
  readonly firstSequence: number;
  /** Takes the frame that begins with that record next. */
  readonly chain: FrameChain;
  /** Empty where the history is whole, else that of the oldest sound snapshot: earlier frames are in it already. */
  readonly state: ShardState;
  readonly snapshot: StoredSnapshot | undefined;
}

/** A running ledger has dropped what was about to be read. */
export class DroppedMeanwhileError extends Error {}

/** What is kept of a shard: its frames and its snapshots. */
export interface KeptHistory {
  readonly firstSequence: number;
  readonly frames: (fromSequence: number) => Iterable<FoundFrame>;
  readonly snapshots: readonly StoredSnapshot[];
}

/** The history that a data directory has of a shard. */
export function historyOf({ path }: DataDirectory, shard: number, journal: JournalFrames): KeptHistory {
  return {
    firstSequence: journal.range()?.first ?? 1,
    frames: (fromSequence) => journal.frames(fromSequence),
    snapshots: listSnapshots(join(shardDirectory(path, shard), "snapshots")),
  };
}

/**
 * Finds where a shard's history begins.
 *
 * **Errors**: `history_incomplete` where its beginning was dropped and no sound snapshot stands for it; throws a
 * `DroppedMeanwhileError` where a running ledger drops more of it at that moment.
 */
export async function startOfHistory(ledger: LedgerFile, shard: number, kept: KeptHistory): Promise<HistoryStart> {
  const { firstSequence } = kept;
  const chain = new FrameChain(ledger.ledgerId, shard);
  if (firstSequence === 1) return { firstSequence, chain, state: emptyState(ledger, shard), snapshot: undefined };
  const [first] = kept.frames(firstSequence);
  if (first === undefined) throw new DroppedMeanwhileError(`record ${shard}:${firstSequence} is no longer kept`);
  chain.resume(first.value.slice(HASH_BYTES, 2 * HASH_BYTES), firstSequence);
  const pool = new ChunkPool(1);
  try {
    for (const snapshot of kept.snapshots.filter(({ sequence }) => sequence >= firstSequence - 1).reverse()) {
      try {
        const { state } = await loadSnapshot(snapshot.path, pool, {
          ledgerId: ledger.ledgerId,
          shardCount: ledger.shards,
          emptyState: () => emptyState(ledger, shard),
          frameHashAt: (sequence) => frameHashAt(kept, sequence),
        });
        return { firstSequence, chain, state, snapshot };
      } catch {
        // A damaged snapshot is told by `verify`; the next one stands for the history as well.
      }
    }
  } finally {
    await pool.close();
  }
  const removed = kept.snapshots.find(({ path }) => !existsSync(path));
  if (removed !== undefined) throw new DroppedMeanwhileError(`${removed.path} was removed`);
  throw new CommandError(
    EXIT.problems,
    "history_incomplete",
    `history before ${shard}:${firstSequence} was dropped from the archive, and no sound snapshot stands for it`,
  );
}

/** Where the history of each shard of a data directory begins; says so where some of it was dropped. */
export async function startsOfHistory(
  directory: DataDirectory,
  journals: readonly JournalFrames[],
  terminal: Terminal,
): Promise<HistoryStart[]> {
  const starts: HistoryStart[] = [];
  for (const shard of shardsOf(directory)) {
    const start = await startOfHistory(directory.ledger, shard, historyOf(directory, shard, journals[shard]));
    noteDropped(terminal, shard, start);
    starts.push(start);
  }
  return starts;
}

/** Says that some of a shard's history was dropped, and what stands for it. */
export function noteDropped(terminal: Terminal, shard: number, { firstSequence, snapshot }: HistoryStart): void {
  if (snapshot === undefined) return;
  const stand = basename(snapshot.path);
  terminal.note(`history before ${shard}:${firstSequence} was dropped from the archive; ${stand} stands for it`);
}

/**
 * Checks that nothing was dropped.
 *
 * **Errors**: `history_dropped`, with what cannot be done without it.
 */
export function requireWholeHistory(journals: readonly JournalFrames[], what: string): void {
  for (const [shard, journal] of journals.entries()) {
    const first = journal.range()?.first ?? 1;
    if (first === 1) continue;
    throw new CommandError(
      EXIT.problems,
      "history_dropped",
      `${what} needs the whole history, and what came before ${shard}:${first} was dropped from the archive (MIZAN_ARCHIVE_KEEP_MS)`,
    );
  }
}

/** Hash of the frame that ends with a sequence, in hexadecimal; undefined where there is none. */
export function frameHashAt({ firstSequence, frames }: KeptHistory, sequence: number): string | undefined {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  // The frame behind it names it, also where it was dropped itself.
  for (const { key, value } of frames(sequence + 1)) {
    return key === sequence + 1 ? hex(value.subarray(HASH_BYTES, 2 * HASH_BYTES)) : undefined;
  }
  if (sequence < firstSequence) return undefined;
  for (const { value } of frames(sequence)) return hex(value.subarray(0, HASH_BYTES));
  return undefined;
}
