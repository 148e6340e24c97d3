/** The thread that keeps what the shards' threads must not wait for: it writes their snapshots and looks after what is old. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ChunkPool } from "../../snapshots/chunk-pool.ts";
import { JournalArchiver } from "../journal/journal-archiver.ts";
import type { KeeperReport, KeeperRequest } from "./keeper-messages.ts";
import { SnapshotProgress } from "./keeper-messages.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";

export interface KeeperShard {
  readonly shard: number;
  readonly directory: string;
  readonly port: MessagePort;
  readonly progress: SharedArrayBuffer;
  readonly archiveDirectory: string;
  readonly journalControl: SharedArrayBuffer;
}

export interface KeeperThreadData {
  readonly shards: readonly KeeperShard[];
  readonly snapshotsKept: number;
  readonly ledgerId: string;
  /** How long an archive file is kept; 0 is for ever. */
  readonly archiveKeepMs: number;
}

const { shards, snapshotsKept, ledgerId, archiveKeepMs } = workerData as KeeperThreadData;
const pool = new ChunkPool(Math.max(1, availableParallelism() - 1));

function tell(report: KeeperReport): void {
  parentPort?.postMessage(report);
}

const keepers = shards.map(({ shard, directory, port, progress, archiveDirectory, journalControl }) => {
  const archiver = new JournalArchiver({
    directory,
    archiveDirectory,
    shard,
    ledgerId,
    control: journalControl,
    keepMs: archiveKeepMs,
  });
  const keeper = new SnapshotKeeper({
    directory: join(directory, "snapshots"),
    keep: snapshotsKept,
    pool,
    progress: new SnapshotProgress(progress),
    log: (level, fact, fields) => tell({ type: "log", level, fact, fields: { shard, ...fields } }),
    onRetained: async ({ oldestKept }) => {
      if (oldestKept === undefined) return;
      const report = await archiver.archiveThrough(oldestKept);
      if (report.archived.length > 0)
        tell({ type: "log", level: "info", fact: "journal archived", fields: { shard, ...report } });
    },
  });
  port.on("message", (request: KeeperRequest) => keeper.take(request));
  return keeper;
});

// The engine asks for the end after the shards have ended, so nothing comes any more.
parentPort?.once("message", () => {
  Promise.all(keepers.map((keeper) => keeper.idle()))
    .then(() => pool.close())
    .then(() => tell({ type: "stopped" }));
});
