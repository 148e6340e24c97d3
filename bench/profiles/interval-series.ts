import { ErrorCounts } from "../load/error-counts.ts";
import { Latencies } from "../load/latencies.ts";
import type { IntervalReport } from "../load/profile-job.ts";
import { commandStretches } from "../load/rates.ts";
import type { Interval, LoadResult } from "../load/result.ts";
import { Schedule } from "../load/schedule.ts";
import type { Endpoint } from "../load/workload.ts";
import type { Profile } from "./profile.ts";
import { ServerMetrics } from "./server-metrics.ts";

/** Long runs have longer intervals, so that their number stays below this. */
const INTERVALS_MAX = 1_800;
const INTERVAL_MS_MIN = 1_000;

/** Joins what the generators tell of each interval with what the server's metrics say at its end. */
export class IntervalSeries {
  readonly intervalMs: number;
  readonly #profile: Profile;
  readonly #schedule: Schedule;
  readonly #stageEndsMs: readonly number[];
  readonly #metrics: ServerMetrics;
  readonly #onInterval: (interval: Interval) => void;
  readonly #reports = new Map<number, IntervalReport[]>();
  readonly #intervals: Interval[] = [];
  /** By generator: cores used over measured intervals, and how many those were. */
  readonly #cores: { sum: number; count: number }[];
  #joining: Promise<void> = Promise.resolve();

  constructor(profile: Profile, endpoint: Endpoint, onInterval: (interval: Interval) => void) {
    this.#profile = profile;
    this.#onInterval = onInterval;
    this.#metrics = new ServerMetrics(endpoint);
    this.#cores = Array.from({ length: profile.generators }, () => ({ sum: 0, count: 0 }));
    let endMs = 0;
    this.#stageEndsMs = profile.stages.map(({ durationSeconds }) => {
      endMs += durationSeconds * 1_000;
      return endMs;
    });
    this.intervalMs = Math.max(INTERVAL_MS_MIN, Math.ceil(endMs / INTERVALS_MAX / 1_000) * 1_000);
    this.#schedule = new Schedule(commandStretches(profile), 0);
  }

  /** Cores that the busiest generator used in the measured stages. */
  get busiestCores(): number {
    return Math.max(...this.#cores.map(({ sum, count }) => (count === 0 ? 0 : sum / count)));
  }

  /** What the server says that it runs; null where it does not tell. */
  get server(): LoadResult["environment"]["server"] {
    return this.#metrics.software;
  }

  /** Takes the server's counters as they are before the load. */
  async begin(): Promise<void> {
    await this.#metrics.sample();
  }

  /** What one generator saw in one interval. */
  add(generator: number, report: IntervalReport): void {
    const { measured } = this.#stageAt(report.index * this.intervalMs);
    if (measured) {
      this.#cores[generator].sum += report.cores;
      this.#cores[generator].count += 1;
    }
    const reports = this.#reports.get(report.index) ?? [];
    reports.push(report);
    this.#reports.set(report.index, reports);
    if (reports.length === this.#profile.generators) this.#joinLater(report.index);
  }

  /** Resolves with all intervals, in order. */
  async end(): Promise<Interval[]> {
    await this.#joining;
    // A generator may have drained an interval earlier than another.
    for (const index of [...this.#reports.keys()].sort((a, b) => a - b)) this.#joinLater(index);
    await this.#joining;
    return this.#intervals;
  }

  #joinLater(index: number): void {
    const reports = this.#reports.get(index) ?? [];
    this.#reports.delete(index);
    this.#joining = this.#joining.then(() => this.#join(index, reports));
  }

  async #join(index: number, reports: readonly IntervalReport[]): Promise<void> {
    const fromMs = index * this.intervalMs;
    const toMs = Math.min(fromMs + this.intervalMs, Math.max(...reports.map(({ endedMs }) => endedMs)));
    const seconds = (toMs - fromMs) / 1_000;
    const latencies = new Latencies();
    const sendLags = new Latencies();
    const errorCounts = new ErrorCounts();
    for (const report of reports) {
      errorCounts.addAll(report.errors);
      if (report.latencies !== null) latencies.add(report.latencies);
      if (report.sendLags !== null) sendLags.add(report.sendLags);
    }
    // The end of the load hardly ever falls on that of an interval; what is left of it may hold nothing.
    if (seconds <= 0 || (latencies.count === 0 && seconds < this.intervalMs / 10_000)) return;
    const server = await this.#metrics.sample();
    const sum = (read: (report: IntervalReport) => number): number => reports.reduce((total, r) => total + read(r), 0);
    const errors = errorCounts.counts();
    const { name, measured } = this.#stageAt(fromMs);
    const interval: Interval = {
      atSeconds: fromMs / 1_000,
      seconds,
      stage: name,
      measured,
      scheduledPerSecond: (this.#schedule.dueBefore(toMs) - this.#schedule.dueBefore(fromMs)) / seconds,
      acceptedPerSecond: sum(({ accepted }) => accepted) / seconds,
      errorsPerSecond: errors.reduce((total, { count }) => total + count, 0) / seconds,
      errors,
      latency: latencies.percentiles(),
      sendLagP99Ms: sendLags.count === 0 ? null : sendLags.atMs(99),
      generatorCoresMax: Math.max(...reports.map(({ cores }) => cores)),
      connections: sum(({ connections }) => connections),
      server,
    };
    this.#intervals.push(interval);
    this.#onInterval(interval);
  }

  /** The stage at a time since the start; after the last one, what is left is answered. */
  #stageAt(timeMs: number): { readonly name: string; readonly measured: boolean } {
    const at = this.#stageEndsMs.findIndex((endMs) => timeMs < endMs);
    return this.#profile.stages[at] ?? { name: "drain", measured: false };
  }
}
