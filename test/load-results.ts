import { Latencies } from "../bench/load/latencies.ts";
import {
  type Interval,
  type LatencyPercentiles,
  type LoadResult,
  resultSchema,
  type ServerSample,
} from "../bench/load/result.ts";
import { readProfile } from "../bench/profiles/profile.ts";

/** Percentiles in the usual proportions to the 99th. */
export function percentilesOf(p99Ms: number): LatencyPercentiles {
  const [p999Ms, maxMs] = [2 * p99Ms, 2 * p99Ms];
  return { p50Ms: p99Ms / 4, p90Ms: p99Ms / 2, p99Ms, p999Ms, p9999Ms: p999Ms, maxMs };
}

/** What a server tells of a second in which nothing stands out. */
export function serverSampleOf(changes: Partial<ServerSample> = {}): ServerSample {
  return {
    cpuCores: 0.75,
    memoryBytes: 200 * 1_048_576,
    eventLoopLagP99Ms: 11,
    commandsPerSecond: 1_000,
    framesPerSecond: 400,
    journalBytesPerSecond: 64_000,
    syncMsMean: 0.4,
    journalLagBytes: 3 * 1_048_576,
    kafkaLagRecords: 17,
    kafkaLagSeconds: 0.02,
    journalRecords: 100_000,
    queueMsMean: 0.1,
    decideMsMean: 0.2,
    replyMsMean: 0.05,
    requestsInflight: 1,
    connections: 12,
    deltasPerSecond: 50,
    ...changes,
  };
}

/** A second of a load in which nothing stands out; the server tells nothing unless it is said. */
export function intervalOf(atSeconds: number, changes: Partial<Interval> = {}): Interval {
  return {
    atSeconds,
    seconds: 1,
    stage: "steady",
    measured: true,
    scheduledPerSecond: 1_000,
    acceptedPerSecond: 1_000,
    errorsPerSecond: 0,
    errors: [],
    latency: percentilesOf(4),
    sendLagP99Ms: 0.1,
    generatorCoresMax: 0.2,
    connections: 8,
    server: null,
    ...changes,
  };
}

/** A result of the smoke profile with these intervals, as its file is read back. */
export function resultOf(intervals: readonly Interval[], changes: Partial<LoadResult> = {}): LoadResult {
  const latencies = new Latencies();
  for (const { latency } of intervals)
    if (latency !== null) for (const ms of Object.values(latency)) latencies.record(ms);
  return resultSchema.parse({
    format: "mizan.load.v1",
    verdict: "passed",
    startedAt: "2026-11-21T00:00:00.000Z",
    profile: readProfile("smoke"),
    environment: {
      commit: "unknown",
      node: "v22",
      cpu: "one",
      memoryBytes: 1,
      loadAverage: 0,
      url: "http://127.0.0.1:1",
      isOwnLedger: true,
      shards: 1,
    },
    totals: {
      seconds: intervals.length,
      scheduled: 1,
      accepted: 1,
      rejected: 0,
      unanswered: 0,
      scheduledPerSecond: 1_000,
      acceptedPerSecond: 1_000,
    },
    latency: intervals[0]?.latency ?? null,
    curve: latencies.curve(),
    histogram: latencies.encode(),
    commands: [],
    errors: [],
    intervals,
    generator: { processes: 1, coresMax: 0.2, sendLagP99Ms: 0.1, isBottleneck: false },
    streams: { witnesses: 0, dashboardsSeen: 0, deltas: 0, conflated: 0 },
    books: { agree: true, checks: [] },
    thresholds: [],
    suite: [],
    warnings: [],
    ...changes,
  });
}
