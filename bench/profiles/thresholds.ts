import type { LatencyPercentiles, ThresholdOutcome } from "../load/result.ts";
import type { Thresholds } from "./profile.ts";

/** What thresholds are held against. */
export interface Measured {
  readonly latency: LatencyPercentiles | null;
  readonly scheduled: number;
  readonly accepted: number;
  readonly failed: number;
}

/** Judges every threshold that is set. */
export function judge(thresholds: Thresholds, { latency, scheduled, accepted, failed }: Measured): ThresholdOutcome[] {
  const total = accepted + failed;
  const values: Record<keyof Thresholds, number | null> = {
    p50Ms: latency?.p50Ms ?? null,
    p99Ms: latency?.p99Ms ?? null,
    p999Ms: latency?.p999Ms ?? null,
    errorRate: total === 0 ? null : failed / total,
    rateShare: scheduled === 0 ? null : accepted / scheduled,
  };
  const outcomes: ThresholdOutcome[] = [];
  for (const name of Object.keys(values) as (keyof Thresholds)[]) {
    const limit = thresholds[name];
    if (limit === undefined) continue;
    const bound = name === "rateShare" ? "at least" : "at most";
    const value = values[name];
    const passed = value !== null && (bound === "at least" ? value >= limit : value <= limit);
    outcomes.push({ name, bound, limit, value, passed });
  }
  return outcomes;
}
