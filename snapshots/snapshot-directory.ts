import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SnapshotReader } from "./snapshot-reader.ts";
import { UNFINISHED } from "./snapshot-writer.ts";

const NAME = /^snapshot-(\d{16})\.mzs$/;

/** A snapshot in a directory, by the position that its name tells. */
export interface StoredSnapshot {
  readonly path: string;
  readonly sequence: number;
}

/** The path of the snapshot at a sequence. */
export function snapshotPath(directory: string, sequence: number): string {
  return join(directory, `snapshot-${String(sequence).padStart(16, "0")}.mzs`);
}

/** The snapshots in a directory, newest first; whether they are sound is not looked at. */
export function listSnapshots(directory: string): StoredSnapshot[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return names
    .map((name) => ({ name, sequence: Number(NAME.exec(name)?.[1] ?? Number.NaN) }))
    .filter(({ sequence }) => !Number.isNaN(sequence))
    .map(({ name, sequence }) => ({ path: join(directory, name), sequence }))
    .sort((a, b) => b.sequence - a.sequence);
}

/** Makes the directory where it is missing, and removes what a crash left unfinished in it. */
export function prepareSnapshotDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(directory)) {
    if (name.endsWith(UNFINISHED)) rmSync(join(directory, name));
  }
}

/** What retention left, and what it did. */
export interface RetentionReport {
  /** Sequence of the oldest snapshot kept; undefined where none is sound. */
  readonly oldestKept: number | undefined;
  readonly removed: readonly string[];
  /** Snapshots whose outline does not verify; they stay for somebody to look at, and do not count. */
  readonly damaged: readonly string[];
}

/**
 * Keeps the newest so many sound snapshots, and the newest one at or before a sequence to which the journal may be cut; removes
 * older ones.
 *
 * Each chunk was read back before a snapshot got its name; whether the file is still whole is seen from its outline.
 */
export function retainSnapshots(directory: string, keep: number, safeThrough: number): RetentionReport {
  const removed: string[] = [];
  const damaged: string[] = [];
  let oldestKept: number | undefined;
  let kept = 0;
  let isSafeKept = false;
  for (const { path, sequence } of listSnapshots(directory)) {
    const isSafe = sequence <= safeThrough;
    if (kept >= keep && (isSafeKept || !isSafe)) {
      rmSync(path);
      removed.push(path);
      continue;
    }
    try {
      SnapshotReader.open(path).close();
      kept += 1;
      oldestKept = sequence;
      isSafeKept ||= isSafe;
    } catch {
      damaged.push(path);
    }
  }
  return { oldestKept, removed, damaged };
}
