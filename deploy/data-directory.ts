import { join } from "node:path";
import { type LedgerFile, readLedgerFile } from "../engine/ledger-file.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";

/** A ledger on the disk, to be read and never changed. */
export interface DataDirectory {
  readonly path: string;
  readonly ledger: LedgerFile;
}

/**
 * Finds the ledger in a directory.
 *
 * **Errors**: `not_a_ledger`, `ledger_file_damaged`.
 */
export function findLedger(path: string): DataDirectory {
  let ledger: LedgerFile | undefined;
  try {
    ledger = readLedgerFile(path);
  } catch (error) {
    throw new CommandError(
      EXIT.problems,
      "ledger_file_damaged",
      error instanceof Error ? error.message : String(error),
    );
  }
  if (ledger === undefined) {
    throw new CommandError(EXIT.usage, "not_a_ledger", `there is no ledger in ${path}: it has no mizan.json`);
  }
  return { path, ledger };
}

/** The directory of a shard's journal. */
export function shardDirectory(path: string, shard: number): string {
  return join(path, `shard-${shard}`);
}

/** The directory of a shard's archive. */
export function archiveDirectory(path: string, shard: number): string {
  return join(process.env.MIZAN_ARCHIVE_DIR ?? join(path, "archive"), `shard-${shard}`);
}

/** The numbers of a ledger's shards. */
export function shardsOf({ ledger }: DataDirectory): number[] {
  return Array.from({ length: ledger.shards }, (_, shard) => shard);
}
