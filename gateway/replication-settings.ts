import { z } from "zod";
import { oneOf, optional, type Setting, whole } from "./setting.ts";

const HOUR_MS = 3_600_000;
const BROKER = /^[^\s,:]+:\d{1,5}$/;

/** The settings that say how this node replicates, by their field in `Config`. */
export const REPLICATION_SETTINGS = {
  kafkaBrokers: {
    name: "MIZAN_KAFKA_BROKERS",
    schema: z
      .string()
      .transform((text) => text.split(",").filter((broker) => broker !== ""))
      .refine((brokers) => brokers.every((broker) => BROKER.test(broker)), "must be host:port, separated by commas"),
    default: [],
    defaultText: "none: nothing is replicated",
    unit: "",
    meaning: "Kafka brokers, `host:port` separated by commas.",
  } satisfies Setting<readonly string[]>,
  kafkaTls: oneOf("MIZAN_KAFKA_TLS", {
    values: ["off", "on"],
    default: "off",
    meaning: "Whether the brokers are reached over TLS: off or on.",
  }),
  kafkaCaFile: optional(
    "MIZAN_KAFKA_CA_FILE",
    "none: those that Node knows",
    "File with the certificates that brokers are checked against, in PEM.",
  ),
  kafkaMechanism: oneOf("MIZAN_KAFKA_MECHANISM", {
    values: ["plain", "scram-sha-256", "scram-sha-512"],
    default: "plain",
    meaning: "SASL mechanism, where there is a user name: plain, scram-sha-256 or scram-sha-512.",
  }),
  kafkaUsername: optional("MIZAN_KAFKA_USERNAME", "none", "User name for the brokers."),
  kafkaPassword: optional("MIZAN_KAFKA_PASSWORD", "none", "Password for the brokers; never shown or logged."),
  journalTopic: {
    name: "MIZAN_JOURNAL_TOPIC",
    schema: z.string().regex(/^[A-Za-z0-9._-]{1,200}$/, "must be the name of a topic"),
    default: "mizan.journal",
    defaultText: "mizan.journal",
    unit: "",
    meaning: "Topic of the journal, a partition for each shard.",
  } satisfies Setting<string>,
  role: oneOf("MIZAN_ROLE", {
    values: ["leader", "standby"],
    default: "leader",
    meaning: "Whether this node starts to lead or to follow: leader or standby. The log decides in the end.",
  }),
  acks: oneOf("MIZAN_ACKS", {
    values: ["local", "replicated"],
    default: "local",
    meaning:
      "What an answer waits for: local (durable here) or replicated (confirmed by Kafka too). A client may ask for more, never for less.",
  }),
  replicationTimeoutMs: whole("MIZAN_REPLICATION_TIMEOUT_MS", {
    default: 5_000,
    min: 100,
    max: HOUR_MS,
    unit: "ms",
    meaning: "A request that waits for Kafka longer than this is answered with `replication_pending`.",
  }),
  replicationLagRecordsMax: whole("MIZAN_REPLICATION_LAG_RECORDS_MAX", {
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "records per shard",
    meaning: "Records that Kafka may be behind before MIZAN_REPLICATION_LAG_ACTION applies; 0 for no limit.",
  }),
  replicationLagAction: oneOf("MIZAN_REPLICATION_LAG_ACTION", {
    values: ["refuse", "go_on"],
    default: "refuse",
    meaning: "What happens beyond it: refuse (commands are `overloaded`) or go_on (it is logged).",
  }),
  seedLogRecords: whole("MIZAN_SEED_LOG_RECORDS", {
    default: 10_000,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "log records",
    meaning:
      "A node without data begins with a snapshot of the leader's where the log has at least so many records, or not its first ones.",
  }),
  nodeUrl: {
    name: "MIZAN_NODE_URL",
    schema: z.url({ protocol: /^https?$/, message: "must be an http or https URL" }),
    default: undefined,
    defaultText: "http://MIZAN_HOST:MIZAN_PORT",
    unit: "",
    meaning: "Where clients and other nodes reach this node.",
  } satisfies Setting<string | undefined>,
  sessionTimeoutMs: whole("MIZAN_SESSION_TIMEOUT_MS", {
    default: 3_000,
    min: 500,
    max: HOUR_MS,
    unit: "ms",
    meaning: "Time without a sign of life after which a node counts as gone.",
  }),
  takeover: oneOf("MIZAN_TAKEOVER", {
    values: ["auto", "manual"],
    default: "auto",
    meaning: "Whether a standby takes over by itself when the leader is gone: auto or manual.",
  }),
  events: oneOf("MIZAN_EVENTS", {
    values: ["off", "on"],
    default: "off",
    meaning: "Whether the leader tells what happens as CloudEvents on Kafka: off or on.",
  }),
  eventsTopicPrefix: {
    name: "MIZAN_EVENTS_TOPIC_PREFIX",
    schema: z.string().regex(/^[\w.-]{1,64}$/, "must be 1 to 64 of A-Z a-z 0-9 . _ -"),
    default: "",
    defaultText: "none",
    unit: "",
    meaning:
      "What the names of the topics `wallet-events`, `transfer-events`, `payment-events`, `topup-events`, `payout-events`, `merchant-events`, `medcard-events` and `mizan.relay.<ledger>` begin with.",
  } satisfies Setting<string>,
  eventsPartitions: whole("MIZAN_EVENTS_PARTITIONS", {
    default: 4,
    min: 1,
    max: 1_024,
    unit: "partitions",
    meaning: "Partitions of a topic of events that is not there yet.",
  }),
} as const;
