import { availableParallelism } from "node:os";
import { join } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { SHARDS_MAX } from "../protocol/limits.ts";
import { unreachable } from "../protocol/unreachable.ts";
import type { Engine, EngineHooks, EngineOptions, ShardStats } from "./engine.ts";
import { History } from "./history/history.ts";
import { HistoryIncompleteError } from "./history-incomplete.ts";
import { raiseInliningBudget } from "./inlining.ts";
import { createJournalControlMemory } from "./journal/journal-control.ts";
import type { KeeperReport } from "./keeper/keeper-messages.ts";
import { SnapshotProgress } from "./keeper/keeper-messages.ts";
import type { KeeperThreadData } from "./keeper/keeper-thread.ts";
import { openLedgerFile } from "./ledger-file.ts";
import { REQUEST_KIND } from "./port/entries.ts";
import { createRing, type RingDepth, type RingMemory, ringDepth } from "./port/ring.ts";
import { createShardPortMemory, ShardPort } from "./port/shard-port.ts";
import { createReplicationMemory } from "./replication/replication-memory.ts";
import type { PeerMemory } from "./shard/peers.ts";
import type { ShardMetersView } from "./shard/shard-meters.ts";
import { createStatsMemory, metersOf, readActorCounts, readStats } from "./shard/shard-stats.ts";
import type { ShardThreadData, ShardThreadMessage } from "./shard/shard-thread.ts";
import type { SharedColumns } from "./wallet/wallet-columns.ts";

const PEER_RING_BYTES = 4 << 20;
const NOBODY = { role: "admin", ownerId: new Uint32Array(4) } as const;

/**
 * Starts the shards and resolves when all have recovered.
 *
 * **Errors**: rejects where the data cannot be opened or recovered, with what to do about it; every thread is ended then. A
 * HistoryIncompleteError says that records are needed which are kept nowhere any more.
 */
export async function startEngine(options: EngineOptions, hooks: EngineHooks): Promise<Engine> {
  raiseInliningBudget();
  const ledger = openLedgerFile(options.dataDir, options, Math.max(1, availableParallelism() - 1));
  if (ledger.shards > SHARDS_MAX) throw new Error(`a ledger has at most ${SHARDS_MAX} shards, not ${ledger.shards}`);
  const shards = Array.from({ length: ledger.shards }, (_, shard) => shard);
  const memories = shards.map(() => createShardPortMemory(options.requestRingBytes, options.replyRingBytes));
  const replication = memories.map(({ doorbell }) => createReplicationMemory(doorbell, options.role === "standby"));
  const statsMemories = shards.map(createStatsMemory);
  const peers: PeerMemory = {
    rings: shards.map((from) => shards.map((to) => createRing(from === to ? 4_096 : PEER_RING_BYTES))),
    doorbells: memories.map(({ doorbell }) => doorbell),
  };
  const journals = shards.map((shard) => ({
    directory: join(options.dataDir, `shard-${shard}`),
    archiveDirectory: join(options.archiveDir ?? join(options.dataDir, "archive"), `shard-${shard}`),
    shard,
    control: createJournalControlMemory(),
  }));
  const channels = shards.map(() => new MessageChannel());
  const preparer = startPreparer(
    channels.map(({ port2 }) => port2),
    hooks,
  );
  const keeperChannels = shards.map(() => new MessageChannel());
  const progress = shards.map(() => new SnapshotProgress().memory);
  const keeper = new Keeper(
    {
      shards: journals.map(({ directory, shard, archiveDirectory, control }) => ({
        shard,
        directory,
        archiveDirectory,
        journalControl: control,
        stats: statsMemories[shard],
        replication: { lanes: replication[shard].lanes, doorbell: replication[shard].doorbell },
        port: keeperChannels[shard].port2,
        progress: progress[shard],
      })),
      snapshotsKept: options.snapshotsKept,
      ledgerId: ledger.ledgerId,
      // The answer to a command that is remembered stands in the journal.
      lagBytesMax: options.keeperLagBytes,
      archiveKeepMs: options.archiveKeepMs === 0 ? 0 : Math.max(options.archiveKeepMs, options.idempotencyWindowMs),
    },
    hooks,
  );
  const history = new History({ journals }, (message) => hooks.log("error", "the history thread failed", { message }));
  const threads = shards.map((shard) => {
    const data: ShardThreadData = {
      shard,
      shardCount: ledger.shards,
      ledgerId: ledger.ledgerId,
      calendarTimeZone: ledger.calendarTimeZone,
      options,
      port: memories[shard],
      stats: statsMemories[shard],
      peers,
      segmentPreparer: channels[shard].port1,
      journal: journals[shard],
      keeper: keeperChannels[shard].port1,
      snapshotProgress: progress[shard],
      replication: replication[shard],
    };
    return new ShardThread(data, hooks);
  });
  try {
    // Loading code takes a core for a while, which would hold up the first commands.
    await Promise.all([...threads.map((thread) => thread.recovered), history.loaded]);
  } catch (error) {
    await Promise.all([
      ...threads.map((thread) => thread.terminate()),
      preparer.terminate(),
      keeper.terminate(),
      history.stop(),
    ]);
    throw error;
  }
  for (const thread of threads) thread.begin();
  const columns = threads.map((thread) => thread.columns);
  history.begin(columns.map(({ ids }) => ids));
  const ports = memories.map((memory, shard) => new ShardPort(shard, memory, options.stageTimes === "on"));
  return {
    ledgerId: ledger.ledgerId,
    shardCount: ledger.shards,
    ports,
    journals,
    replication,
    columns,
    history,
    stats: (shard: number): ShardStats => readStats(statsMemories[shard]),
    actorCounts: (shard: number) => readActorCounts(statsMemories[shard]),
    peersWaiting: (shard: number): RingDepth => waitingIn(peers.rings.map((row) => row[shard])),
    meters: (shard: number): ShardMetersView => metersOf(new Float64Array(statsMemories[shard])).view(),
    stop: async () => {
      for (const port of ports) {
        if (port.begin(REQUEST_KIND.Stop, 0, 0, 0, NOBODY, 0) >= 0) port.flush();
      }
      await Promise.all(threads.map((thread) => thread.stopped));
      // What the keeper still archives waits until the readers of history have let go of it.
      await keeper.stop();
      await history.stop();
      await preparer.terminate();
    },
  };
}

function waitingIn(rings: readonly RingMemory[]): RingDepth {
  const depths = rings.map(ringDepth);
  return {
    bytes: depths.reduce((sum, { bytes }) => sum + bytes, 0),
    entries: depths.reduce((sum, { entries }) => sum + entries, 0),
  };
}

function startPreparer(ports: MessagePort[], hooks: EngineHooks): Worker {
  const preparer = new Worker(new URL("./journal/segment-preparer.ts", import.meta.url), {
    workerData: { ports },
    transferList: ports,
  });
  preparer.on("message", (fields: Readonly<Record<string, unknown>>) =>
    hooks.log("warn", "a journal segment could not be prepared ahead", fields),
  );
  preparer.on("error", (error) => hooks.log("error", "the segment preparer failed", { message: error.message }));
  return preparer;
}

/** The engine's handle on the keeper's thread. */
class Keeper {
  readonly #worker: Worker;
  readonly #stopped: Promise<void>;

  constructor(data: KeeperThreadData, hooks: EngineHooks) {
    this.#worker = new Worker(new URL("./keeper/keeper-thread.ts", import.meta.url), {
      workerData: data,
      transferList: data.shards.map(({ port }) => port),
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopped = promise;
    this.#worker.on("message", (report: KeeperReport) => {
      if (report.type === "log") hooks.log(report.level, report.fact, report.fields);
      else resolve();
    });
    this.#worker.on("error", (error) => hooks.log("error", "the keeper failed", { message: error.message }));
    this.#worker.on("exit", () => resolve());
  }

  /** Lets it finish what the shards have handed over; they have ended. */
  async stop(): Promise<void> {
    this.#worker.postMessage("stop");
    await this.#stopped;
    await this.#worker.terminate();
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The engine's handle on one shard's thread. */
class ShardThread {
  readonly recovered: Promise<void>;
  /** What others may read of the shard's wallets, once it has recovered. */
  columns: SharedColumns = { ids: new SharedArrayBuffer(0), currencies: new SharedArrayBuffer(0) };
  readonly stopped: Promise<void>;
  readonly #worker: Worker;
  #isStopped = false;

  constructor(data: ShardThreadData, hooks: EngineHooks) {
    this.#worker = new Worker(new URL("./shard/shard-thread.ts", import.meta.url), {
      workerData: data,
      transferList: [data.segmentPreparer, data.keeper],
    });
    const { promise: recovered, resolve: onRecovered, reject: onUnrecoverable } = Promise.withResolvers<void>();
    const { promise: stopped, resolve: onStopped } = Promise.withResolvers<void>();
    this.recovered = recovered;
    this.stopped = stopped;
    let isReady = false;
    const fail = (message: string, lacksHistory = false): void => {
      if (isReady) hooks.onFailure({ shard: data.shard, message });
      else onUnrecoverable(lacksHistory ? new HistoryIncompleteError(message) : new Error(message));
      onStopped();
    };
    this.#worker.on("message", (message: ShardThreadMessage) => {
      switch (message.type) {
        case "wake":
          hooks.onWake();
          break;
        case "recovering":
          hooks.log("info", "recovering", { shard: data.shard, ...message.progress });
          break;
        case "damaged":
          hooks.log("warn", "a snapshot cannot be used; the one before it is tried", { shard: data.shard, ...message });
          break;
        case "loading":
          hooks.log("info", "loading a snapshot", { shard: data.shard, ...message.progress });
          break;
        case "loaded":
          hooks.log("info", "snapshot loaded", { shard: data.shard, ...message });
          break;
        case "cut":
          hooks.log("error", "cut an incomplete frame off the end of the journal", { shard: data.shard, ...message });
          break;
        case "damagedIds":
          hooks.log("error", "sealed ids are damaged, and are read from the journal", {
            shard: data.shard,
            ...message,
          });
          break;
        case "unreadable":
          hooks.log("error", "a record cannot be read, so what asks for it is an internal_error", {
            shard: data.shard,
            message: message.message,
          });
          break;
        case "ready":
          isReady = true;
          hooks.log("info", "recovered", { shard: data.shard, ...message.progress });
          this.columns = message.columns;
          onRecovered();
          break;
        case "failed":
          fail(message.message, message.lacksHistory);
          break;
        case "stopped":
          this.#isStopped = true;
          onStopped();
          break;
        default:
          unreachable(message);
      }
    });
    this.#worker.on("error", (error) => fail(error.message));
    this.#worker.on("exit", () => {
      if (!this.#isStopped) fail("the thread ended");
    });
  }

  /** Lets the shard take requests; all shards have recovered. */
  begin(): void {
    this.#worker.postMessage("begin");
  }

  /** Ends the thread because another one cannot start: what that one says is the reason. */
  async terminate(): Promise<void> {
    this.#isStopped = true;
    await this.#worker.terminate();
  }
}
