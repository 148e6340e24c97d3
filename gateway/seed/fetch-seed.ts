import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { listArchives } from "../../engine/journal/archive-file.ts";
import { ChunkPool } from "../../snapshots/chunk-pool.ts";
import type { Config } from "../config.ts";
import { SeedError } from "./seed-error.ts";
import { reaches, type SeedManifest } from "./seed-manifest.ts";
import type { SeedProgress } from "./seed-progress.ts";
import { SeedReceiver } from "./seed-receiver.ts";
import { SeedSource } from "./seed-source.ts";
import { beginSeed, completeSeed } from "./seeded-directory.ts";

/** Tries in a row that bring nothing. */
const TRIES_MAX = 6;
const FIRST_PAUSE_MS = 250;
/** The leader takes a snapshot first; how long that takes depends on its wallets and its load. */
const OFFERED_WITHIN_MS = 1_800_000;
const OFFER_POLL_MS = 500;
const TOLD_EVERY_MS = 2_000;
const POOL_THREADS = 2;

/** What a node needs to begin with a snapshot of the leader's. */
export interface SeedContext {
  readonly config: Config;
  readonly log: Logger;
  /** Of the oldest record that the log has now, one a partition. */
  readonly firstOffsets: () => Promise<readonly number[]>;
  /** Where the nodes are reached that are alive now. */
  readonly nodeUrls: () => Promise<readonly string[]>;
  /** Told of each step. */
  readonly told: (progress: SeedProgress) => void;
}

/**
 * Makes an empty data directory one that begins with a snapshot of the leader's and goes on with the log.
 *
 * A transfer that breaks is tried again, after a pause that doubles, and goes on where it broke; each try finds out anew who
 * leads. **Errors**: rejects with a `SeedError` where that does not help, and nothing has changed then.
 */
export async function fetchSeed(context: SeedContext): Promise<void> {
  const { config, log } = context;
  const { adminKey } = config;
  if (adminKey === undefined) {
    throw new SeedError("seed_refused", "without MIZAN_ADMIN_KEY, the key of an admin, no leader gives out a snapshot");
  }
  const pool = new ChunkPool(POOL_THREADS);
  let receiver: SeedReceiver | undefined;
  const told = telling(context);
  try {
    for (let failures = 0, pauseMs = FIRST_PAUSE_MS; ; ) {
      const before = receiver?.amount ?? 0;
      try {
        const { source, manifest } = await findOffer(context, adminKey);
        if (receiver?.manifest.offerId !== manifest.offerId) {
          await receiver?.close();
          requireNothing(config, manifest);
          const directory = beginSeed(config.dataDir);
          receiver = new SeedReceiver({ ...config, manifest, directory, pool, told });
        }
        await receiver.receive(source);
        if (reaches(manifest.checkpoint, await context.firstOffsets())) break;
        throw new SeedError("seed_failed", "the log drops its records sooner than a snapshot comes");
      } catch (error) {
        if (error instanceof SeedError) throw error;
        const hasMoved = (receiver?.amount ?? 0) > before;
        failures = hasMoved ? 1 : failures + 1;
        pauseMs = hasMoved ? FIRST_PAUSE_MS : pauseMs * 2;
        const reason = reasonOf(error);
        if (failures >= TRIES_MAX) {
          throw new SeedError("seed_failed", `no snapshot could be had from the leader: ${reason}`, { cause: error });
        }
        log.warn({ reason, failures, pauseMs }, "the transfer of a snapshot broke; it is tried again");
        await delay(pauseMs);
      }
    }
    await receiver.close();
    completeSeed(config.dataDir, receiver.manifest);
    const sequences = receiver.manifest.shards.map(({ sequence }) => sequence);
    log.info({ sequences }, "this node begins with a snapshot of the leader's");
  } finally {
    await receiver?.close();
    await pool.close();
  }
}

/** Asks the nodes that are alive, and whom they name, until one gives out a snapshot. **Errors**: rejects where none does. */
async function findOffer(
  context: SeedContext,
  adminKey: string,
): Promise<{ readonly source: SeedSource; readonly manifest: SeedManifest }> {
  const deadlineMs = performance.now() + OFFERED_WITHIN_MS;
  const problems: string[] = [];
  let refusal: SeedError | undefined;
  const firstOffsets = await context.firstOffsets();
  const urls = new Set(await context.nodeUrls());
  // A set goes on with what is added while it is walked.
  for (const url of urls) {
    const source = new SeedSource(url, adminKey);
    try {
      for (;;) {
        const answer = await source.offer(firstOffsets);
        if (answer.type === "offered") return { source, manifest: answer.manifest };
        if (answer.type === "elsewhere") {
          if (answer.leaderUrl !== undefined) urls.add(answer.leaderUrl);
          problems.push(`${url} follows`);
          break;
        }
        if (performance.now() > deadlineMs) throw new Error(`${url} has no snapshot to give in time`);
        await delay(OFFER_POLL_MS);
      }
    } catch (error) {
      if (error instanceof SeedError) refusal = error;
      problems.push(reasonOf(error));
    }
  }
  if (refusal !== undefined) throw refusal;
  throw new Error(problems.length === 0 ? "no node is alive" : problems.join("; "));
}

/** What is left of another life of this node must not be mixed with what comes. */
function requireNothing({ archiveDir, dataDir }: Config, { shards }: SeedManifest): void {
  if (readdirSync(dataDir).some((name) => /^shard-\d+$/.test(name))) {
    throw new SeedError("seed_failed", `${dataDir} has shards and no mizan.json; nothing is overwritten`);
  }
  for (const shard of shards.keys()) {
    const directory = join(archiveDir ?? join(dataDir, "archive"), `shard-${shard}`);
    if (listArchives(directory).length === 0) continue;
    throw new SeedError(
      "seed_failed",
      `${directory} is not empty; move away what an earlier ledger has archived there`,
    );
  }
}

function telling({ log, told }: SeedContext): (progress: SeedProgress) => void {
  let dueMs = 0;
  return (progress) => {
    told(progress);
    if (performance.now() < dueMs) return;
    dueMs = performance.now() + TOLD_EVERY_MS;
    log.info({ ...progress }, "fetching a snapshot from the leader");
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
