import { JournalReader, type JournalReaderOptions } from "../engine/journal/journal-reader.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { foldToEnd } from "./fold-to-end.ts";
import { hasFrame } from "./log-frame.ts";
import type { ReplicatorOptions } from "./replicator-messages.ts";
import { type LogComparison, TailComparer } from "./tail-comparison.ts";

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
  const comparer = new TailComparer(readCheckpoint(dataDir, options, through), through, (shard, frame) =>
    hasFrame(readers[shard], frame),
  );
  try {
    await foldToEnd(options, comparer.fold);
    return comparer.comparison;
  } finally {
    for (const reader of readers) reader.close();
  }
}
