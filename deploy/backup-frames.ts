import { join } from "node:path";
import { recordCountOf } from "../engine/journal/frame.ts";
import { type BackupManifest, copiedState } from "./backup-manifest.ts";
import type { CausalOrder } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import { type FrameFileFacts, readFrameFile } from "./frame-file.ts";
import type { KeptHistory } from "./history-start.ts";
import type { FoundFrame } from "./journal-frames.ts";

/** The history of a shard that a backup has, over all its files. */
export function backupHistory(backup: string, manifest: BackupManifest, shard: number): KeptHistory {
  const files = manifest.files.filter((file) => file.shard === shard).sort((a, b) => a.firstSequence - b.firstSequence);
  return {
    firstSequence: files.at(0)?.firstSequence ?? 1,
    frames: (fromSequence) => framesOf(backup, files, fromSequence),
    snapshots: copiedState(manifest, shard)
      .snapshots.map(({ name, sequence }) => ({ path: join(backup, name), sequence }))
      .reverse(),
  };
}

function* framesOf(backup: string, files: readonly FrameFileFacts[], fromSequence: number): Generator<FoundFrame> {
  for (const file of files.filter(({ lastSequence }) => lastSequence >= fromSequence)) {
    for (const found of readFrameFile(backup, file)) {
      if (found.key + recordCountOf(found.value) > fromSequence) yield found;
    }
  }
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
