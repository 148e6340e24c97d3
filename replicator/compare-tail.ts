import { JournalReader, type JournalReaderOptions } from "../engine/journal/journal-reader.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { foldToEnd } from "./fold-to-end.ts";
import { JournalFold } from "./journal-fold.ts";
import { frameCauses, hasFrame } from "./log-frame.ts";
import { type Leader, leaderOf, type ReplicatorOptions } from "./replicator-messages.ts";

/** How the journal of a shard compares with the log. */
type TailComparison =
  | { readonly type: "inStep" }
  | { readonly type: "behind"; readonly records: number }
  /** The journal goes on where the log ends. */
  | { readonly type: "beyond"; readonly fromSequence: number }
  /** From there on, the journal has other frames than the log. */
  | { readonly type: "diverged"; readonly fromSequence: number };

/** How the journals of a data directory compare with the log, one shard an element, and who made the last claim that counts. */
export interface LogComparison {
  readonly shards: readonly TailComparison[];
  readonly leader: Leader | undefined;
}

/**
 * Compares the journals of a data directory, which nobody has open, with the log up to its present end.
 *
 * **Errors**: rejects with `ReplicationGapError`, with the error of a damaged journal, and where Kafka cannot be reached.
 */
export async function compareTails(
  options: ReplicatorOptions,
  dataDir: string,
  journals: readonly Omit<JournalReaderOptions, "control">[],
): Promise<LogComparison> {
  const readers = journals.map((journal) => new JournalReader({ ...journal, control: undefined }));
  const through = readers.map((reader) => reader.range?.last ?? 0);
  const divergedFrom = new Map<number, number>();
  const states = readCheckpoint(dataDir, options, through);
  const fold = new JournalFold(states, frameCauses(states.length), (shard, frame) => {
    if (divergedFrom.has(shard) || frame.firstSequence > through[shard] || hasFrame(readers[shard], frame)) return;
    divergedFrom.set(shard, frame.firstSequence);
  });
  try {
    await foldToEnd(options, fold);
    const leader = fold.partition(0).claim;
    return {
      shards: through.map((last, shard) => compare(last, fold.throughSequence(shard), divergedFrom.get(shard))),
      leader: leader && leaderOf(leader),
    };
  } finally {
    for (const reader of readers) reader.close();
  }
}

function compare(journalThrough: number, logThrough: number, divergedFrom: number | undefined): TailComparison {
  if (divergedFrom !== undefined) return { type: "diverged", fromSequence: divergedFrom };
  if (logThrough === journalThrough) return { type: "inStep" };
  return logThrough > journalThrough
    ? { type: "behind", records: logThrough - journalThrough }
    : { type: "beyond", fromSequence: logThrough + 1 };
}
