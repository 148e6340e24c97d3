import { existsSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { syncDirectory } from "../engine/journal/segment-file.ts";
import { type LedgerFile, writeLedgerFile } from "../engine/ledger-file.ts";
import { loadConfig } from "../gateway/config.ts";
import { keyFilePath } from "../gateway/people/key-file.ts";
import { writeCheckpoint } from "../replicator/checkpoint.ts";
import type { LogPlace } from "./backup-manifest.ts";
import { CommandError } from "./command-error.ts";
import { shardDirectory } from "./data-directory.ts";
import { EXIT } from "./exit-code.ts";
import { JournalWriter } from "./journal-writer.ts";
import { type CopiedKeys, copyKeys } from "./person-keys-file.ts";

/**
 * A new data directory, built aside under another name and renamed when it is complete: either all of it is there or
 * nothing. What an interrupted run left behind is removed by the next one.
 */
export class BuiltDirectory {
  readonly journals: readonly JournalWriter[];
  readonly #path: string;
  readonly #aside: string;
  readonly #ledger: LedgerFile;

  /** **Errors**: `not_empty` where there is something in the directory already. */
  constructor(path: string, ledger: LedgerFile) {
    this.#path = resolve(path);
    this.#aside = `${this.#path}.unfinished`;
    this.#ledger = ledger;
    if (existsSync(this.#path) && readdirSync(this.#path).length > 0) {
      throw new CommandError(EXIT.usage, "not_empty", `${path} is not empty; nothing is overwritten`);
    }
    rmSync(this.#aside, { recursive: true, force: true });
    const { journalSegmentBytes } = loadConfig(process.env);
    this.journals = Array.from(
      { length: ledger.shards },
      (_, shard) => new JournalWriter(shardDirectory(this.#aside, shard), journalSegmentBytes),
    );
  }

  /** Takes the keys of persons along. **Errors**: those of `copyKeys`. */
  takeKeys(from: string): Promise<CopiedKeys> {
    return copyKeys(from, keyFilePath(this.#aside));
  }

  /** Where the directory of a shard is built. */
  shardPath(shard: number): string {
    return shardDirectory(this.#aside, shard);
  }

  /** Gives the directory its name. With a place in the log, which the journals have come to, the ledger goes on there. */
  async finish(log?: LogPlace): Promise<void> {
    for (const journal of this.journals) await journal.close();
    if (log !== undefined) {
      const { journalTopic, shards } = log;
      writeCheckpoint(this.#aside, { ledgerId: this.#ledger.ledgerId, journalTopic }, shards);
    }
    writeLedgerFile(this.#aside, this.#ledger);
    if (existsSync(this.#path)) rmdirSync(this.#path);
    renameSync(this.#aside, this.#path);
    syncDirectory(dirname(this.#path));
  }

  /** Removes what was built so far. */
  async drop(): Promise<void> {
    for (const journal of this.journals) await journal.close();
    rmSync(this.#aside, { recursive: true, force: true });
  }
}
