import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { HistoryIncompleteError } from "../history-incomplete.ts";
import type { IdWindow } from "../idempotency/id-window.ts";
import { type Frame, firstSequenceOf, openFrame } from "../journal/frame.ts";
import type { LmdbJournal } from "../journal/journal.ts";
import { recordBytes } from "../journal/record.ts";
import { idsOfRecord } from "./record-ids.ts";
import type { RecoveryHooks } from "./recover.ts";
import { RecoveryMeter } from "./recovery-meter.ts";
import type { ShardState } from "./shard-state.ts";

/**
 * Remembers the ids of damaged buckets again, from the records that the state contains already.
 *
 * Ids that have left the window may have lost their records with the archive: they led nowhere any more. **Errors**: throws
 * a HistoryIncompleteError where records are gone whose ids must still be known, and an Error where a frame is damaged or
 * memory does not take the ids.
 */
export function repairIds(
  { shard, sequence: last, ids }: ShardState,
  journal: Pick<LmdbJournal, "range" | "frames" | "frameAt">,
  hooks: Pick<RecoveryHooks, "progress">,
): void {
  if (ids.missingFrom > last) return;
  const from = Math.max(ids.missingFrom, journal.range?.first ?? 1);
  if (ids.missingInWindowFrom < from) throw incomplete(shard, ids.missingInWindowFrom, from - 1);
  const first = journal.frameAt(from);
  if (first === undefined) throw incomplete(shard, from, from);
  const meter = new RecoveryMeter(last - from, hooks.progress);
  let next = firstSequenceOf(first);
  for (const { key, value, segment } of journal.frames(next)) {
    if (key > last) break;
    if (key > next) throw incomplete(shard, next, key - 1);
    const frame = openFrame(value, shard);
    if (typeof frame === "string") {
      throw new Error(
        `the sealed ids of shard ${shard} are damaged, and so is the journal frame at ${shard}:${key} in ${segment}, which ` +
          `brought some of them: ${frame}. Nothing was changed. Restore this file from a backup.`,
      );
    }
    repairFrom(ids, frame);
    if (ids.isFull()) {
      throw new Error(
        `more sealed ids of shard ${shard} are damaged than memory takes. Nothing was changed. Restore its files ids-*.mzi ` +
          "from a backup, or start with a larger MIZAN_IDEMPOTENCY_IDS_MAX.",
      );
    }
    meter.count(frame.recordCount);
    next += frame.recordCount;
  }
}

function repairFrom(ids: IdWindow, { lanes, bytes, clockMs, firstSequence, recordCount }: Frame): void {
  let at = FRAME_HEADER_BYTES >>> 2;
  for (let sequence = firstSequence; sequence < firstSequence + recordCount; sequence += 1) {
    for (const id of idsOfRecord(lanes, bytes, at)) ids.repair(clockMs, id, 0, sequence);
    at += recordBytes(lanes, at) >>> 2;
  }
}

function incomplete(shard: number, first: number, last: number): HistoryIncompleteError {
  return new HistoryIncompleteError(
    `sealed ids of shard ${shard} are damaged, and the records ${shard}:${first} to ${shard}:${last}, which brought some of ` +
      "them, are neither in the journal nor in its archive. Nothing was changed. Restore the shard's files ids-*.mzi, or the " +
      "archive files that were dropped or moved away, from a backup.",
  );
}
