import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";

const CHUNK_BYTES = 1 << 20;

/** A file that stands in a backup as it was. */
export interface CopiedFile {
  /** Path inside the backup. */
  readonly name: string;
  readonly shard: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Copies a file into a backup, where it is complete and on the disk once it has its name. */
export function copyIntoBackup(source: string, backup: string, shard: number, name: string): CopiedFile {
  const inside = `shard-${shard}/${name}`;
  return { name: inside, shard, ...copyFile(source, join(backup, inside)) };
}

/** Copies a file out of a backup. **Errors**: `backup_damaged` where it is not what the manifest says. */
export function copyOutOfBackup(backup: string, { name, bytes, sha256 }: CopiedFile, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  const copied = copyFile(join(backup, name), target);
  if (copied.bytes !== bytes || copied.sha256 !== sha256) throw damaged(join(backup, name));
}

/** Reads a file of a backup to its end. **Errors**: `backup_damaged` where it is not what the manifest says. */
export function checkCopy(backup: string, { name, bytes, sha256 }: CopiedFile): void {
  const hash = createHash("sha256");
  let length = 0;
  for (const chunk of chunksOf(join(backup, name))) {
    hash.update(chunk);
    length += chunk.byteLength;
  }
  if (length !== bytes || hash.digest("hex") !== sha256) throw damaged(join(backup, name));
}

function copyFile(source: string, target: string): { readonly bytes: number; readonly sha256: string } {
  const hash = createHash("sha256");
  const unfinished = join(dirname(target), "unfinished");
  const file = openSync(unfinished, "w");
  let bytes = 0;
  try {
    for (const chunk of chunksOf(source)) {
      for (let at = 0; at < chunk.byteLength; ) at += writeSync(file, chunk, at);
      hash.update(chunk);
      bytes += chunk.byteLength;
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, target);
  return { bytes, sha256: hash.digest("hex") };
}

/** The bytes of a file, in chunks that are valid until the next one. */
function* chunksOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, "r");
  const chunk = new Uint8Array(CHUNK_BYTES);
  try {
    for (let count = readSync(file, chunk); count > 0; count = readSync(file, chunk)) yield chunk.subarray(0, count);
  } finally {
    closeSync(file);
  }
}

function damaged(path: string): CommandError {
  return new CommandError(EXIT.problems, "backup_damaged", `${path} is damaged: it is not what the manifest says`);
}
