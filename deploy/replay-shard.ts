import type { ShardState } from "../engine/shard/shard-state.ts";
import { CommandError } from "./command-error.ts";
import type { DataDirectory } from "./data-directory.ts";
import { EXIT } from "./exit-code.ts";
import { historyOf, noteDropped, startOfHistory } from "./history-start.ts";
import { JournalFrames } from "./journal-frames.ts";
import type { ShardFrame } from "./merged-frames.ts";
import { eventsOf, type LedgerEvent } from "./replay.ts";
import type { Terminal } from "./terminal.ts";

/** Looks at a frame that the state has, whose events it may ask for; returns whether to go on. */
export type FrameVisitor = (frame: ShardFrame, events: () => Iterable<LedgerEvent>) => boolean;

/**
 * The state of one shard after the last frame of its journal, or after the one at which `visit` stops.
 *
 * **Errors**: `journal_damaged`, `history_incomplete`.
 */
export async function replayShard(
  directory: DataDirectory,
  shard: number,
  terminal: Terminal,
  visit: FrameVisitor = () => true,
): Promise<ShardState> {
  const journal = new JournalFrames(directory.path, shard);
  const start = await startOfHistory(directory.ledger, shard, historyOf(directory, shard, journal));
  noteDropped(terminal, shard, start);
  const { chain, state, firstSequence } = start;
  const progress = terminal.progress(`replaying shard ${shard}`, journal.lastSequence());
  for (const found of journal.frames(firstSequence)) {
    const frame = chain.next(found);
    if (typeof frame === "string") {
      throw new CommandError(
        EXIT.problems,
        "journal_damaged",
        `the frame at ${shard}:${found.key} is damaged: ${frame}`,
      );
    }
    if (frame.firstSequence > state.sequence) state.evolveFrame(frame);
    if (!visit({ shard, frame, found }, () => eventsOf(state, { shard, frame, found }))) break;
    await progress.advance(frame.recordCount);
  }
  progress.end();
  return state;
}
