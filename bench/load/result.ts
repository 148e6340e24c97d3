/**
 * The result file of a load profile: what was asked, what was seen, and what it was found to be worth.
 *
 * **Units**: `Ms` are milliseconds, `atSeconds` seconds since the first message was due, rates are a second.
 */

import { z } from "zod";
import { profileSchema } from "../profiles/profile.ts";
import { connectionsSchema } from "./connections-result.ts";

export const RESULT_FORMAT = "mizan.load.v1";

const percentiles = z.strictObject({
  p50Ms: z.number(),
  p90Ms: z.number(),
  p99Ms: z.number(),
  p999Ms: z.number(),
  p9999Ms: z.number(),
  maxMs: z.number(),
});

const count = z.int().min(0);
const known = z.number().nullable().describe("Null where the server does not tell.");
/** Of what came later than the first result files, which still can be read. */
const knownLater = known.default(null);

/** Different codes that are told apart; what has another one counts as `other`. */
export const ERROR_CODES_MAX = 64;
const errorCounts = z.array(z.strictObject({ code: z.string(), count })).max(ERROR_CODES_MAX);

/** What `/metrics` said at the end of an interval; rates are over the interval. */
const serverSample = z.strictObject({
  cpuCores: known,
  memoryBytes: known,
  eventLoopLagP99Ms: known,
  commandsPerSecond: known,
  framesPerSecond: known,
  journalBytesPerSecond: known,
  syncMsMean: known.describe("Mean time to make a frame durable."),
  journalLagBytes: known.describe("Journal that snapshots and archiving are behind."),
  kafkaLagRecords: known.describe("Durable records that Kafka has not confirmed."),
  kafkaLagSeconds: knownLater.describe("Age of the oldest of them."),
  journalRecords: knownLater.describe("Newest durable record, all shards together."),
  queueMsMean: knownLater.describe("Mean time of a request until its shard takes it."),
  decideMsMean: knownLater.describe("Mean time to decide a frame."),
  replyMsMean: knownLater.describe("Mean time of an answer from durable to taken."),
  requestsInflight: known,
  connections: known,
  deltasPerSecond: known,
});

const interval = z.strictObject({
  atSeconds: z.number().describe("When the interval began."),
  seconds: z.number().describe("How long it was."),
  stage: z.string(),
  measured: z.boolean(),
  scheduledPerSecond: z.number(),
  acceptedPerSecond: z.number(),
  errorsPerSecond: z.number(),
  errors: errorCounts.default([]).describe("Most frequent first."),
  latency: percentiles.nullable().describe("Of what was answered in it; null where nothing was."),
  sendLagP99Ms: z.number().nullable().describe("How late messages left through the generator's own fault."),
  generatorCoresMax: z.number().nullable().default(null).describe("Cores that the busiest generator used."),
  connections: count,
  server: serverSample.nullable(),
});

const check = z.strictObject({ name: z.string(), agrees: z.boolean(), detail: z.string() });

const threshold = z.strictObject({
  name: z.enum(["p50Ms", "p99Ms", "p999Ms", "errorRate", "rateShare"]),
  bound: z.enum(["at most", "at least"]),
  limit: z.number(),
  value: z.number().nullable().describe("Null where nothing was measured, which counts as missed."),
  passed: z.boolean(),
});

export const resultSchema = z.strictObject({
  format: z.literal(RESULT_FORMAT),
  verdict: z.enum(["passed", "thresholds_missed", "books_disagree"]),
  startedAt: z.iso.datetime(),
  profile: profileSchema.describe("As it was run, changed by the environment or not."),
  environment: z.strictObject({
    commit: z.string(),
    node: z.string(),
    cpu: z.string(),
    memoryBytes: count,
    loadAverage: z.number().describe("Of the last minute, before the run."),
    url: z.string(),
    isOwnLedger: z.boolean().describe("Whether the run started the ledger itself, on the same machine."),
    shards: count.describe("Shards that wallets of the run lie on."),
    system: z.string().default("unknown").describe("Operating system of the generators."),
    server: z
      .strictObject({ version: z.string(), node: z.string() })
      .nullable()
      .default(null)
      .describe("What the ledger says that it runs; null where it does not tell."),
    settings: z.record(z.string(), z.string()).default({}).describe("`MIZAN_LOAD_*` as given, without URL and key."),
  }),
  /** Of the measured stages. */
  totals: z.strictObject({
    seconds: z.number(),
    scheduled: count.describe("Commands that fell due."),
    accepted: count,
    rejected: count.describe("Answered with an error."),
    unanswered: count.describe("Never answered, or never sent since the server did not keep up."),
    scheduledPerSecond: z.number(),
    acceptedPerSecond: z.number(),
  }),
  latency: percentiles.nullable(),
  curve: z
    .array(z.strictObject({ percentile: z.number(), ms: z.number() }))
    .describe("The HDR curve: ticks halve the distance to 100 % five at a time."),
  histogram: z.string().describe("All latencies in microseconds, HdrHistogram V2, compressed, base64."),
  commands: z
    .array(
      z.strictObject({
        transport: z.enum(["binary", "json", "rest"]),
        kind: z.enum(["transfers", "holds", "captures", "voids", "reads"]),
        accepted: count,
        latency: percentiles.nullable(),
      }),
    )
    .describe("By what was sent and how."),
  errors: errorCounts.describe("Most frequent first."),
  intervals: z.array(interval).max(2_000).describe("Without gaps, the unmeasured stages included."),
  generator: z.strictObject({
    processes: count,
    coresMax: z.number().describe("Cores that the busiest process used."),
    sendLagP99Ms: z.number().nullable(),
    isBottleneck: z.boolean(),
  }),
  streams: z.strictObject({
    witnesses: count,
    dashboardsSeen: count.describe("Dashboards that came; others had left by then."),
    deltas: count,
    conflated: count.describe("Deltas that stood for several changes."),
  }),
  connections: connectionsSchema.optional().describe("Where the profile has a crowd of dashboards."),
  books: z.strictObject({ agree: z.boolean(), checks: z.array(check) }),
  thresholds: z.array(threshold),
  suite: z
    .array(
      z.strictObject({
        name: z.string(),
        rate: z.number(),
        unit: z.string(),
        p50Ms: z.number().nullable(),
        p99Ms: z.number().nullable(),
        p999Ms: z.number().nullable(),
        limitName: z.string().nullable(),
        ratio: z.number().nullable(),
        commit: z.string(),
        node: z.string(),
        cpu: z.string(),
      }),
    )
    .describe(
      "Rows of the profile's suite, as lines of `npm run bench -- --json`; empty where they were not asked for.",
    ),
  warnings: z.array(z.string()),
});

export type LoadResult = z.infer<typeof resultSchema>;
export type Interval = z.infer<typeof interval>;
export type ServerSample = z.infer<typeof serverSample>;
export type LatencyPercentiles = z.infer<typeof percentiles>;
export type BooksCheck = z.infer<typeof check>;
export type ThresholdOutcome = z.infer<typeof threshold>;
