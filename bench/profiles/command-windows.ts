import type { Answers } from "../load/answer-log.ts";
import type { ConnectionsResult } from "../load/connections-result.ts";
import { Latencies } from "../load/latencies.ts";

/** Moments of a run. **Units**: milliseconds on the clock of `epochMs`. */
export interface Moments {
  readonly startAtMs: number;
  /** Null where the ledger was not restarted. */
  readonly storm: { readonly stoppingAtMs: number; readonly readyAtMs: number; readonly backAtMs: number } | null;
  /** Infinity where no stranger came. */
  readonly hostileAtMs: number;
  readonly endedAtMs: number;
}

type CommandWindow = ConnectionsResult["commands"][number];

/** A message that leaves this soon after it was due did not wait for the ledger to be back. */
const ON_TIME_MS = 5;

/**
 * Cuts a run's answers into what was due before a restart, during the storm after it, and later.
 *
 * What fell due while the ledger was down waited for that, and so did what left behind it: the storm begins, for commands,
 * with the first message since the ledger is ready that left when it was due.
 */
export function commandWindows(answers: readonly Answers[], moments: Moments): CommandWindow[] {
  const { startAtMs, storm, hostileAtMs, endedAtMs } = moments;
  const calmUntilMs = Math.min(hostileAtMs, endedAtMs);
  const spans: [CommandWindow["name"], number, number][] = [];
  if (storm === null) {
    spans.push(["before", startAtMs, calmUntilMs]);
  } else {
    spans.push(["before", startAtMs, storm.stoppingAtMs]);
    spans.push(["storm", firstOnTime(answers, storm.readyAtMs), storm.backAtMs]);
    spans.push(["after", storm.backAtMs, calmUntilMs]);
  }
  if (hostileAtMs < endedAtMs) spans.push(["beside slow and silent ones", hostileAtMs, endedAtMs]);
  return spans.map(([name, fromMs, toMs]) => windowOf(name, answers, fromMs, toMs));
}

function windowOf(
  name: CommandWindow["name"],
  answers: readonly Answers[],
  fromMs: number,
  toMs: number,
): CommandWindow {
  const latencies = new Latencies();
  for (const { dueMs, latencyMs } of answers) {
    for (const [at, due] of dueMs.entries()) if (due >= fromMs && due < toMs) latencies.record(latencyMs[at]);
  }
  const found = latencies.percentiles();
  return {
    name,
    seconds: Math.max(0, toMs - fromMs) / 1_000,
    answered: latencies.count,
    latency: found && { p50Ms: found.p50Ms, p99Ms: found.p99Ms, p999Ms: found.p999Ms, maxMs: found.maxMs },
  };
}

/** When the last of the generators was on time again; it is not the ledger's doing when each of them noticed. */
function firstOnTime(answers: readonly Answers[], sinceMs: number): number {
  let latestMs = sinceMs;
  for (const { dueMs, sentMs } of answers) {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const [at, due] of dueMs.entries()) {
      if (due >= sinceMs && due < earliestMs && sentMs[at] - due <= ON_TIME_MS) earliestMs = due;
    }
    if (Number.isFinite(earliestMs)) latestMs = Math.max(latestMs, earliestMs);
  }
  return latestMs;
}
