import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ShardStats } from "../engine/engine.ts";
import type { GatewayContext } from "./context.ts";
import type { Counters } from "./counters.ts";
import type { ResponseCounts } from "./rest/response-counts.ts";

const SHARD_COUNTERS = {
  mizan_journal_frames_total: ["Frames made durable.", ({ frames }) => frames],
  mizan_journal_bytes_total: ["Bytes of frames made durable.", ({ journalBytes }) => journalBytes],
  mizan_journal_sync_seconds_total: ["Time spent making frames durable.", ({ syncSeconds }) => syncSeconds],
} as const satisfies Record<string, readonly [string, (stats: ShardStats) => number]>;

const SHARD_GAUGES = {
  mizan_journal_sequence: ["Sequence of the newest durable record.", ({ sequence }) => sequence],
  mizan_wallets: ["Wallets and accounts in memory.", ({ wallets }) => wallets],
  mizan_owners: ["Owners of wallets.", ({ owners }) => owners],
  mizan_idempotency_ids: ["Command ids remembered.", ({ idempotencyIds }) => idempotencyIds],
  mizan_idempotency_window_seconds: [
    "How far back command ids are remembered now.",
    ({ idempotencyWindowMs }) => idempotencyWindowMs / 1_000,
  ],
  mizan_idempotency_disk_bytes: ["Bytes of sealed command ids.", (stats) => stats.idempotencyDiskBytes],
  mizan_idempotency_filter_bytes: [
    "Memory of the filters of sealed command ids.",
    ({ idempotencyFilterBytes }) => idempotencyFilterBytes,
  ],
  mizan_open_transfers: ["Transfers between shards that are running.", ({ openTransfers }) => openTransfers],
  mizan_snapshot_sequence: ["Where the newest snapshot stands.", ({ snapshotSequence }) => snapshotSequence],
  mizan_snapshot_timestamp_seconds: ["When the newest snapshot was begun.", (stats) => stats.snapshotTakenAtMs / 1_000],
  mizan_snapshot_bytes: ["Bytes of the newest snapshot.", ({ snapshotBytes }) => snapshotBytes],
  mizan_snapshot_duration_seconds: [
    "Time that the newest snapshot took to be durable.",
    ({ snapshotDurationMs }) => snapshotDurationMs / 1_000,
  ],
  mizan_snapshot_pause_seconds: [
    "Longest time that the shard has copied for a snapshot without a break.",
    ({ snapshotPauseMs }) => snapshotPauseMs / 1_000,
  ],
  mizan_snapshot_pause_cpu_seconds: [
    "Most processor time of such a stretch: without waiting for a core.",
    ({ snapshotPauseCpuMs }) => snapshotPauseCpuMs / 1_000,
  ],
  mizan_snapshots_failed: ["Snapshots since the start that could not be written.", (stats) => stats.snapshotsFailed],
  mizan_snapshots_damaged: ["Snapshots that the last start could not use.", (stats) => stats.snapshotsDamaged],
  mizan_journal_live_segments: ["Journal segments that are not archived.", ({ liveSegments }) => liveSegments],
  mizan_journal_live_bytes: ["Room of the segments that are not archived.", (stats) => stats.liveJournalBytes],
  mizan_archive_files: ["Archive files.", ({ archiveFiles }) => archiveFiles],
  mizan_archive_bytes: ["Bytes of the archive files.", ({ archiveBytes }) => archiveBytes],
  mizan_archive_lag_segments: [
    "Segments that no snapshot needs any more, and that are not archived yet.",
    ({ archiveLagSegments }) => archiveLagSegments,
  ],
  mizan_archive_failures: ["How often archiving has failed since the start.", (stats) => stats.archiveFailures],
  mizan_archive_dropped_sequence: [
    "Newest record that was dropped with its archive file since the start.",
    ({ archiveDroppedThrough }) => archiveDroppedThrough,
  ],
  mizan_keeper_lag_bytes: [
    "Journal since a snapshot that is not durable yet, or waiting to be archived.",
    ({ keeperLagBytes }) => keeperLagBytes,
  ],
  mizan_recovery_seconds: ["Time that the last start took to recover.", ({ recoveryMs }) => recoveryMs / 1_000],
  mizan_recovered_records: ["Records that the last start replayed.", ({ recoveredRecords }) => recoveredRecords],
} as const satisfies Record<string, readonly [string, (stats: ShardStats) => number]>;

const GATEWAY_COUNTERS = {
  mizan_messages_received_total: ["WebSocket messages received.", ({ messagesReceived }) => messagesReceived],
  mizan_received_bytes_total: ["Bytes of WebSocket messages received.", ({ bytesReceived }) => bytesReceived],
  mizan_sent_bytes_total: ["Bytes of WebSocket messages sent.", ({ bytesSent }) => bytesSent],
  mizan_requests_refused_total: ["Requests over sockets refused as a whole.", ({ requestsRefused }) => requestsRefused],
  mizan_slow_consumers_closed_total: ["Connections closed for not reading.", (c) => c.slowConsumersClosed],
  mizan_deltas_published_total: ["Changes that shards reported.", ({ deltasPublished }) => deltasPublished],
  mizan_deltas_delivered_total: ["Changes handed to readers.", ({ deltasDelivered }) => deltasDelivered],
  mizan_replication_pending_total: [
    "Requests answered with replication_pending.",
    ({ replicationPending }) => replicationPending,
  ],
  mizan_deltas_conflated_total: ["Changes left out for slow readers.", ({ deltasConflated }) => deltasConflated],
} as const satisfies Record<string, readonly [string, (counters: Counters) => number]>;

/** The ledger's numbers for Prometheus, read from shared memory when they are asked for. */
export class Metrics {
  readonly contentType: string;
  readonly #registry = new Registry();

  constructor(context: GatewayContext, responses: ResponseCounts) {
    const registers = [this.#registry];
    this.contentType = this.#registry.contentType;
    collectDefaultMetrics({ register: this.#registry });
    const shards = context.engine.ports.map(({ shard }) => shard);
    const statsOf = (shard: number): ShardStats => context.engine.stats(shard);
    for (const [name, [help, read]] of Object.entries(SHARD_COUNTERS)) {
      const counter = new Counter({ name, help, registers, labelNames: ["shard"], collect });
      function collect(): void {
        counter.reset();
        for (const shard of shards) counter.inc({ shard: String(shard) }, read(statsOf(shard)));
      }
    }
    for (const [name, [help, read]] of Object.entries(SHARD_GAUGES)) {
      const gauge = new Gauge({ name, help, registers, labelNames: ["shard"], collect });
      function collect(): void {
        for (const shard of shards) gauge.set({ shard: String(shard) }, read(statsOf(shard)));
      }
    }
    for (const [name, [help, read]] of Object.entries(GATEWAY_COUNTERS)) {
      const counter = new Counter({ name, help, registers, collect });
      function collect(): void {
        counter.reset();
        counter.inc(read(context.counters));
      }
    }
    registerReplication(this.#registry, context);
    const commands = new Counter({
      name: "mizan_commands_total",
      help: "Commands by what they came to.",
      registers,
      labelNames: ["shard", "result"],
      collect: () => {
        commands.reset();
        for (const shard of shards) {
          const { commandsAccepted, commandsRejected, commandsReplayed } = statsOf(shard);
          commands.inc({ shard: String(shard), result: "accepted" }, commandsAccepted);
          commands.inc({ shard: String(shard), result: "rejected" }, commandsRejected);
          commands.inc({ shard: String(shard), result: "replayed" }, commandsReplayed);
        }
      },
    });
    const http = new Counter({
      name: "mizan_http_responses_total",
      help: "HTTP responses by route and status.",
      registers,
      labelNames: ["route", "status"],
      collect: () => {
        http.reset();
        for (const { route, status, count } of responses.rows()) http.inc({ route, status: String(status) }, count);
      },
    });
    const connections = new Gauge({
      name: "mizan_connections",
      help: "Open WebSocket connections.",
      registers,
      labelNames: ["subprotocol"],
      collect: () => {
        connections.set({ subprotocol: "mizan.binary.v1" }, context.counters.binaryConnections);
        connections.set({ subprotocol: "mizan.json.v1" }, context.counters.jsonConnections);
      },
    });
    const told = new Gauge({
      name: "mizan_events_told_sequence",
      help: "Sequence up to which everything is told as events by this node; behind mizan_journal_sequence by the lag.",
      registers,
      labelNames: ["shard"],
      collect: () => {
        const relay = context.events();
        if (relay === undefined) told.reset();
        else for (const shard of shards) told.set({ shard: String(shard) }, relay.toldThrough(shard));
      },
    });
    new Gauge({
      name: "mizan_requests_inflight",
      help: "Requests that shards have yet to answer.",
      registers,
      collect(): void {
        this.set(context.dispatcher.inflight);
      },
    });
    new Gauge({
      name: "mizan_watched_wallets",
      help: "Wallets that somebody follows.",
      registers,
      collect(): void {
        this.set(context.counters.watchedWallets);
      },
    });
  }

  /** All metrics in the text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** Who leads, and how far the log is, a shard. */
function registerReplication(registry: Registry, { role, positions, engine }: GatewayContext): void {
  const registers = [registry];
  const perShard = {
    mizan_replicated_sequence: [
      "Newest durable record that the log has confirmed.",
      (shard: number) => positions.replicatedSequence(shard),
    ],
    mizan_replication_lag_records: [
      "Durable records that the log has not confirmed.",
      (shard: number) => positions.lagRecords(shard),
    ],
  } as const;
  for (const [name, [help, read]] of Object.entries(perShard)) {
    const gauge = new Gauge({ name, help, registers, labelNames: ["shard"], collect });
    function collect(): void {
      for (const { shard } of engine.ports) gauge.set({ shard: String(shard) }, read(shard));
    }
  }
  const roles = new Gauge({
    name: "mizan_role",
    help: "1 for the role that this node has.",
    registers,
    labelNames: ["role"],
    collect: () => {
      for (const name of ["leader", "standby"]) roles.set({ role: name }, name === role.name ? 1 : 0);
    },
  });
  const numbers = {
    mizan_replication_epoch: ["Number of the claim under which the leader leads.", () => role.leader?.epoch ?? 0],
    mizan_standby_behind_records: ["Records of the log that this standby has yet to apply.", () => role.behindRecords],
  } as const;
  for (const [name, [help, read]] of Object.entries(numbers)) {
    new Gauge({
      name,
      help,
      registers,
      collect(): void {
        this.set(read());
      },
    });
  }
}
