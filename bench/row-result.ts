import type { Percentiles } from "./histogram.ts";
import type { ServerCpu } from "./load/workload.ts";
import type { RowName } from "./row-names.ts";

/** What running a row gave. */
export interface Measurement {
  /** In the row's unit. */
  readonly rate: number;
  readonly latency: Percentiles | null;
  readonly generatorCores: number | null;
  readonly serverCpu: ServerCpu | null;
  readonly sendLagP99Ms: number | null;
  /** Cores that processes outside the run, or the kernel for them, kept busy meanwhile. */
  readonly strangerCores: number | null;
  /** Facts that the reader of the row should know. */
  readonly notes: readonly string[];
  /** Why the figure must not be believed; null where nothing is wrong. */
  readonly failure: string | null;
}

/** The fields of a row that no generator drove. */
export const NO_LOAD = { generatorCores: null, serverCpu: null, sendLagP99Ms: null, strangerCores: null } as const;

/** A row with its place in the table. */
export interface RowResult extends Measurement {
  readonly name: RowName;
  readonly unit: string;
  readonly limitName: RowName | null;
  /** Share of the limit that was reached; null where the limit was not measured in this run. */
  readonly ratio: number | null;
}

/** Where and of what a run was made. */
export interface Machine {
  readonly commit: string;
  readonly node: string;
  readonly cpu: string;
}

/** The generator counts as the bottleneck from this share of a core on. */
export const GENERATOR_CORES_MAX = 0.9;
/** An open loop whose messages leave later than this no longer measures the server. */
const SEND_LAG_MS_MAX = 1;
/** Beyond this share of all cores, the processes of the run compete with each other. */
const MACHINE_SHARE_MAX = 0.95;
/** Other programs disturb a row from here on. */
const STRANGER_CORES_MAX = 0.25;

/** Why a row's figure says more about the run than about the server, in a few words each. */
export function bottlenecks(measurement: Measurement, cores: number): string[] {
  const { generatorCores, serverCpu, sendLagP99Ms, strangerCores } = measurement;
  const found: string[] = [];
  if (generatorCores === null) return found;
  if (generatorCores >= GENERATOR_CORES_MAX) found.push("generator-bound");
  if (sendLagP99Ms !== null && sendLagP99Ms > SEND_LAG_MS_MAX) found.push("generator late");
  const used = generatorCores + (serverCpu === null ? 0 : serverCpu.mainCores + serverCpu.otherCores);
  if (used >= cores * MACHINE_SHARE_MAX) found.push("all cores busy");
  if (isDisturbed(measurement)) found.push(`disturbed: others used ${strangerCores?.toFixed(2)} cores`);
  return found;
}

/** Whether other programs took so much of the machine that the row should be measured again. */
export function isDisturbed({ strangerCores }: Measurement): boolean {
  return strangerCores !== null && strangerCores > STRANGER_CORES_MAX;
}

/** One line of the file that `--json` appends to. */
export interface JsonLine extends Machine {
  readonly name: string;
  readonly rate: number;
  readonly unit: string;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly limitName: string | null;
  readonly ratio: number | null;
}

/** The line of a row. Rows that failed have none, since their figures mean nothing. */
export function jsonLine(row: RowResult, { commit, node, cpu }: Machine): JsonLine {
  return {
    name: row.name,
    rate: Math.round(row.rate),
    unit: row.unit,
    p50Ms: toMicros(row.latency?.p50Ms),
    p99Ms: toMicros(row.latency?.p99Ms),
    p999Ms: toMicros(row.latency?.p999Ms),
    limitName: row.limitName,
    ratio: row.ratio === null ? null : Number(row.ratio.toFixed(4)),
    commit,
    node,
    cpu,
  };
}

/** A latency in milliseconds to the microsecond, which is as fine as it is measured. */
function toMicros(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 1_000) / 1_000;
}
