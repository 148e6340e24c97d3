import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HASH_BYTES, openFrame } from "../journal/frame.ts";
import type { LmdbJournal } from "../journal/journal.ts";
import type { ShardState } from "./shard-state.ts";

const REPORT_EVERY_MS = 2_000;

/** How far a recovery has come. */
export interface RecoveryProgress {
  readonly frames: number;
  readonly records: number;
  readonly recordsPerSecond: number;
  /** 0 when done. */
  readonly secondsLeft: number;
}

export interface RecoveryHooks {
  readonly progress: (progress: RecoveryProgress) => void;
  /** A frame at the very end was not completely written, and was cut off; its bytes are kept in the file named. */
  readonly cut: (damage: { readonly position: string; readonly reason: string; readonly keptIn: string }) => void;
}

/** What recovery needs of a journal. */
export type RecoverableJournal = Pick<LmdbJournal, "range" | "frames" | "removeLast">;

/**
 * Rebuilds the state from the journal: every frame is verified, chained to the one before, and applied.
 *
 * A damaged frame at the very end is one that no commit completed: it is cut off and kept aside. **Errors**: any other
 * damage throws, with the position and what to do about it; nothing is skipped.
 */
export function recover(
  state: ShardState,
  journal: RecoverableJournal,
  directory: string,
  hooks: RecoveryHooks,
): RecoveryProgress {
  const startedMs = performance.now();
  let reportedMs = startedMs;
  let frames = 0;
  let records = 0;
  const last = journal.range?.last ?? 0;
  const progress = (): RecoveryProgress => {
    const seconds = Math.max(performance.now() - startedMs, 1) / 1_000;
    const recordsPerSecond = records / seconds;
    const secondsLeft = Math.max(0, last - state.sequence) / Math.max(recordsPerSecond, 1);
    return { frames, records, recordsPerSecond: Math.round(recordsPerSecond), secondsLeft: Math.ceil(secondsLeft) };
  };
  requireNext(state, journal);
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
    if (frame.firstSequence !== key || frame.firstSequence !== state.sequence + 1) {
      throw new Error(
        damageText(position, segment, `it begins at ${frame.firstSequence}, but ${state.sequence + 1} comes next`),
      );
    }
    if (Buffer.compare(frame.previousHash, state.hash.subarray(0, HASH_BYTES)) !== 0) {
      throw new Error(damageText(position, segment, "it does not follow from the frame before it"));
    }
    state.evolveFrame(frame);
    frames += 1;
    records += frame.recordCount;
    if (performance.now() - reportedMs > REPORT_EVERY_MS) {
      reportedMs = performance.now();
      hooks.progress(progress());
    }
  }
  return { ...progress(), secondsLeft: 0 };
}

/** **Errors**: throws where the journal begins later than the state ends. */
function requireNext(state: ShardState, journal: RecoverableJournal): void {
  const first = journal.range?.first;
  if (first === undefined || first <= state.sequence + 1) return;
  throw new Error(
    `the journal of shard ${state.shard} begins at ${first}, but ${state.sequence + 1} comes next: no snapshot can be used, ` +
      "and what came before is in the archive. Restore a snapshot from a backup, or rebuild the data with `mizan restore`.",
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
