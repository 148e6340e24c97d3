/** The thread that keeps what the shards' threads must not wait for: it writes their snapshots and looks after what is old. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ChunkPool } from "../../snapshots/chunk-pool.ts";
import { yieldToOthers } from "../../snapshots/thread-priority.ts";
import { type SealRequest, sealBucket } from "../idempotency/seal-bucket.ts";
import { ReplicatedPosition, type ReplicationMemory } from "../replication/replication-memory.ts";
import { STAT } from "../shard/shard-stats.ts";
import { ArchiveKeeper } from "./archive-keeper.ts";
import type { KeeperReport, KeeperRequest } from "./keeper-messages.ts";
import { SnapshotProgress } from "./keeper-messages.ts";
import { hasteLagBytes, keeperPace } from "./keeper-pace.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";

export interface KeeperShard {
  readonly shard: number;
  readonly directory: string;
  readonly port: MessagePort;
  readonly progress: SharedArrayBuffer;
  readonly archiveDirectory: string;
  readonly journalControl: SharedArrayBuffer;
  /** The shard's statistics, of which the keeper writes those of the archive. */
  readonly stats: SharedArrayBuffer;
  readonly replication: Pick<ReplicationMemory, "lanes" | "doorbell">;
}

export interface KeeperThreadData {
  readonly shards: readonly KeeperShard[];
  readonly snapshotsKept: number;
  readonly ledgerId: string;
  /** How long an archive file is kept; 0 is for ever. */
  readonly archiveKeepMs: number;
  /** Journal of a shard that may be behind. */
  readonly lagBytesMax: number;
}

/** How long sealing waits after a failure, of a full disk for example. */
const SEAL_RETRY_MS = 5_000;

/** Compressing for the archive takes a core when the shards write as fast as they can; they come first. */
const KEEPER_NICENESS = 10;

const { shards, snapshotsKept, ledgerId, archiveKeepMs, lagBytesMax } = workerData as KeeperThreadData;
yieldToOthers(KEEPER_NICENESS);
const pool = new ChunkPool(Math.max(1, availableParallelism() - 1), KEEPER_NICENESS);

let isStopping = false;

function tell(report: KeeperReport): void {
  parentPort?.postMessage(report);
}

const keepers = shards.map((keptShard) => {
  const { shard, directory, port, progress, archiveDirectory, journalControl, stats } = keptShard;
  const values = new Float64Array(stats);
  const replicated = new ReplicatedPosition(keptShard.replication);
  const log = (level: "info" | "warn" | "error", fact: string, fields: Readonly<Record<string, unknown>>): void =>
    tell({ type: "log", level, fact, fields: { shard, ...fields } });
  const rest = keeperPace(() => isStopping || values[STAT.keeperLagBytes] > hasteLagBytes(lagBytesMax));
  const archive = new ArchiveKeeper({
    directory,
    archiveDirectory,
    shard,
    ledgerId,
    control: journalControl,
    keepMs: archiveKeepMs,
    rest,
    log,
    onChange: ({ files, bytes, lagSegments, failures, droppedThrough }) => {
      values[STAT.archiveFiles] = files;
      values[STAT.archiveBytes] = bytes;
      values[STAT.archiveLagSegments] = lagSegments;
      values[STAT.archiveFailures] = failures;
      values[STAT.archiveDroppedThrough] = droppedThrough;
    },
  });
  const keeper = new SnapshotKeeper({
    directory: join(directory, "snapshots"),
    keep: snapshotsKept,
    safeThrough: () => replicated.throughSequence,
    pool,
    progress: new SnapshotProgress(progress),
    rest,
    log,
    onRetained: async ({ oldestKept }) => {
      // A start looks for the frame that a snapshot ends with, also where the archive is dropped: it stays live. So does what the
      // log does not have: where another node takes over, it has to be cut off, and the archive never changes.
      if (oldestKept === undefined) return;
      await archive.archiveThrough(Math.min(oldestKept - 1, replicated.throughSequence));
    },
  });
  const seal = (request: SealRequest): void => {
    try {
      sealBucket(request);
    } catch (error) {
      log("error", "ids could not be sealed, and stay in memory", { message: String(error), retryMs: SEAL_RETRY_MS });
      setTimeout(seal, SEAL_RETRY_MS, request).unref();
    }
  };
  port.on("message", (request: KeeperRequest) => {
    if (request.type === "sealIds") seal(request.request);
    else keeper.take(request);
  });
  return keeper;
});

// The engine asks for the end after the shards have ended, so nothing comes any more.
parentPort?.once("message", () => {
  isStopping = true;
  Promise.all(keepers.map((keeper) => keeper.idle()))
    .then(() => pool.close())
    .then(() => tell({ type: "stopped" }));
});
