import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import type { LedgerFile } from "../engine/ledger-file.ts";
import { type FoldState, foldStateSchema } from "../replicator/epoch-fold.ts";
import type { CopiedBucket, CopiedSnapshot, CopiedState } from "./backup-state.ts";
import type { CausalOrderState } from "./causal-order.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import type { FrameFileFacts } from "./frame-file.ts";

const NAME = "backup.json";

/** How a frame is known again. */
export interface FrameHead {
  readonly firstSequence: number;
  /** In hexadecimal. */
  readonly hash: string;
}

/** Where a ledger goes on in the log of its journal. */
export interface LogPlace {
  readonly journalTopic: string;
  /** One a shard: the journal has everything that stands before the offset. */
  readonly shards: readonly FoldState[];
}

/** What a backup holds. A file that is not listed here is no part of it. */
export interface BackupManifest {
  readonly formatVersion: 1;
  readonly ledger: LedgerFile;
  readonly takenAt: string;
  /** The consistent cut that the backup goes to. */
  readonly cut: CausalOrderState;
  /** The newest frame of each shard; null where there is none yet. */
  readonly heads: readonly (FrameHead | null)[];
  /** A place in the log before which the cut has everything; not there where the ledger is not replicated. */
  readonly log?: LogPlace | undefined;
  readonly files: readonly FrameFileFacts[];
  readonly snapshots: readonly CopiedSnapshot[];
  readonly sealedIds: readonly CopiedBucket[];
}

const count = z.number().int().min(0);
const copied = { shard: count, bytes: count, sha256: z.string() };
const sent = z.object({ id: z.string(), toShard: count, number: count });
const schema: z.ZodType<BackupManifest> = z.object({
  formatVersion: z.literal(1),
  ledger: z.object({
    formatVersion: count,
    ledgerId: z.string(),
    shards: count.min(1),
    calendarTimeZone: z.string(),
    createdAt: z.string(),
  }),
  takenAt: z.string(),
  cut: z.object({
    sequences: z.array(count),
    open: z.array(z.array(sent)),
    channels: z.array(z.object({ key: z.string(), sent: count, completedThrough: count, completed: z.array(count) })),
  }),
  heads: z.array(z.object({ firstSequence: count, hash: z.string().regex(/^[0-9a-f]{64}$/) }).nullable()),
  log: z.object({ journalTopic: z.string(), shards: z.array(foldStateSchema) }).optional(),
  files: z.array(
    z.object({
      name: z.string().regex(/^shard-\d+\/frames-\d+-\d+\.zst$/),
      shard: count,
      firstSequence: count,
      lastSequence: count,
      bytes: count,
      sha256: z.string(),
    }),
  ),
  snapshots: z.array(
    z.object({ ...copied, name: z.string().regex(/^shard-\d+\/snapshot-\d{16}\.mzs$/), sequence: count }),
  ),
  sealedIds: z.array(
    z.object({
      ...copied,
      name: z.string().regex(/^shard-\d+\/ids-\d{8}(?:-\d+)?\.mzi$/),
      ordinal: count,
      seed: count,
      throughSequence: count,
    }),
  ),
});

/** Whether shards that end with some sequences have all that stands before a place in the log. */
export function isThrough({ shards }: LogPlace, sequences: readonly number[]): boolean {
  return shards.length === sequences.length && shards.every((at, shard) => at.nextSequence - 1 <= sequences[shard]);
}

/** Snapshots and sealed ids of one shard, oldest first. */
export function copiedState({ snapshots, sealedIds }: BackupManifest, shard: number): CopiedState {
  return {
    snapshots: snapshots.filter((file) => file.shard === shard),
    sealedIds: sealedIds.filter((file) => file.shard === shard),
  };
}

/**
 * The manifest of the backup in a directory, or undefined where there is none.
 *
 * **Errors**: `backup_damaged`.
 */
export function readManifest(backup: string): BackupManifest | undefined {
  const path = join(backup, NAME);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  }
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new CommandError(EXIT.problems, "backup_damaged", `${path} is damaged: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

/** The manifest of the backup in a directory. **Errors**: `not_a_backup`, `backup_damaged`. */
export function requireManifest(backup: string): BackupManifest {
  const manifest = readManifest(backup);
  if (manifest !== undefined) return manifest;
  throw new CommandError(EXIT.usage, "not_a_backup", `there is no backup in ${backup}: it has no backup.json`);
}

/** Makes a manifest the one that counts; it is there whole or not at all. */
export function writeManifest(backup: string, manifest: BackupManifest): void {
  const unfinished = join(backup, `${NAME}.unfinished`);
  const file = openSync(unfinished, "w");
  try {
    writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, join(backup, NAME));
  syncDirectory(backup);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
