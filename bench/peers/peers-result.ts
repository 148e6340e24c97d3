/**
 * The result file of `npm run load -- peers`.
 *
 * **Units**: `Ms` are milliseconds, rates are a second.
 */

import { z } from "zod";

export const PEER_NAMES = ["mizan", "postgres", "redis"] as const;
export type PeerName = (typeof PEER_NAMES)[number];

const count = z.int().min(0);
const known = z.number().nullable().describe("Null where the system does not tell.");

const latency = z.number().nullable().describe("Of a call; null where none was answered while it was measured.");

const row = z.strictObject({
  peer: z.enum(PEER_NAMES),
  title: z.string().describe("Name and version."),
  transfersPerCall: count,
  connections: count,
  callsInFlight: count.describe("On each connection."),
  transfersPerSecond: z.number(),
  p50Ms: latency,
  p99Ms: latency,
  p999Ms: latency,
  cpuSecondsPer100k: known.describe("Of all processes of the server, warm-up and draining included."),
  writtenBytesPerTransfer: known.describe(
    "What the disk of the data directory was made to write meanwhile, whoever did it.",
  ),
  generatorCores: z.number(),
  acknowledged: count.describe("Transfers that the server said it made, warm-up and draining included."),
  books: z.strictObject({ agree: z.boolean(), detail: z.string().nullable().describe("What disagrees.") }),
});

export const peersResultSchema = z.strictObject({
  format: z.literal("mizan.peers.v1"),
  startedAt: z.iso.datetime(),
  environment: z.strictObject({
    commit: z.string(),
    node: z.string(),
    cpu: z.string(),
    memoryBytes: count,
  }),
  wallets: count,
  warmupMs: count,
  measureMs: count,
  settings: z.record(z.enum(PEER_NAMES), z.record(z.string(), z.string())).describe("Beyond each server's defaults."),
  rows: z.array(row),
  skipped: z.array(z.strictObject({ peer: z.enum(PEER_NAMES), reason: z.string() })),
  failed: z.array(z.strictObject({ peer: z.enum(PEER_NAMES), reason: z.string() })),
});

export type PeersResult = z.infer<typeof peersResultSchema>;
export type PeerRow = z.infer<typeof row>;
