import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { cutTail } from "../engine/journal/cut-tail.ts";
import { readLedgerFile, writeLedgerFile } from "../engine/ledger-file.ts";
import { compareTails } from "../replicator/compare-tail.ts";
import { isUnreachable } from "../replicator/kafka-unreachable.ts";
import { ledgerOfLog } from "../replicator/ledger-of-log.ts";
import { cutFrom } from "../replicator/tail-comparison.ts";
import type { Config } from "./config.ts";
import { kafkaAccess, replicatorOptions } from "./replicator-options.ts";

const PAUSE_MS = 500;

/**
 * Before the shards start: an empty node learns from the log which ledger it is of, and one that led before, and does not
 * any more, cuts off what the log does not have.
 *
 * Where Kafka cannot be reached it waits: without the log nobody knows who leads. **Errors**: rejects where this node's data are
 * not those of the log, with what to do.
 */
export async function joinLog(config: Config, log: Logger): Promise<void> {
  await adoptLedger(config, log);
  const ledger = readLedgerFile(config.dataDir);
  if (ledger === undefined) return;
  const options = replicatorOptions(config, ledger);
  const journals = Array.from({ length: ledger.shards }, (_, shard) => ({
    shard,
    directory: join(config.dataDir, `shard-${shard}`),
    archiveDirectory: join(config.archiveDir ?? join(config.dataDir, "archive"), `shard-${shard}`),
  }));
  if (!journals.some(({ directory }) => existsSync(directory))) return;
  const comparison = await reach(log, () => compareTails(options, config.dataDir, journals));
  for (const [shard, journal] of journals.entries()) {
    const fromSequence = cutFrom(comparison, shard, options.nodeId);
    if (fromSequence === undefined) continue;
    const file = await cutTail({ ...journal, throughSequence: fromSequence - 1 });
    if (file === undefined) continue;
    log.warn(
      { shard, keptIn: file.path, firstSequence: file.firstSequence, lastSequence: file.lastSequence },
      "records that the log does not have were cut off and kept aside; `mizan tail` shows them",
    );
  }
}

async function adoptLedger(config: Config, log: Logger): Promise<void> {
  if (readLedgerFile(config.dataDir) !== undefined) return;
  for (;;) {
    const claim = await reach(log, () => ledgerOfLog(kafkaAccess(config), config.journalTopic));
    if (claim !== undefined) {
      const { ledgerId, shards, calendarTimeZone, formatVersion, createdAt } = claim.ledger;
      writeLedgerFile(config.dataDir, { formatVersion, ledgerId, shards, calendarTimeZone, createdAt });
      return;
    }
    // A leader may be the first one of all; a standby has nothing to follow yet.
    if (config.role === "leader") return;
    await delay(PAUSE_MS);
  }
}

/** Tries until Kafka can be reached. */
async function reach<T>(log: Logger, attempt: () => Promise<T>): Promise<T> {
  for (let isTold = false; ; isTold = true) {
    try {
      return await attempt();
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      if (!isTold) log.warn({ reason }, "the log cannot be read; waiting for it");
      await delay(PAUSE_MS);
    }
  }
}
