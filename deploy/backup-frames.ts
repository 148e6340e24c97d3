import type { BackupManifest } from "./backup-manifest.ts";
import type { CausalOrder } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import { type FrameFileFacts, readFrameFile } from "./frame-file.ts";
import type { FoundFrame } from "./journal-frames.ts";

/** The frames of each shard, over all files of a backup. */
export function backupFrames(backup: string, { ledger, files }: BackupManifest): Iterable<FoundFrame>[] {
  return Array.from({ length: ledger.shards }, (_, shard) => {
    const ofShard = files.filter((file) => file.shard === shard).sort((a, b) => a.firstSequence - b.firstSequence);
    return framesOf(backup, ofShard);
  });
}

function* framesOf(backup: string, files: readonly FrameFileFacts[]): Generator<FoundFrame> {
  for (const file of files) yield* readFrameFile(backup, file);
}

/**
 * Checks that all of a backup was read.
 *
 * **Errors**: `backup_damaged`.
 */
export function requireWhole(order: CausalOrder, { cut }: BackupManifest): void {
  const shard = cut.sequences.findIndex((sequence, index) => order.sequences[index] !== sequence);
  if (shard < 0) return;
  throw new CommandError(
    EXIT.problems,
    "backup_damaged",
    `the backup should go to ${shard}:${cut.sequences[shard]}, but its frames end at ${shard}:${order.sequences[shard]}`,
  );
}
