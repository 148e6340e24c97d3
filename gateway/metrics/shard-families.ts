import type { ShardStats } from "../../engine/engine.ts";
import type { DistributionView } from "../../engine/meter/distribution.ts";
import type { RingDepth } from "../../engine/port/ring.ts";
import type { GatewayContext } from "../context.ts";
import { type Family, perShard } from "./family.ts";

type Read = (stats: ShardStats) => number;

const COUNTERS = {
  mizan_journal_frames_total: ["Frames made durable.", ({ frames }) => frames],
  mizan_journal_bytes_total: ["Bytes of frames made durable.", ({ journalBytes }) => journalBytes],
  mizan_journal_sync_seconds_total: ["Time spent making frames durable.", ({ syncSeconds }) => syncSeconds],
} as const satisfies Record<string, readonly [string, Read]>;

const GAUGES = {
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
  mizan_open_transfer_age_seconds: [
    "Age of the oldest transfer between shards that is running.",
    ({ oldestTransferAtMs }) => ageSeconds(oldestTransferAtMs),
  ],
  mizan_actors_in_memory: [
    "Payments, medical cards and other actors that are in memory.",
    ({ actorsInMemory }) => actorsInMemory,
  ],
  mizan_open_sagas: ["Commands on actors that wait for wallets to do their part.", ({ openSagas }) => openSagas],
  mizan_parked_sagas: ["Commands on actors that wait for an operator.", ({ parkedSagas }) => parkedSagas],
  mizan_open_saga_age_seconds: [
    "Age of the oldest command on an actor that waits for wallets.",
    ({ oldestSagaAtMs }) => ageSeconds(oldestSagaAtMs),
  ],
  mizan_trial_balance_off_minor: [
    "How far the books are from zero, all currencies together; anything but 0 is a fault.",
    ({ trialBalanceOffMinor }) => trialBalanceOffMinor,
  ],
  mizan_trial_balance_timestamp_seconds: [
    "When the books were added up last; 0 where they were not.",
    ({ trialBalanceAtMs }) => trialBalanceAtMs / 1_000,
  ],
  mizan_snapshot_sequence: ["Where the newest snapshot stands.", ({ snapshotSequence }) => snapshotSequence],
  mizan_snapshot_timestamp_seconds: [
    "When the newest snapshot was begun; 0 where there is none.",
    (stats) => stats.snapshotTakenAtMs / 1_000,
  ],
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
} as const satisfies Record<string, readonly [string, Read]>;

/** What the shards tell about themselves in shared memory. */
export function shardFamilies({ engine, role }: GatewayContext): readonly Family[] {
  const shards = engine.ports.map(({ shard }) => shard);
  const of = (type: "counter" | "gauge", facts: Readonly<Record<string, readonly [string, Read]>>): Family[] =>
    Object.entries(facts).map(([name, [help, read]]) =>
      perShard(type, name, help, shards, (shard) => read(engine.stats(shard))),
    );
  const rings = (name: string, help: string, read: (depth: RingDepth) => number): Family => ({
    type: "gauge",
    name,
    help,
    labels: ["shard", "ring"],
    read: () =>
      engine.ports.flatMap(({ shard, requestsWaiting, repliesWaiting }) =>
        Object.entries({ requests: requestsWaiting, replies: repliesWaiting, peers: engine.peersWaiting(shard) }).map(
          ([ring, depth]) => ({ labels: { shard: String(shard), ring }, value: read(depth) }),
        ),
      ),
  });
  return [
    ...of("counter", COUNTERS),
    ...of("gauge", GAUGES),
    {
      type: "gauge",
      name: "mizan_actors",
      help: "Payments, medical cards and other actors, by type.",
      labels: ["shard", "type"],
      read: () =>
        shards.flatMap((shard) =>
          engine.actorCounts(shard).map(([type, value]) => ({ labels: { shard: String(shard), type }, value })),
        ),
    },
    {
      type: "counter",
      name: "mizan_commands_total",
      help: "Commands by what they came to: accepted, rejected, replayed, or failed for a reason of the ledger's own.",
      labels: ["shard", "type", "result"],
      read: () =>
        shards.flatMap((shard) =>
          engine.meters(shard).commands.map(({ operation, result, count }) => ({
            labels: { shard: String(shard), type: operation, result },
            value: count,
          })),
        ),
    },
    {
      type: "histogram",
      name: "mizan_stage_seconds",
      help: "Time in each stage: queue (a request until the shard takes it), decide and sync (a frame), reply (an answer from durable to taken).",
      labels: ["shard", "stage"],
      read: () =>
        engine.ports.flatMap((port) => stagesOf(port.shard, engine.meters(port.shard), port.replySeconds.view())),
    },
    {
      type: "histogram",
      name: "mizan_frame_records",
      help: "Records of a frame: how many changes one sync made durable.",
      labels: ["shard"],
      read: () =>
        shards.map((shard) => ({ labels: { shard: String(shard) }, value: engine.meters(shard).frameRecords })),
    },
    rings(
      "mizan_ring_waiting_bytes",
      "Bytes that wait in the queues to a shard (requests; peers: from other shards) and from it (replies).",
      ({ bytes }) => bytes,
    ),
    rings(
      "mizan_ring_waiting_messages",
      "Messages that wait in these queues; one may hold many commands.",
      ({ entries }) => entries,
    ),
    {
      type: "gauge",
      name: "mizan_shard_memory_bytes",
      help: "Memory of a shard: its thread's heap as measured, wallets and command ids as reckoned from their number.",
      labels: ["shard", "part"],
      read: () =>
        shards.flatMap((shard) => {
          const { heapBytes, walletBytes, idempotencyBytes } = engine.stats(shard);
          const parts = { heap: heapBytes, wallets: walletBytes, command_ids: idempotencyBytes };
          return Object.entries(parts).map(([part, value]) => ({ labels: { shard: String(shard), part }, value }));
        }),
    },
    perShard("gauge", "mizan_shard_leading", "1 where this node decides for the shard.", shards, () =>
      role.isLeading ? 1 : 0,
    ),
  ];
}

function stagesOf(
  shard: number,
  { queueSeconds, decideSeconds, syncSeconds }: ReturnType<GatewayContext["engine"]["meters"]>,
  replySeconds: DistributionView,
) {
  const stages = { queue: queueSeconds, decide: decideSeconds, sync: syncSeconds, reply: replySeconds };
  return Object.entries(stages).map(([stage, value]) => ({ labels: { shard: String(shard), stage }, value }));
}

function ageSeconds(sinceMs: number): number {
  return sinceMs === 0 ? 0 : Math.max(0, Date.now() - sinceMs) / 1_000;
}
