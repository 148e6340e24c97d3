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
  const path = join(dataDir, NAME);
  const ledger = read(path) ?? create(dataDir, path, shards ?? defaultShards);
  if (ledger.formatVersion !== FORMAT_VERSION) {
    throw new Error(`${path} has format version ${ledger.formatVersion}; this program reads ${FORMAT_VERSION}`);
  }
  if (shards !== undefined && shards !== ledger.shards) {
    throw new Error(
      `the data in ${dataDir} was written with MIZAN_SHARDS=${ledger.shards}, not ${shards}. ` +
        `Start with MIZAN_SHARDS=${ledger.shards} or without it, or use an empty MIZAN_DATA_DIR.`,
    );
  }
  return ledger;
}

function read(path: string): LedgerFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const { formatVersion, ledgerId, shards, createdAt } = JSON.parse(text) as LedgerFile;
  if (typeof ledgerId !== "string" || !Number.isInteger(shards)) throw new Error(`${path} is damaged`);
  return { formatVersion, ledgerId, shards, createdAt };
}

function create(dataDir: string, path: string, shards: number): LedgerFile {
  const ledger = { formatVersion: FORMAT_VERSION, ledgerId: randomUUID(), shards, createdAt: new Date().toISOString() };
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
  return ledger;
}
