/**
 * The result file of `npm run load -- scaling`.
 *
 * **Units**: `Ms` are milliseconds, rates are a second.
 */

import { z } from "zod";

const count = z.int().min(0);

const latency = z.number().nullable().describe("Of a message; null where none was answered while it was measured.");

const ratePoint = z.strictObject({
  x: count,
  transfersPerSecond: z.number(),
  p50Ms: latency,
  p99Ms: latency,
  p999Ms: latency,
  generatorCores: z.number().describe("Of all generators together."),
  failure: z.string().nullable().describe("What disagrees in the books; null where nothing does."),
});

const rates = z.array(z.strictObject({ name: z.string(), points: z.array(ratePoint) }));

export const scalingResultSchema = z.strictObject({
  format: z.literal("mizan.scaling.v1"),
  startedAt: z.iso.datetime(),
  environment: z.strictObject({ commit: z.string(), node: z.string(), cpu: z.string(), memoryBytes: count }),
  warmupMs: count,
  measureMs: count,
  shards: rates,
  connections: rates,
  batch: rates,
  wallets: rates,
  memory: z
    .array(z.strictObject({ name: z.string(), points: z.array(z.strictObject({ x: count, bytes: z.number() })) }))
    .describe("Bytes of memory for each wallet, by how many there are."),
  skipped: z.array(z.string()),
});

export type ScalingResult = z.infer<typeof scalingResultSchema>;
export type RatePoint = z.infer<typeof ratePoint>;
