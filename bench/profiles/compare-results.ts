import { readFileSync } from "node:fs";
import { type Comparison, compare, median, type Verdict, verdictOf } from "../comparison.ts";
import { type Interval, type LoadResult, resultSchema } from "../load/result.ts";
import { formatTable } from "../table.ts";
import { LoadUsageError } from "./profile.ts";

/** Neighbouring intervals are alike, so they are taken together in about this many blocks. */
const BLOCKS = 12;

interface Quantity {
  readonly name: string;
  readonly unit: string;
  readonly isMoreBetter: boolean;
  readonly ofInterval: (interval: Interval) => number | null;
  readonly ofRun: (result: LoadResult) => number | null;
}

const QUANTITIES: readonly Quantity[] = [
  quantity(
    "accepted",
    "/s",
    true,
    (i) => i.acceptedPerSecond,
    (r) => r.totals.acceptedPerSecond,
  ),
  quantity(
    "p50",
    "ms",
    false,
    (i) => i.latency?.p50Ms ?? null,
    (r) => r.latency?.p50Ms ?? null,
  ),
  quantity(
    "p99",
    "ms",
    false,
    (i) => i.latency?.p99Ms ?? null,
    (r) => r.latency?.p99Ms ?? null,
  ),
  quantity(
    "p99.9",
    "ms",
    false,
    (i) => i.latency?.p999Ms ?? null,
    (r) => r.latency?.p999Ms ?? null,
  ),
  quantity(
    "server CPU",
    "cores",
    false,
    (i) => i.server?.cpuCores ?? null,
    (r) => serverCores(r),
  ),
];

/** What two versions of one run differ in. */
interface Difference {
  readonly name: string;
  readonly unit: string;
  readonly a: number | null;
  readonly b: number | null;
  /** How B relates to A; null where one of them lacks it. */
  readonly comparison: Comparison | null;
  readonly verdict: Verdict | "not measured";
}

export interface ResultComparison {
  readonly differences: readonly Difference[];
  /** What the pairs behind the intervals are. */
  readonly basis: "blocks of one run each" | "runs in turns";
  readonly warnings: readonly string[];
}

/**
 * Compares results: `a[i]` and `b[i]` are of one round, run one after the other.
 *
 * Of one round, blocks of intervals are paired, which knows the noise within a run. Of several, whole runs are, which
 * knows the noise between them, too.
 */
export function compareResults(a: readonly LoadResult[], b: readonly LoadResult[]): ResultComparison {
  const isOneRound = a.length === 1;
  const differences = QUANTITIES.map((one): Difference => {
    const [ofA, ofB] = isOneRound ? pairBlocks(one, a[0], b[0]) : pairRuns(one, a, b);
    const { name, unit } = one;
    const values = { a: middle(a.map(one.ofRun)), b: middle(b.map(one.ofRun)) };
    if (ofA.length === 0) return { name, unit, ...values, comparison: null, verdict: "not measured" };
    const comparison = compare({ here: ofB, there: ofA });
    return { name, unit, ...values, comparison, verdict: verdictOf(comparison, one.isMoreBetter) };
  });
  return {
    differences,
    basis: isOneRound ? "blocks of one run each" : "runs in turns",
    warnings: warningsOf([...a, ...b]),
  };
}

/** Reads a result file. **Errors**: `LoadUsageError`. */
export function readResult(path: string): LoadResult {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new LoadUsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path: field, message }] = parsed.error.issues;
  throw new LoadUsageError(`${path} is no result of a load: ${field.join(".") || "the file"}: ${message}`);
}

/** The table of a comparison. */
export function formatComparison({ differences, basis, warnings }: ResultComparison): string {
  const number = (value: number | null): string => (value === null ? "–" : String(Number(value.toPrecision(4))));
  const rows = differences.map(({ name, unit, a, b, comparison, verdict }) => [
    name,
    number(a),
    number(b),
    unit,
    comparison === null ? "–" : comparison.ratio.toFixed(2),
    comparison?.interval?.map((bound) => bound.toFixed(2)).join(" – ") ?? "–",
    verdict,
  ]);
  const note =
    basis === "runs in turns"
      ? "The interval holds the true ratio with 95 %."
      : "The interval is from blocks of these two runs: how runs differ among themselves it cannot know. Give several of each, in turns.";
  const table = formatTable(["", "A", "B", "unit", "B to A", "interval", "B is"], rows, new Set([1, 2]));
  return [table, "", note, ...warnings.map((warning) => `! ${warning}`)].join("\n");
}

function quantity(
  name: string,
  unit: string,
  isMoreBetter: boolean,
  ofInterval: Quantity["ofInterval"],
  ofRun: Quantity["ofRun"],
): Quantity {
  return { name, unit, isMoreBetter, ofInterval, ofRun };
}

function serverCores({ intervals }: LoadResult): number | null {
  const cores = intervals.flatMap(({ measured, server }) => (measured && server?.cpuCores ? [server.cpuCores] : []));
  return cores.length === 0 ? null : cores.reduce((sum, value) => sum + value, 0) / cores.length;
}

function middle(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : median(known);
}

function pairRuns({ ofRun }: Quantity, a: readonly LoadResult[], b: readonly LoadResult[]): [number[], number[]] {
  return pairs(a.map(ofRun), b.map(ofRun));
}

/** The medians of blocks of measured intervals at equal places in either run. */
function pairBlocks({ ofInterval }: Quantity, a: LoadResult, b: LoadResult): [number[], number[]] {
  const measured = [a, b].map(({ intervals }) => intervals.filter((interval) => interval.measured));
  const count = Math.min(measured[0].length, measured[1].length);
  const size = Math.max(1, Math.ceil(count / BLOCKS));
  const blocks = measured.map((intervals) => {
    const medians: (number | null)[] = [];
    for (let first = 0; first + size <= count; first += size) {
      medians.push(middle(intervals.slice(first, first + size).map(ofInterval)));
    }
    return medians;
  });
  return pairs(blocks[0], blocks[1]);
}

/** Drops the pairs of which one is missing, or no ratio can be made. */
function pairs(a: readonly (number | null)[], b: readonly (number | null)[]): [number[], number[]] {
  const ofA: number[] = [];
  const ofB: number[] = [];
  for (const [at, there] of a.entries()) {
    const here = b[at];
    if (there === null || here === null || there <= 0 || here <= 0) continue;
    ofA.push(there);
    ofB.push(here);
  }
  return [ofA, ofB];
}

function warningsOf(results: readonly LoadResult[]): string[] {
  const load = ({ profile: { stages, clients, mix, wallets } }: LoadResult): string =>
    JSON.stringify({ stages, clients, mix, wallets });
  const machine = ({ environment: { cpu, memoryBytes } }: LoadResult): string => `${cpu} ${memoryBytes}`;
  const differ = (read: (result: LoadResult) => string): boolean => new Set(results.map(read)).size > 1;
  const found: [boolean, string][] = [
    [differ(load), "the runs had different loads: what differs may be theirs"],
    [differ(machine), "the runs were made on different machines"],
    [results.some(({ generator }) => generator.isBottleneck), "the generator was the bottleneck of at least one run"],
    [results.some(({ books }) => !books.agree), "the books of at least one run do not agree: its figures mean nothing"],
  ];
  return found.filter(([isTrue]) => isTrue).map(([, text]) => text);
}
