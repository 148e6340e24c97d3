import type { MedCardTiers } from "../protocol/medcard/tiers.ts";
import type { History } from "./history/history.ts";
import type { JournalReaderOptions } from "./journal/journal-reader.ts";
import type { RingDepth } from "./port/ring.ts";
import type { ShardPort } from "./port/shard-port.ts";
import type { ReplicationMemory } from "./replication/replication-memory.ts";
import type { ShardMetersView } from "./shard/shard-meters.ts";
import type { SharedColumns } from "./wallet/wallet-columns.ts";

export interface EngineOptions {
  readonly dataDir: string;
  /** A standby applies the frames that come through its follow rings, until a request of the kind `Lead` has it lead. */
  readonly role: "leader" | "standby";
  /** Where journal goes that no snapshot needs any more. Undefined: `archive` in the data directory. */
  readonly archiveDir?: string | undefined;
  /** How long an archive file is kept after its last record; 0 is for ever. */
  readonly archiveKeepMs: number;
  /** Undefined: as stored with the data, or for new data one per spare core. */
  readonly shards: number | undefined;
  /** Where days and months of limits begin. Undefined: as stored with the data, or for new data Africa/Cairo. */
  readonly calendarTimeZone: string | undefined;
  readonly walletsPerShardMax: number;
  readonly holdsPerShardMax: number;
  /** Payments and other actors. Absent: 65,536. */
  readonly actorsPerShardMax?: number;
  /** All actors stay in memory where absent. */
  readonly actorsInMemoryMax?: number;
  /** What the tiers of medical cards give. Absent: the terms that the program knows. */
  readonly medCardTiers?: MedCardTiers;
  readonly idempotencyWindowMs: number;
  readonly idempotencyIdsMax: number;
  /** Room on the disk for the sealed ids of a shard; 0 for no bound. */
  readonly idempotencyDiskBytesMax: number;
  /** Memory for the filters of a shard's sealed ids. */
  readonly idempotencyFilterBytesMax: number;
  readonly idFutureSkewMs: number;
  readonly openTransfersMax: number;
  readonly journalSegmentBytes: number;
  /** Journal bytes, frames and time after which a shard takes a snapshot; 0 switches a reason off. */
  readonly snapshotJournalBytes: number;
  readonly snapshotFrames: number;
  readonly snapshotIntervalMs: number;
  /** Journal that snapshots and archiving may be behind before the shard pauses for them. */
  readonly keeperLagBytes: number;
  /** Snapshots that each shard keeps. */
  readonly snapshotsKept: number;
  readonly requestRingBytes: number;
  readonly replyRingBytes: number;
  /** How often each shard adds up its books for whoever watches them; 0 for never. */
  readonly trialBalanceIntervalMs: number;
  /** Whether requests carry the time at which they were handed over. */
  readonly stageTimes: "on" | "off";
}

/** What a shard tells about itself at any moment, read from shared memory without asking it. */
export interface ShardStats {
  readonly wallets: number;
  readonly owners: number;
  readonly frames: number;
  readonly journalBytes: number;
  readonly sequence: number;
  readonly syncSeconds: number;
  readonly idempotencyIds: number;
  readonly idempotencyWindowMs: number;
  /** Sealed ids: room on the disk, and memory of their filters. */
  readonly idempotencyDiskBytes: number;
  readonly idempotencyFilterBytes: number;
  readonly openTransfers: number;
  /** When the longest of them began, or 0 where none runs. */
  readonly oldestTransferAtMs: number;
  /** Commands on actors that wait for wallets; how many of them wait for an operator; and when the oldest began, or 0. */
  readonly actorsInMemory: number;
  readonly openSagas: number;
  readonly parkedSagas: number;
  readonly oldestSagaAtMs: number;
  /** How far the books were from zero when the shard added them up last, all currencies together; and when that was, or 0. */
  readonly trialBalanceOffMinor: number;
  readonly trialBalanceAtMs: number;
  /** What the thread's own heap holds, and about what wallets and command ids take. */
  readonly heapBytes: number;
  readonly walletBytes: number;
  readonly idempotencyBytes: number;
  readonly recoveryMs: number;
  readonly recoveredRecords: number;
  /** Newest snapshot: where it stands, when it was taken, how large it is and how long it took. */
  readonly snapshotSequence: number;
  readonly snapshotTakenAtMs: number;
  readonly snapshotBytes: number;
  readonly snapshotDurationMs: number;
  /** Longest time without a break that a shard has spent on copying for a snapshot since the start. */
  readonly snapshotPauseMs: number;
  /** The most processor time that such a stretch has taken; waiting for a core does not count here. */
  readonly snapshotPauseCpuMs: number;
  /** Snapshots since the start that could not be written. */
  readonly snapshotsFailed: number;
  /** Snapshots that could not be used at the start. */
  readonly snapshotsDamaged: number;
  /** Journal segments that are not archived, and the room that they take at most. */
  readonly liveSegments: number;
  readonly liveJournalBytes: number;
  readonly archiveFiles: number;
  readonly archiveBytes: number;
  /** Segments that no snapshot needs any more, and that are not archived yet. */
  readonly archiveLagSegments: number;
  /** How often archiving has failed since the start. */
  readonly archiveFailures: number;
  /** The newest record that was dropped with its archive file since the start, or 0. */
  readonly archiveDroppedThrough: number;
  /** Journal written since a snapshot began that is not durable yet, or waiting to be archived. */
  readonly keeperLagBytes: number;
}

export interface EngineHooks {
  /** One line a fact, for the log. */
  readonly log: (level: "info" | "warn" | "error", fact: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Answers are waiting in the port of a shard, whose gateway had gone to sleep. */
  readonly onWake: () => void;
  /** A shard has stopped because its journal failed; nothing after its last acknowledged frame was released. */
  readonly onFailure: (failure: { readonly shard: number; readonly message: string }) => void;
}

/** The running ledger: its shards' threads and the ports to them. */
export interface Engine {
  readonly ledgerId: string;
  readonly shardCount: number;
  readonly ports: readonly ShardPort[];
  /** What a `JournalReader` in any thread of this process needs to read each shard's journal. */
  readonly journals: readonly JournalReaderOptions[];
  /** What the replicator shares with each shard. */
  readonly replication: readonly ReplicationMemory[];
  /** Of each shard, what turns the slots in its records into wallets. */
  readonly columns: readonly SharedColumns[];
  /** What happened to the wallets. */
  readonly history: History;
  stats(shard: number): ShardStats;
  /** How many actors of each type a shard has. */
  actorCounts(shard: number): readonly (readonly [type: string, count: number])[];
  /** Messages of other shards that a shard has not taken yet. */
  peersWaiting(shard: number): RingDepth;
  /** What a shard has counted, and how long what took. */
  meters(shard: number): ShardMetersView;
  /** Lets every shard finish what it was handed, sync and end. The gateway must have stopped sending. */
  stop(): Promise<void>;
}
