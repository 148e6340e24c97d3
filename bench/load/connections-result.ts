/**
 * What a crowd of dashboards went through in a run, as the section `connections` of the result file has it.
 *
 * **Units**: `Ms` are milliseconds, `Seconds` seconds, `Bytes` bytes; null where the system does not tell.
 */

import { z } from "zod";

const count = z.int().min(0);
const known = z.number().nullable();

const percentiles = z.strictObject({ p50Ms: z.number(), p99Ms: z.number(), p999Ms: z.number(), maxMs: z.number() });

const memory = z.strictObject({
  when: z.enum(["without", "connected", "following", "after restart", "at the end"]),
  connections: known,
  residentBytes: known,
  heapUsedBytes: known,
  externalBytes: known.describe("Buffers outside the heap."),
});

const work = z.strictObject({
  seconds: z.number(),
  cpuSecondsPer1000: known.describe("Processor time of the server for 1,000 dashboards."),
});

const storm = z.strictObject({
  downSeconds: z.number().describe("From the word to stop until the ledger was ready again."),
  stopSeconds: z.number().describe("Of it, until the process had ended."),
  backSeconds: z.number().describe("From ready until every dashboard followed all its wallets again."),
  attempts: count.describe("Attempts to connect, those before the ledger was ready included."),
  cpuSecondsPer1000: known.describe(
    "Processor time of the server for 1,000 dashboards, its start and the commands included.",
  ),
  listenOverflows: known.describe("Connections for which the machine's listen queues had no room meanwhile."),
});

const window = z.strictObject({
  name: z.enum(["before", "storm", "after", "beside slow and silent ones"]),
  seconds: z.number(),
  answered: count.describe("Messages that were due in it and were answered."),
  latency: percentiles.nullable(),
});

const ending = z.strictObject({ how: z.string(), count });

const strangers = z.strictObject({
  opened: count,
  ended: z.array(ending).describe("How their connections ended, most frequent first."),
});

const threshold = z.strictObject({
  name: z.enum(["backSeconds", "stormP99Factor", "stormP99Ms", "hostileP99Factor", "bytesPerConnection"]),
  limit: z.number(),
  value: known.describe("Null where nothing was measured, which counts as missed."),
  passed: z.boolean(),
});

export const connectionsSchema = z.strictObject({
  dashboards: count,
  active: count,
  walletsEach: count,
  connecting: work.describe("Opening all connections, a limited number at once."),
  following: work.describe("Their subscriptions, all at once."),
  memory: z.array(memory).describe("Of the server, at moments in order."),
  bytesPerConnection: known.describe("Resident memory of a connection that follows nothing."),
  bytesPerSubscription: known.describe("Resident memory that a subscription adds to it."),
  storm: storm.nullable().describe("Null where the ledger was not restarted."),
  commands: z.array(window).describe("Of the open loop that ran beside the dashboards, by when a message was due."),
  streams: z.strictObject({
    states: count,
    resets: count.describe("States that stood for changes no longer kept."),
    changes: count,
    conflated: count,
    faults: count.describe("Versions that were left out without a mark, or went back."),
    behind: count.describe("Subscriptions that did not end with what their wallet holds."),
    asked: count,
    unanswered: count.describe("Questions of active dashboards whose connection ended first."),
    lost: count.describe("Connections that ended, the restart left out."),
    losses: z.array(ending).describe("Every connection that ended, the restart included, by how."),
  }),
  slow: strangers,
  silent: strangers,
  thresholds: z.array(threshold),
});

export type ConnectionsResult = z.infer<typeof connectionsSchema>;
