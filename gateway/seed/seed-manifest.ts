import { z } from "zod";
import { claimSchema, foldStateSchema } from "../../replicator/epoch-fold.ts";

/** Where a leader gives out what a new node begins with. */
export const SEED_PATH = "/api/v1/replication/seed";

/** A file that is given out as it stands; its name is that in the shard's directory. */
function fileNamed(name: RegExp) {
  return z.object({ name: z.string().regex(name), bytes: z.int().nonnegative() });
}

const shardSeedSchema = z.object({
  /** The last record that the snapshot has; 0 where the shard has none yet. */
  sequence: z.int().nonnegative(),
  /** The first record of the journal that goes with it. */
  firstSequence: z.int().positive(),
  snapshot: fileNamed(/^snapshot-\d{16}\.mzs$/).nullable(),
  sealedIds: z.array(fileNamed(/^ids-\d{8}\.mzi$/)),
});

/** What a new node of a ledger begins with: everything that the log has before the checkpoint, and perhaps more. */
export const seedManifestSchema = z.object({
  offerId: z.uuid(),
  ledger: claimSchema.shape.ledger,
  journalTopic: z.string(),
  /** Where to go on in the log, one a shard; no shard's snapshot ends before that. */
  checkpoint: z.array(foldStateSchema),
  shards: z.array(shardSeedSchema),
});

export type SeedManifest = z.infer<typeof seedManifestSchema>;
export type ShardSeed = z.infer<typeof shardSeedSchema>;
export type SeedFile = ShardSeed["sealedIds"][number];

/** What a new node asks for: an offer that the log can go on from. */
export const seedRequestSchema = z.strictObject({
  /** Of the oldest record that each partition has. */
  firstOffsets: z.array(z.int().nonnegative()),
});

/** The files of a shard, sealed ids first. */
export function filesOf({ snapshot, sealedIds }: ShardSeed): readonly SeedFile[] {
  return snapshot === null ? sealedIds : [...sealedIds, snapshot];
}

/** Under what name a shard's file is asked for. */
export function fileKey(shard: number, name: string): string {
  return `${shard}-${name}`;
}

/** Under what name a shard's journal is asked for. */
export function framesKey(shard: number): string {
  return `${shard}-frames`;
}

/** Whether a log that begins with some offsets has everything from a checkpoint on. */
export function reaches(checkpoint: SeedManifest["checkpoint"], firstOffsets: readonly number[]): boolean {
  return checkpoint.every(({ offset }, shard) => offset >= (firstOffsets[shard] ?? 0));
}
