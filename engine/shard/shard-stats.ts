import { ACTORS } from "../actor/registry.ts";
import type { ShardStats } from "../engine.ts";
import { METERS_LENGTH, ShardMeters } from "./shard-meters.ts";

/** The fields of `ShardStats`, in the order in which they lie in shared memory. */
const FIELDS = [
  "wallets",
  "owners",
  "frames",
  "journalBytes",
  "sequence",
  "syncSeconds",
  "idempotencyIds",
  "idempotencyWindowMs",
  "idempotencyDiskBytes",
  "idempotencyFilterBytes",
  "openTransfers",
  "oldestTransferAtMs",
  "actorsInMemory",
  "openSagas",
  "parkedSagas",
  "oldestSagaAtMs",
  "trialBalanceOffMinor",
  "trialBalanceAtMs",
  "heapBytes",
  "walletBytes",
  "idempotencyBytes",
  "recoveryMs",
  "recoveredRecords",
  "snapshotSequence",
  "snapshotTakenAtMs",
  "snapshotBytes",
  "snapshotDurationMs",
  "snapshotPauseMs",
  "snapshotPauseCpuMs",
  "snapshotsFailed",
  "snapshotsDamaged",
  "liveSegments",
  "liveJournalBytes",
  "archiveFiles",
  "archiveBytes",
  "archiveLagSegments",
  "archiveFailures",
  "archiveDroppedThrough",
  "keeperLagBytes",
] as const satisfies readonly (keyof ShardStats)[];

/** Index of each field in the shared Float64Array, for the shard that writes it. */
export const STAT = Object.fromEntries(FIELDS.map((name, index) => [name, index])) as Readonly<
  Record<keyof ShardStats, number>
>;

/**
 * Memory that a shard writes and the gateway's thread reads at any time; each field is current, their set is not atomic.
 *
 * **Shape**: Float64 [the fields | how many actors there are of each type | the shard's meters].
 */
export function createStatsMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((FIELDS.length + ACTORS.length + METERS_LENGTH) * 8);
}

/** The meters behind the fields and counts. */
export function metersOf(stats: Float64Array): ShardMeters {
  return new ShardMeters(stats.subarray(FIELDS.length + ACTORS.length));
}

/** Writes how many actors there are of each type. */
export function writeActorCounts(stats: Float64Array, countOf: (type: string) => number): void {
  for (const [index, { name }] of ACTORS.entries()) stats[FIELDS.length + index] = countOf(name);
}

/** Reads how many actors there are of each type. */
export function readActorCounts(memory: SharedArrayBuffer): readonly (readonly [type: string, count: number])[] {
  const values = new Float64Array(memory);
  return ACTORS.map(({ name }, index) => [name, values[FIELDS.length + index]]);
}

/** Reads the fields. */
export function readStats(memory: SharedArrayBuffer): ShardStats {
  const values = new Float64Array(memory);
  return Object.fromEntries(FIELDS.map((name, index) => [name, values[index]])) as unknown as ShardStats;
}
