import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { syncDirectory } from "../../engine/journal/segment-file.ts";
import { writeLedgerFile } from "../../engine/ledger-file.ts";
import { writeCheckpoint } from "../../replicator/checkpoint.ts";
import type { SeedManifest } from "./seed-manifest.ts";

const UNFINISHED = "seed.unfinished";
const COMPLETE = "seed.complete";
const LEDGER_FILE = "mizan.json";

/** Makes an empty directory beside the ledger's place, for what comes from another node. */
export function beginSeed(dataDir: string): string {
  const path = join(dataDir, UNFINISHED);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  return path;
}

/** Makes what was received the ledger of a data directory that had none: all of it or nothing, whatever ends it. */
export function completeSeed(dataDir: string, { ledger, journalTopic, checkpoint }: SeedManifest): void {
  const path = join(dataDir, UNFINISHED);
  writeCheckpoint(path, { ledgerId: ledger.ledgerId, journalTopic }, checkpoint);
  writeLedgerFile(path, ledger);
  renameSync(path, join(dataDir, COMPLETE));
  syncDirectory(dataDir);
  settleSeed(dataDir);
}

/**
 * Before a start: what had come completely gets its place, what had not goes.
 *
 * The file that makes a directory that of a ledger is moved last.
 */
export function settleSeed(dataDir: string): void {
  rmSync(join(dataDir, UNFINISHED), { recursive: true, force: true });
  const path = join(dataDir, COMPLETE);
  if (!existsSync(path)) return;
  const names = readdirSync(path).filter((name) => name !== LEDGER_FILE);
  for (const name of names) renameSync(join(path, name), join(dataDir, name));
  syncDirectory(dataDir);
  if (existsSync(join(path, LEDGER_FILE))) renameSync(join(path, LEDGER_FILE), join(dataDir, LEDGER_FILE));
  syncDirectory(dataDir);
  rmdirSync(path);
}
