import { hash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { genesisHash } from "../engine/journal/frame.ts";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import { beginning, type FoldState, foldStateSchema } from "./epoch-fold.ts";

const NAME = "replication.json";

const contentSchema = z.object({
  formatVersion: z.literal(1),
  ledgerId: z.string(),
  journalTopic: z.string(),
  /** One a shard: its journal has everything that stands before the offset. */
  shards: z.array(foldStateSchema),
});
type Checkpoint = z.infer<typeof contentSchema>;
const fileSchema = contentSchema.extend({ checksum: z.string() });

/** Which log a checkpoint is about. */
export interface LogIdentity {
  readonly ledgerId: string;
  readonly journalTopic: string;
}

/**
 * Where the shards go on in the log: behind what their journals are known to have, or all at the beginning.
 *
 * A checkpoint that is damaged, about another log, or ahead of a journal is not believed.
 */
export function readCheckpoint(dataDir: string, log: LogIdentity, throughSequences: readonly number[]): FoldState[] {
  const content = storedCheckpoint(dataDir);
  const isOurs = content?.ledgerId === log.ledgerId && content.journalTopic === log.journalTopic;
  return goOnFrom(isOurs ? content.shards : undefined, log.ledgerId, throughSequences);
}

/** Where shards whose journals end at some sequences go on: at what a checkpoint says, or all at the beginning. */
export function goOnFrom(
  checkpoint: FoldState[] | undefined,
  ledgerId: string,
  throughSequences: readonly number[],
): FoldState[] {
  const isBehind =
    checkpoint?.length === throughSequences.length &&
    checkpoint.every(({ nextSequence }, shard) => nextSequence - 1 <= throughSequences[shard]);
  if (isBehind) return checkpoint;
  return throughSequences.map((_, shard) => beginning(genesisHash(ledgerId, shard)));
}

/** Writes the checkpoint of all shards; it is there whole or as it was. */
export function writeCheckpoint(dataDir: string, log: LogIdentity, shards: readonly FoldState[]): void {
  const content: Checkpoint = { formatVersion: 1, ...log, shards: [...shards] };
  const path = join(dataDir, NAME);
  const unfinished = `${path}.unfinished`;
  const file = openSync(unfinished, "w");
  try {
    writeFileSync(file, `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  syncDirectory(dataDir);
}

/** The checkpoint as it lies in a data directory; undefined where there is none, or it is damaged. */
export function storedCheckpoint(dataDir: string): Checkpoint | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(join(dataDir, NAME), "utf8"));
  } catch {
    return undefined;
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { checksum, ...content } = parsed.data;
  return checksum === checksumOf(content) ? content : undefined;
}

function checksumOf(content: Checkpoint): string {
  const { formatVersion, ledgerId, journalTopic, shards } = content;
  return hash("sha256", JSON.stringify([formatVersion, ledgerId, journalTopic, shards]));
}
