import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { cutTail } from "../engine/journal/cut-tail.ts";
import { type LedgerFile, readLedgerFile, writeLedgerFile } from "../engine/ledger-file.ts";
import { compareTails } from "../replicator/compare-tail.ts";
import { ReplicationGapError } from "../replicator/epoch-fold.ts";
import { kafkaErrorType } from "../replicator/kafka-link.ts";
import { isUnreachable } from "../replicator/kafka-unreachable.ts";
import { liveNodeUrls } from "../replicator/live-nodes.ts";
import { type LogOutline, outlineOfLog } from "../replicator/log-outline.ts";
import type { LogAccess } from "../replicator/replicator-messages.ts";
import { cutFrom } from "../replicator/tail-comparison.ts";
import type { Config } from "./config.ts";
import { JoinServer } from "./join-server.ts";
import { kafkaAccess, replicatorOptions } from "./replicator-options.ts";
import { fetchSeed } from "./seed/fetch-seed.ts";
import { SeedError } from "./seed/seed-error.ts";
import { settleSeed } from "./seed/seeded-directory.ts";
import { StartError } from "./start-error.ts";

const PAUSE_MS = 500;

/**
 * Before the shards start: an empty node begins with a snapshot of the leader's or with the log, and one that led before, and does
 * not any more, cuts off what the log does not have. Tells whether the log has all that is here then.
 *
 * Where Kafka cannot be reached it waits: without the log nobody knows who leads. **Errors**: rejects where this node's data are
 * not those of the log, and where an empty one has nothing to begin with, with what to do.
 */
export async function joinLog(config: Config, log: Logger): Promise<{ readonly isInLog: boolean }> {
  settleSeed(config.dataDir);
  if (readLedgerFile(config.dataDir) === undefined) await adoptLedger(config, log);
  const ledger = readLedgerFile(config.dataDir);
  return { isInLog: ledger === undefined || (await cutWhatTheLogLacks(config, ledger, log)) };
}

async function cutWhatTheLogLacks(config: Config, ledger: LedgerFile, log: Logger): Promise<boolean> {
  const options = replicatorOptions(config, ledger);
  const journals = Array.from({ length: ledger.shards }, (_, shard) => ({
    shard,
    directory: join(config.dataDir, `shard-${shard}`),
    archiveDirectory: join(config.archiveDir ?? join(config.dataDir, "archive"), `shard-${shard}`),
  }));
  if (!journals.some(({ directory }) => existsSync(directory))) return true;
  const comparison = await reach(log, () => compareTails(options, config.dataDir, journals)).catch((error: unknown) => {
    if (!(error instanceof ReplicationGapError)) throw error;
    throw new StartError(
      "replication_gap",
      `the log does not have what comes after the data in ${config.dataDir}: ${error.message}. Move them away and start again: ` +
        "a node without data begins with a snapshot of the leader's.",
      { cause: error },
    );
  });
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
  return comparison.shards.every(
    ({ type }, shard) => type !== "beyond" || cutFrom(comparison, shard, options.nodeId) !== undefined,
  );
}

/** Finds out of which ledger an empty node is, with its data or without; leaves it as it is where it is the first one of all. */
async function adoptLedger(config: Config, log: Logger): Promise<void> {
  const access = { ...kafkaAccess(config), journalTopic: config.journalTopic };
  const look = (): Promise<LogOutline> => reach(log, () => lookAt(access));
  const server = await JoinServer.open(config);
  try {
    for (;;) {
      const outline = await look();
      const records = recordsOf(outline);
      server.behindRecords = records;
      const isWhole = outline.partitions.every(({ firstOffset }) => firstOffset === 0);
      if (!isWhole || (records > 0 && records >= config.seedLogRecords)) {
        const problem = await seed(config, log, access, look, server);
        if (problem === undefined) return;
        if (!isWhole) throw cannotBegin(config, problem);
        log.warn(
          { code: problem.code, reason: problem.message },
          "no snapshot of the leader's; this node follows the log from its beginning",
        );
      }
      if (outline.claim !== undefined) {
        const { ledgerId, shards, calendarTimeZone, formatVersion, createdAt } = outline.claim.ledger;
        writeLedgerFile(config.dataDir, { formatVersion, ledgerId, shards, calendarTimeZone, createdAt });
        return;
      }
      if (records > 0) {
        throw new StartError("replication_gap", `the log ${config.journalTopic} does not begin with a claim`);
      }
      // A leader may be the first one of all; a standby has nothing to follow yet.
      if (config.role === "leader") return;
      await delay(PAUSE_MS);
    }
  } finally {
    server.close();
  }
}

/** What a log has; nothing where there is none. */
async function lookAt(access: LogAccess): Promise<LogOutline> {
  try {
    return await outlineOfLog(access);
  } catch (error) {
    if (kafkaErrorType(error) === "UNKNOWN_TOPIC_OR_PARTITION") return { claim: undefined, partitions: [] };
    throw error;
  }
}

function recordsOf({ partitions }: LogOutline): number {
  return partitions.reduce((sum, { firstOffset, endOffset }) => sum + endOffset - firstOffset, 0);
}

/** Begins with a snapshot of the leader's; returns why that did not succeed. */
async function seed(
  config: Config,
  log: Logger,
  access: LogAccess,
  look: () => Promise<LogOutline>,
  server: JoinServer,
): Promise<SeedError | undefined> {
  try {
    await fetchSeed({
      config,
      log,
      firstOffsets: async () => (await look()).partitions.map(({ firstOffset }) => firstOffset),
      nodeUrls: () => reach(log, () => liveNodeUrls(access)),
      told: (progress) => {
        server.seed = progress;
      },
    });
    return undefined;
  } catch (error) {
    if (error instanceof SeedError) return error;
    throw error;
  } finally {
    server.seed = undefined;
  }
}

function cannotBegin({ journalTopic }: Config, problem: SeedError): StartError {
  return new StartError(
    problem.code,
    `the log ${journalTopic} does not have its beginning any more, and ${problem.message}. Start again while a leader is there ` +
      "that this node may ask, or with a backup restored to its data directory.",
    { cause: problem },
  );
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
