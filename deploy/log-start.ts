import { genesisHash } from "../engine/journal/frame.ts";
import type { LedgerFile } from "../engine/ledger-file.ts";
import { beginning, type FoldState } from "../replicator/epoch-fold.ts";
import { type LogOutline, outlineOfLog } from "../replicator/log-outline.ts";
import type { LogAccess } from "../replicator/replicator-messages.ts";
import { type BackupManifest, isThrough } from "./backup-manifest.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";

/** Where in a log a rebuilt ledger begins to read. */
export interface LogStart {
  readonly ledger: LedgerFile;
  /** One a shard. */
  readonly states: readonly FoldState[];
  /** Records of the log that are there to be read. */
  readonly records: number;
}

/**
 * Finds where a ledger that is rebuilt from a log, and perhaps a backup, begins to read: at the place that the backup says,
 * or at the beginning.
 *
 * **Errors**: `not_a_journal`, `other_ledger`, `history_dropped`; rejects where Kafka cannot be reached, or the topic does
 * not exist.
 */
export async function startInLog(access: LogAccess, manifest: BackupManifest | undefined): Promise<LogStart> {
  const { journalTopic } = access;
  const outline = await outlineOfLog(access);
  const { claim, partitions } = outline;
  const hasBeginning = partitions.every(({ firstOffset }) => firstOffset === 0);
  if (hasBeginning && claim === undefined) {
    throw new CommandError(
      EXIT.usage,
      "not_a_journal",
      `no ledger has written its journal to the topic ${journalTopic}`,
    );
  }
  const ledger = manifest?.ledger ?? claim?.ledger;
  if (ledger === undefined) throw historyDropped(access, manifest, outline);
  if (claim !== undefined) requireLedger(access, ledger, claim.ledger.ledgerId);
  if (partitions.length !== ledger.shards) {
    throw new CommandError(
      EXIT.usage,
      "other_ledger",
      `the topic ${journalTopic} has ${partitions.length} partitions, and the ledger ${ledger.shards} shards`,
    );
  }
  const states = placeOf(access, manifest, outline) ?? (hasBeginning ? beginningOf(ledger) : undefined);
  if (states === undefined) throw historyDropped(access, manifest, outline);
  const records = partitions.reduce((sum, { endOffset }, shard) => sum + endOffset - states[shard].offset, 0);
  return { ledger, states, records };
}

/** **Errors**: `other_ledger` where a log is not that of a ledger. */
export function requireLedger({ journalTopic }: LogAccess, { ledgerId }: LedgerFile, ofLog: string): void {
  if (ofLog === ledgerId) return;
  throw new CommandError(
    EXIT.usage,
    "other_ledger",
    `the topic ${journalTopic} is the log of ledger ${ofLog}, not of ${ledgerId}`,
  );
}

function beginningOf({ ledgerId, shards }: LedgerFile): FoldState[] {
  return Array.from({ length: shards }, (_, shard) => beginning(genesisHash(ledgerId, shard)));
}

/** The place that a backup says, where the log still has what follows. */
function placeOf(
  { journalTopic }: LogAccess,
  manifest: BackupManifest | undefined,
  { partitions }: LogOutline,
): readonly FoldState[] | undefined {
  if (manifest?.log?.journalTopic !== journalTopic || !isThrough(manifest.log, manifest.cut.sequences))
    return undefined;
  const { shards } = manifest.log;
  const isKept = partitions.every(
    ({ firstOffset, endOffset }, shard) => firstOffset <= shards[shard].offset && shards[shard].offset <= endOffset,
  );
  return isKept ? shards : undefined;
}

function historyDropped(
  { journalTopic }: LogAccess,
  manifest: BackupManifest | undefined,
  { partitions }: LogOutline,
): CommandError {
  const first = partitions.map(({ firstOffset }, partition) => `${firstOffset} of partition ${partition}`);
  const kept = `the topic ${journalTopic} has its records only from offsets ${first.join(", ")} on`;
  const needed =
    manifest === undefined
      ? "a backup is needed, too (--backup)"
      : "the backup ends before that, or does not say where it stands in the log. A newer one may do.";
  return new CommandError(EXIT.problems, "history_dropped", `${kept}: ${needed}`);
}
