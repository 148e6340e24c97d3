import type { RowName } from "./row-names.ts";
import { isDisturbed, type RowResult } from "./row-result.ts";

/** The rows of a run by name; a row that was not run, or that failed, is missing. */
export type Rows = ReadonlyMap<RowName, RowResult>;

export interface GoalOutcome {
  readonly workload: string;
  readonly goal: string;
  /** Undefined where the rows that it needs are missing. */
  readonly value: number | undefined;
  readonly text: string;
  readonly reached: boolean | undefined;
}

interface Goal {
  readonly workload: string;
  readonly goal: string;
  /** The rows that the value comes from. */
  readonly rows: readonly RowName[];
  readonly value: (rows: Rows) => number | undefined;
  readonly format: (value: number) => string;
  readonly reached: (value: number) => boolean;
}

function share(of: RowName, to: RowName): (rows: Rows) => number | undefined {
  return (rows) => {
    const row = rows.get(of);
    const limit = rows.get(to);
    return row === undefined || limit === undefined ? undefined : row.rate / limit.rate;
  };
}

function shareGoal(workload: string, of: RowName, to: RowName, least: number, name: string): Goal {
  return {
    workload,
    goal: `≥ ${least} × ${name}`,
    rows: [of, to],
    value: share(of, to),
    format: (value) => `${value.toFixed(2)} ×`,
    reached: (value) => value >= least,
  };
}

function latencyGoal(workload: string, name: RowName, p99MsMax: number): Goal {
  return {
    workload,
    goal: `p99 < ${p99MsMax} ms`,
    rows: [name],
    value: (rows) => rows.get(name)?.latency?.p99Ms,
    format: (value) => `${value.toFixed(2)} ms`,
    reached: (value) => value < p99MsMax,
  };
}

function rateGoal(workload: string, name: RowName, perSecondMin: number): Goal {
  const formatRate = (rate: number): string => `${Math.round(rate).toLocaleString("en-US")} a second`;
  return {
    workload,
    goal: `≥ ${formatRate(perSecondMin)}`,
    rows: [name],
    value: (rows) => rows.get(name)?.rate,
    format: formatRate,
    reached: (value) => value >= perSecondMin,
  };
}

/** The goals that the project set itself, as in the table of ARCHITECTURE.md. */
const GOALS: readonly Goal[] = [
  shareGoal("8,190 a message, one shard", "wire-binary-8190", "limit-lmdb", 0.7, "LMDB alone"),
  shareGoal("100 a message", "wire-binary-100", "limit-lmdb", 0.45, "LMDB alone"),
  shareGoal("1 a message, 1,024 in flight", "wire-binary-1", "limit-echo-1", 0.8, "echo"),
  shareGoal("JSON over WebSocket", "wire-json-1", "limit-echo-json", 0.5, "echo"),
  shareGoal("REST", "rest-1", "limit-echo-rest", 0.5, "echo"),
  shareGoal("one hot wallet", "wire-binary-100-hot", "wire-binary-100", 0.9, "uniform"),
  shareGoal("one striped merchant, two shards", "wire-binary-100-striped", "wire-binary-100-2shards", 0.9, "uniform"),
  latencyGoal("50 of a million records of a wallet, REST", "history-page", 2),
  latencyGoal("50 of a million records of a wallet, binary", "history-page-binary", 2),
  latencyGoal("open loop at 12,500 a second", "open-loop-12500", 5),
  latencyGoal("events on Kafka at 12,500 transfers a second", "events-lag-12500", 50),
  rateGoal("transfers into Kafka", "replicated-journal", 500_000),
  shareGoal("replication on, answers that do not wait for it", "replication-on", "replication-off", 0.7, "off"),
  latencyGoal("12,500 a second, answers that wait for Kafka", "replicated-12500", 25),
  latencyGoal("a planned handover, a million wallets", "takeover-planned", 1_000),
  latencyGoal("a takeover after kill -9, a million wallets", "takeover-killed", 5_000),
  rateGoal("transfers, payments and claims 70/20/10, 100 a message", "mixed-100", 50_000),
  rateGoal("deltas to 1,000 subscribers", "stream-fanout", 1_000_000),
];

/** Holds the rows of a run against the goals. */
export function judgeGoals(rows: Rows): GoalOutcome[] {
  return GOALS.map(({ workload, goal, rows: needed, value: measure, format, reached }) => {
    const value = measure(rows);
    const isDoubtful = needed.some((name) => {
      const row = rows.get(name);
      return row !== undefined && isDisturbed(row);
    });
    if (value === undefined) return { workload, goal, value, text: "not measured", reached: undefined };
    const text = `${format(value)}${isDoubtful ? ", disturbed" : ""}`;
    return { workload, goal, value, text, reached: reached(value) };
  });
}
