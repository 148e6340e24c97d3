import { Bench, type Fn } from "tinybench";
import type { Percentiles } from "../histogram.ts";

export interface SampleOptions {
  readonly timeMs: number;
  readonly iterations: number;
  readonly warmupMs: number;
  readonly warmupIterations: number;
}

export interface Sample {
  /** Calls a second over all of the measured time. */
  readonly callsPerSecond: number;
  readonly latency: Percentiles;
}

/** Runs one function under tinybench, warmed up, until both its time and its iterations are spent. */
export function sample(name: string, options: SampleOptions, call: Fn): Sample {
  const bench = new Bench({
    time: options.timeMs,
    iterations: options.iterations,
    warmupTime: options.warmupMs,
    warmupIterations: options.warmupIterations,
    throws: true,
  });
  bench.add(name, call, { async: false });
  bench.runSync();
  const { result } = bench.tasks[0];
  if (result.state !== "completed") throw new Error(`${name} did not complete: ${result.state}`);
  const { mean, p50, p99, p999 } = result.latency;
  return { callsPerSecond: 1_000 / mean, latency: { p50Ms: p50, p99Ms: p99, p999Ms: p999 } };
}
