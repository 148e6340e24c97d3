import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FORMAT_VERSION } from "./journal/frame.ts";
import { syncDirectory } from "./journal/segment-file.ts";

/** What is fixed when a ledger is started for the first time. */
export interface LedgerFile {
  readonly formatVersion: number;
  readonly ledgerId: string;
  readonly shards: number;
  readonly createdAt: string;
}

const NAME = "mizan.json";

/**
 * Reads what is fixed about the ledger in a data directory, or fixes it now for an empty one.
 *
 * **Errors**: throws where the shards asked for differ from those that the data was written with.
 */
export function openLedgerFile(dataDir: string, shards: number | undefined, defaultShards: number): LedgerFile {
  mkdirSync(dataDir, { recursive: true });
  const ledger = readLedgerFile(dataDir) ?? create(dataDir, shards ?? defaultShards);
  if (shards !== undefined && shards !== ledger.shards) {
    throw new Error(
      `the data in ${dataDir} was written with MIZAN_SHARDS=${ledger.shards}, not ${shards}. ` +
        `Start with MIZAN_SHARDS=${ledger.shards} or without it, or use an empty MIZAN_DATA_DIR.`,
    );
  }
  return ledger;
}

/**
 * What is fixed about the ledger in a data directory, or undefined where there is none.
 *
 * **Errors**: throws where the file is damaged, or written in a format that this program does not read.
 */
export function readLedgerFile(dataDir: string): LedgerFile | undefined {
  const path = join(dataDir, NAME);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const { formatVersion, ledgerId, shards, createdAt } = parse(path, text);
  if (typeof ledgerId !== "string" || !Number.isInteger(shards)) throw new Error(`${path} is damaged`);
  if (formatVersion !== FORMAT_VERSION) {
    throw new Error(`${path} has format version ${formatVersion}; this program reads ${FORMAT_VERSION}`);
  }
  return { formatVersion, ledgerId, shards, createdAt };
}

function parse(path: string, text: string): LedgerFile {
  try {
    return JSON.parse(text) as LedgerFile;
  } catch {
    throw new Error(`${path} is damaged`);
  }
}

function create(dataDir: string, shards: number): LedgerFile {
  const ledger = { formatVersion: FORMAT_VERSION, ledgerId: randomUUID(), shards, createdAt: new Date().toISOString() };
  writeLedgerFile(dataDir, ledger);
  return ledger;
}

/** Fixes what is fixed about the ledger in a data directory; the file is there whole or not at all. */
export function writeLedgerFile(dataDir: string, ledger: LedgerFile): void {
  const path = join(dataDir, NAME);
  const unfinished = `${path}.unfinished`;
  const file = openSync(unfinished, "w");
  try {
    writeSync(file, `${JSON.stringify(ledger, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  syncDirectory(dataDir);
}
