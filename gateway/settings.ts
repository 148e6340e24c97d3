import { z } from "zod";
import { timeZoneName } from "../engine/limits/calendar.ts";
import { SHARDS_MAX } from "../protocol/limits.ts";
import { MEDCARD_TIERS_SETTING } from "./medcard-tiers.ts";
import { OBSERVATION_SETTINGS } from "./observation-settings.ts";
import { PEOPLE_SETTINGS } from "./people-settings.ts";
import { REPLICATION_SETTINGS } from "./replication-settings.ts";
import { optional, powerOfTwo, type Setting, whole, wholeSchema } from "./setting.ts";

const KIB = 1_024;
const MIB = 1_024 * KIB;
const GIB = 1_024 * MIB;
const HOUR_MS = 3_600_000;

/** The settings by their field in `Config`. */
export const SETTINGS = {
  port: whole("MIZAN_PORT", {
    default: 7_070,
    min: 0,
    max: 65_535,
    unit: "",
    meaning: "TCP port of HTTP and WebSocket; 0 takes a free one.",
  }),
  host: {
    name: "MIZAN_HOST",
    schema: z.string().min(1, "must not be empty"),
    default: "127.0.0.1",
    defaultText: "127.0.0.1",
    unit: "",
    meaning: "Address to listen on.",
  } satisfies Setting<string>,
  dataDir: {
    name: "MIZAN_DATA_DIR",
    schema: z.string().min(1, "must not be empty"),
    default: "./data",
    defaultText: "./data",
    unit: "",
    meaning: "Directory of the journal; one process at a time may use it.",
  } satisfies Setting<string>,
  shards: {
    name: "MIZAN_SHARDS",
    schema: wholeSchema(1, SHARDS_MAX),
    default: undefined,
    defaultText: "cores − 1, at least 1",
    unit: "",
    meaning: "Shards, each a thread; fixed at the first start and stored with the data.",
  } satisfies Setting<number | undefined>,
  adminKey: {
    name: "MIZAN_ADMIN_KEY",
    schema: z.string().regex(/^[\x21-\x7e]{16,255}$/, "must be 16 to 255 visible ASCII characters"),
    default: undefined,
    defaultText: "generated and shown once at the first start",
    unit: "",
    meaning: "API key of an admin that exists from the start on.",
  } satisfies Setting<string | undefined>,
  ...OBSERVATION_SETTINGS,

  calendarTimeZone: {
    name: "MIZAN_CALENDAR_TIME_ZONE",
    schema: z.string().transform((text, context) => {
      const name = timeZoneName(text);
      if (name !== undefined) return name;
      context.addIssue("must be a time zone such as Africa/Cairo");
      return z.NEVER;
    }),
    default: undefined,
    defaultText: "Africa/Cairo",
    unit: "",
    meaning: "Time zone of the days and months of limits; fixed at the first start and stored with the data.",
  } satisfies Setting<string | undefined>,
  walletsPerShardMax: whole("MIZAN_WALLETS_PER_SHARD_MAX", {
    default: 16_777_216,
    min: 1_024,
    max: 268_435_456,
    unit: "wallets",
    meaning: "Wallets that one shard may hold; beyond it `ledger_full`.",
  }),
  holdsPerShardMax: whole("MIZAN_HOLDS_PER_SHARD_MAX", {
    default: 1_048_576,
    min: 1_024,
    max: 268_435_456,
    unit: "holds",
    meaning: "Holds that may be open on one shard; beyond it `holds_full`.",
  }),
  actorsPerShardMax: whole("MIZAN_ACTORS_PER_SHARD_MAX", {
    default: 1_048_576,
    min: 1_024,
    max: 16_777_216,
    unit: "objects",
    meaning: "Payments, top-ups, payouts and medical cards that one shard may hold; beyond it `actors_full`.",
  }),
  actorsInMemoryMax: whole("MIZAN_ACTORS_IN_MEMORY_MAX", {
    default: 262_144,
    min: 64,
    max: 16_777_216,
    unit: "objects",
    meaning: "How many of them one shard keeps in memory; the others are read back from its disk when they are needed.",
  }),
  medCardTiers: MEDCARD_TIERS_SETTING,
  idempotencyWindowMs: whole("MIZAN_IDEMPOTENCY_WINDOW_MS", {
    default: 24 * HOUR_MS,
    min: 1_000,
    max: 365 * 24 * HOUR_MS,
    unit: "ms",
    meaning: "How long the answer to a command is remembered under its id.",
  }),
  idempotencyIdsMax: whole("MIZAN_IDEMPOTENCY_IDS_MAX", {
    default: 16_777_216,
    min: 65_536,
    max: 1_073_741_824,
    unit: "ids per shard",
    meaning:
      "Command ids in memory at most; older ones are sealed on the disk. `overloaded` where that does not keep up.",
  }),
  idempotencyDiskBytesMax: whole("MIZAN_IDEMPOTENCY_DISK_BYTES", {
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes per shard",
    meaning:
      "Room for sealed command ids, 26 bytes each; beyond it the oldest are given up: ids with a time are refused as `id_expired`, others are forgotten. 0 is no bound.",
  }),
  idempotencyFilterBytesMax: whole("MIZAN_IDEMPOTENCY_FILTER_BYTES", {
    default: 256 * MIB,
    min: 0,
    max: 64 * GIB,
    unit: "bytes per shard",
    meaning:
      "Memory for filters over sealed command ids, 2 bytes each, the newest first; without one an old id that is new to the ledger costs a read.",
  }),
  idFutureSkewMs: whole("MIZAN_ID_FUTURE_SKEW_MS", {
    default: 300_000,
    min: 1_000,
    max: HOUR_MS,
    unit: "ms",
    meaning: "How far ahead of the ledger's clock the time inside a command id may lie.",
  }),
  openTransfersMax: whole("MIZAN_OPEN_TRANSFERS_MAX", {
    default: 65_536,
    min: 1_024,
    max: 16_777_216,
    unit: "per shard",
    meaning: "Transfers between shards that may run at once; beyond it `overloaded`.",
  }),
  journalSegmentBytes: whole("MIZAN_JOURNAL_SEGMENT_BYTES", {
    default: 128 * MIB,
    min: 16 * MIB,
    max: 4 * GIB,
    unit: "bytes",
    meaning: "Size at which the journal goes on in a new segment.",
  }),
  snapshotJournalBytes: whole("MIZAN_SNAPSHOT_JOURNAL_BYTES", {
    default: GIB,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes per shard",
    meaning: "Journal after which a shard takes a snapshot; 0 switches this reason off.",
  }),
  snapshotFrames: whole("MIZAN_SNAPSHOT_FRAMES", {
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "frames per shard",
    meaning: "Journal frames after which a shard takes a snapshot; 0 switches this reason off.",
  }),
  snapshotIntervalMs: whole("MIZAN_SNAPSHOT_INTERVAL_MS", {
    default: HOUR_MS,
    min: 0,
    max: 365 * 24 * HOUR_MS,
    unit: "ms",
    meaning: "Time after which a shard takes a snapshot if anything changed; 0 switches this reason off.",
  }),
  snapshotsKept: whole("MIZAN_SNAPSHOT_KEEP", {
    default: 3,
    min: 1,
    max: 1_000,
    unit: "snapshots per shard",
    meaning: "Newest sound snapshots that are kept; the journal before the oldest of them moves to the archive.",
  }),
  archiveDir: {
    name: "MIZAN_ARCHIVE_DIR",
    schema: z.string().min(1, "must not be empty"),
    default: undefined,
    defaultText: "`archive` in MIZAN_DATA_DIR",
    unit: "",
    meaning: "Directory of the archive, to which the journal moves that no kept snapshot needs.",
  } satisfies Setting<string | undefined>,
  archiveKeepMs: whole("MIZAN_ARCHIVE_KEEP_MS", {
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "ms",
    meaning:
      "How long an archive file is kept after its last record, never less than the idempotency window; 0 is for ever.",
  }),
  keeperLagBytes: whole("MIZAN_KEEPER_LAG_BYTES", {
    default: 8 * GIB,
    min: MIB,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes per shard",
    meaning:
      "Journal that snapshots and archiving may be behind; beyond it a shard pauses after each frame, 100 ms at twice as much and 250 ms at most.",
  }),
  requestRingBytes: powerOfTwo("MIZAN_REQUEST_RING_BYTES", {
    default: 16 * MIB,
    min: 4 * MIB,
    max: GIB,
    unit: "bytes per shard",
    meaning: "Queue of requests to a shard; when it is full, commands are `overloaded`. A power of two.",
  }),
  replyRingBytes: powerOfTwo("MIZAN_REPLY_RING_BYTES", {
    default: 32 * MIB,
    min: 8 * MIB,
    max: GIB,
    unit: "bytes per shard",
    meaning: "Queue of answers and balance deltas from a shard. A power of two.",
  }),

  connectionsMax: whole("MIZAN_CONNECTIONS_MAX", {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "connections",
    meaning: "WebSocket connections at once; beyond it HTTP 503 `overloaded`.",
  }),
  httpConnectionsMax: whole("MIZAN_HTTP_CONNECTIONS_MAX", {
    default: 4_096,
    min: 16,
    max: 1_000_000,
    unit: "connections",
    meaning:
      "TCP connections at once that are no WebSocket, or not yet; a further one is closed unanswered. So is any for which no open file is left but the 256 kept for the journal.",
  }),
  heartbeatIntervalMs: whole("MIZAN_HEARTBEAT_INTERVAL_MS", {
    default: 15_000,
    min: 100,
    max: HOUR_MS,
    unit: "ms",
    meaning: "A connection on which nothing was sent for this long gets a heartbeat.",
  }),
  idleTimeoutMs: whole("MIZAN_IDLE_TIMEOUT_MS", {
    default: 120_000,
    min: 8_000,
    max: 900_000,
    unit: "ms",
    meaning:
      "A peer of which nothing was heard for this long, although it was pinged, is closed with 1013: as `slow_consumer` where it has not read what was sent, else as `idle_timeout`.",
  }),
  socketBufferedSoftBytes: whole("MIZAN_SOCKET_BUFFERED_SOFT_BYTES", {
    default: MIB,
    min: 64 * KIB,
    max: GIB,
    unit: "bytes",
    meaning: "Unread answers of a connection above which its deltas are conflated and its commands `overloaded`.",
  }),
  socketBufferedMaxBytes: whole("MIZAN_SOCKET_BUFFERED_MAX_BYTES", {
    default: 16 * MIB,
    min: 128 * KIB,
    max: GIB,
    unit: "bytes",
    meaning: "Unread answers of a connection above which it is closed as `slow_consumer`.",
  }),

  streamHistoryDeltas: whole("MIZAN_STREAM_HISTORY_DELTAS", {
    default: 256,
    min: 1,
    max: 65_536,
    unit: "deltas per wallet",
    meaning: "Latest steps of a watched wallet kept for readers that come back.",
  }),
  streamHistoryBytes: whole("MIZAN_STREAM_HISTORY_BYTES", {
    default: 256 * MIB,
    min: MIB,
    max: 64 * GIB,
    unit: "bytes",
    meaning: "Memory of all kept steps together.",
  }),
  streamGraceMs: whole("MIZAN_STREAM_GRACE_MS", {
    default: 60_000,
    min: 0,
    max: HOUR_MS,
    unit: "ms",
    meaning: "How long a wallet stays watched after its last reader left.",
  }),
  streamGraceWalletsMax: whole("MIZAN_STREAM_GRACE_WALLETS_MAX", {
    default: 65_536,
    min: 0,
    max: 16_777_216,
    unit: "wallets",
    meaning: "Wallets without a reader that stay watched at once.",
  }),
  streamPendingDeltasMax: whole("MIZAN_STREAM_PENDING_DELTAS_MAX", {
    default: 262_144,
    min: 1_024,
    max: 16_777_216,
    unit: "deltas",
    meaning: "Deltas waiting for one slow reader, one a wallet, above which it is closed as `slow_consumer`.",
  }),
  streamFlushIntervalMs: whole("MIZAN_STREAM_FLUSH_INTERVAL_MS", {
    default: 20,
    min: 0,
    max: 1_000,
    unit: "ms",
    meaning: "Deltas of one reader that come closer together than this share a message.",
  }),

  ...REPLICATION_SETTINGS,
  ...PEOPLE_SETTINGS,

  providersFile: optional(
    "MIZAN_PROVIDERS",
    "none: top-ups and payouts are refused",
    "JSON file of the providers that collect and pay money; see [Top-ups and payouts](#top-ups-and-payouts).",
  ),
  reconcileIntervalMs: whole("MIZAN_RECONCILE_INTERVAL_MS", {
    default: 60_000,
    min: 0,
    max: 24 * HOUR_MS,
    unit: "ms",
    meaning: "About how often providers are asked about top-ups and payouts that are open; 0 switches it off.",
  }),

  ticketTtlMs: whole("MIZAN_TICKET_TTL_MS", {
    default: 30_000,
    min: 1_000,
    max: HOUR_MS,
    unit: "ms",
    meaning: "How long a ticket for opening a socket is good.",
  }),
  ticketsMax: whole("MIZAN_TICKETS_MAX", {
    default: 65_536,
    min: 1,
    max: 16_777_216,
    unit: "tickets",
    meaning: "Tickets that may be open at once; a further one makes the oldest worthless.",
  }),
  shutdownGraceMs: whole("MIZAN_SHUTDOWN_GRACE_MS", {
    default: 10_000,
    min: 0,
    max: HOUR_MS,
    unit: "ms",
    meaning: "How long a stop waits for commands in flight and for peers to read their last answers.",
  }),
} as const;
