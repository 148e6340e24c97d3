import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HistoryIncompleteError } from "../history-incomplete.ts";
import { HASH_BYTES, openFrame } from "../journal/frame.ts";
import type { LmdbJournal } from "../journal/journal.ts";
import { RecoveryMeter, type RecoveryProgress } from "./recovery-meter.ts";
import type { ShardState } from "./shard-state.ts";

export interface RecoveryHooks {
  readonly progress: (progress: RecoveryProgress) => void;
  /** A frame at the very end was not completely written, and was cut off; its bytes are kept in the file named. */
  readonly cut: (damage: { readonly position: string; readonly reason: string; readonly keptIn: string }) => void;
}

/** What recovery needs of a journal. */
export type RecoverableJournal = Pick<LmdbJournal, "range" | "frames" | "removeLast">;

/**
 * Rebuilds the state from the journal, its archive included: every frame is verified, chained to the one before, and applied.
 *
 * A damaged frame at the very end is one that no commit completed: it is cut off and kept aside. **Errors**: any other
 * damage throws, with the position and what to do about it; nothing is skipped. Where records are kept nowhere any more
 * it throws a HistoryIncompleteError.
 */
export function recover(
  state: ShardState,
  journal: RecoverableJournal,
  directory: string,
  hooks: RecoveryHooks,
): RecoveryProgress {
  const meter = new RecoveryMeter((journal.range?.last ?? 0) - state.sequence, hooks.progress);
  for (const { key, value, segment, isLast } of journal.frames(state.sequence + 1)) {
    const position = `${state.shard}:${key}`;
    const frame = openFrame(value, state.shard);
    if (typeof frame === "string") {
      if (isLast) {
        cutLast(journal, directory, position, key, value, frame, hooks);
        break;
      }
      throw new Error(damageText(position, segment, frame));
    }
    if (frame.firstSequence === key && key > state.sequence + 1) throw missing(state, key);
    if (frame.firstSequence !== key || frame.firstSequence !== state.sequence + 1) {
      throw new Error(
        damageText(position, segment, `it begins at ${frame.firstSequence}, but ${state.sequence + 1} comes next`),
      );
    }
    if (Buffer.compare(frame.previousHash, state.hash.subarray(0, HASH_BYTES)) !== 0) {
      throw new Error(damageText(position, segment, "it does not follow from the frame before it"));
    }
    state.evolveFrame(frame);
    meter.count(frame.recordCount);
  }
  return meter.done();
}

function missing({ shard, sequence }: ShardState, key: number): HistoryIncompleteError {
  return new HistoryIncompleteError(
    `the records ${shard}:${sequence + 1} to ${shard}:${key - 1} are neither in the journal nor in its archive, and no ` +
      "snapshot that can be used has them. Nothing was changed. Restore the archive files that were dropped or moved away, " +
      "or a snapshot, from a backup, or rebuild the data with `mizan restore`.",
  );
}

function cutLast(
  journal: RecoverableJournal,
  directory: string,
  position: string,
  key: number,
  value: Uint8Array,
  reason: string,
  hooks: RecoveryHooks,
): void {
  const keptIn = join(directory, `cut-${key}.frame`);
  writeFileSync(keptIn, value, { flush: true });
  journal.removeLast(key);
  hooks.cut({ position, reason, keptIn });
}

function damageText(position: string, segment: string, reason: string): string {
  return (
    `the journal frame at ${position} in ${segment} is damaged: ${reason}. ` +
    "Nothing was changed. Restore this file from a backup, or start from a copy of the data directory that ends before it."
  );
}
