import { hash, randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FORMAT_VERSION } from "./journal/frame.ts";
import { syncDirectory } from "./journal/segment-file.ts";

/** What is fixed when a ledger is started for the first time. */
export interface LedgerFile {
  readonly formatVersion: number;
  readonly ledgerId: string;
  readonly shards: number;
  /** Where the days and months of limits begin: what a journal comes to depends on it. */
  readonly calendarTimeZone: string;
  readonly createdAt: string;
}

/** What is asked for at a start; what is undefined is taken as it is. */
type Asked = { readonly [Name in "shards" | "calendarTimeZone"]: LedgerFile[Name] | undefined };

const NAME = "mizan.json";
const CALENDAR_TIME_ZONE_DEFAULT = "Africa/Cairo";

/**
 * Reads what is fixed about the ledger in a data directory, or fixes it now for an empty one.
 *
 * **Errors**: throws where the shards or the time zone asked for differ from those that the data was written with.
 */
export function openLedgerFile(dataDir: string, asked: Asked, defaultShards: number): LedgerFile {
  mkdirSync(dataDir, { recursive: true });
  const ledger = readLedgerFile(dataDir) ?? create(dataDir, asked, defaultShards);
  refuseOther(dataDir, "MIZAN_SHARDS", ledger.shards, asked.shards);
  refuseOther(dataDir, "MIZAN_CALENDAR_TIME_ZONE", ledger.calendarTimeZone, asked.calendarTimeZone);
  return ledger;
}

function refuseOther<T>(dataDir: string, setting: string, fixed: T, asked: T | undefined): void {
  if (asked === undefined || asked === fixed) return;
  throw new Error(
    `the data in ${dataDir} was written with ${setting}=${fixed}, not ${asked}. ` +
      `Start with ${setting}=${fixed} or without it, or use an empty MIZAN_DATA_DIR.`,
  );
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
  const { checksum, ...ledger } = parse(path, text);
  const { formatVersion, ledgerId, shards, calendarTimeZone, createdAt } = ledger;
  const isWhole = typeof ledgerId === "string" && Number.isInteger(shards);
  // A ledger of version 0.1 has no checksum.
  if (!isWhole || (checksum !== undefined && checksum !== checksumOf(ledger))) throw new Error(damageText(path));
  if (formatVersion !== FORMAT_VERSION) {
    throw new Error(`${path} has format version ${formatVersion}; this program reads ${FORMAT_VERSION}`);
  }
  // A ledger from before there were limits has none that another zone would change.
  const timeZone = typeof calendarTimeZone === "string" ? calendarTimeZone : CALENDAR_TIME_ZONE_DEFAULT;
  return { formatVersion, ledgerId, shards, calendarTimeZone: timeZone, createdAt };
}

function parse(path: string, text: string): LedgerFile & { readonly checksum?: unknown } {
  try {
    return JSON.parse(text) as LedgerFile;
  } catch {
    throw new Error(damageText(path));
  }
}

/** Which shard a wallet is on, and what its limits have counted, depends on the file: so nothing in it may decay unnoticed. */
function checksumOf(ledger: LedgerFile): string {
  return hash("sha256", JSON.stringify(ledger));
}

function damageText(path: string): string {
  return `${path} is damaged. Nothing was changed. Restore this file from a backup or a copy.`;
}

function create(dataDir: string, asked: Asked, defaultShards: number): LedgerFile {
  const ledger = {
    formatVersion: FORMAT_VERSION,
    ledgerId: randomUUID(),
    shards: asked.shards ?? defaultShards,
    calendarTimeZone: asked.calendarTimeZone ?? CALENDAR_TIME_ZONE_DEFAULT,
    createdAt: new Date().toISOString(),
  };
  writeLedgerFile(dataDir, ledger);
  return ledger;
}

/** Fixes what is fixed about the ledger in a data directory; the file is there whole or not at all. */
export function writeLedgerFile(dataDir: string, ledger: LedgerFile): void {
  const path = join(dataDir, NAME);
  const unfinished = `${path}.unfinished`;
  const file = openSync(unfinished, "w");
  try {
    writeFileSync(file, `${JSON.stringify({ ...ledger, checksum: checksumOf(ledger) }, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  syncDirectory(dataDir);
}
