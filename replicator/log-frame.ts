import { viewFrame } from "../engine/journal/frame.ts";
import { HistoryExpiredError } from "../engine/journal/journal-files.ts";
import type { JournalReader } from "../engine/journal/journal-reader.ts";
import { causesOf } from "../engine/replication/frame-causes.ts";
import type { FrameRecord } from "./epoch-fold.ts";
import type { CausesOf } from "./journal-fold.ts";

/** How to tell what a frame follows from; of a ledger with one shard, none does. */
export function frameCauses(shardCount: number): CausesOf {
  if (shardCount === 1) return () => [];
  return ({ bytes, offset }, shard) => {
    const frame = viewFrame(bytes, shard);
    if (typeof frame === "string") throw new Error(`the frame at offset ${offset} is damaged: ${frame}`);
    return causesOf(frame, shard);
  };
}

/** The journal of this node and the log have different frames in one place. */
export class DivergedError extends Error {
  readonly code = "replication_diverged";
}

/** The journal of this node cannot be read where it has to be. */
export class JournalUnreadableError extends Error {
  readonly code = "journal_unreadable";

  static of(cause: unknown): JournalUnreadableError {
    return new JournalUnreadableError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/**
 * Whether a journal has a frame of the log, or had it: what is no longer there is in a snapshot.
 *
 * **Errors**: throws a `JournalUnreadableError`.
 */
export function hasFrame(journal: JournalReader, { firstSequence, hash }: FrameRecord): boolean {
  try {
    const local = journal.frameAt(firstSequence);
    if (local === undefined) return true;
    return local.firstSequence === firstSequence && Buffer.from(local.hash).toString("hex") === hash;
  } catch (error) {
    if (error instanceof HistoryExpiredError) return true;
    throw JournalUnreadableError.of(error);
  }
}
