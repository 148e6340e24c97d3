import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type ChildGroup, collectOutput } from "./child-group.ts";
import { compare, median, type Pairs, verdictOf } from "./comparison.ts";
import type { JsonLine } from "./row-result.ts";
import { formatTable } from "./table.ts";

const HEADINGS = ["row", "here: median (least – most)", "there", "ratio", "95 % of the noise", "verdict"];

export interface AgainstOptions {
  /** The checkout that this version is run from. */
  readonly root: string;
  /** Commit, branch or tag of the other version. */
  readonly ref: string;
  readonly quick: boolean;
  /** The rows to run; all that both versions have where none is named. */
  readonly only: readonly string[];
  readonly rounds: number;
  /** An empty directory inside the checkout, whose packages both versions then use. */
  readonly directory: string;
}

/** What was measured of one row. */
export interface RowPairs {
  readonly name: string;
  readonly unit: string;
  readonly rate: Pairs;
  /** Null where the row has no latencies. **Units**: milliseconds. */
  readonly p99: Pairs | null;
}

/**
 * Runs this version and another one in turns, each row of each round in processes of its own; who begins changes with
 * each round. `onRow` gets each row when it is done.
 *
 * **Errors**: throws where there is no such version, where it does not have a row, or where a row fails.
 */
export async function runAgainst(
  group: ChildGroup,
  options: AgainstOptions,
  onRow: (row: RowPairs) => void,
): Promise<RowPairs[]> {
  const { root, ref, directory } = options;
  const other = join(directory, "other");
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", root, ...args], { encoding: "utf8", stdio: "pipe" });
  git("worktree", "add", "--quiet", "--detach", other, ref);
  try {
    const rows: RowPairs[] = [];
    for (const name of await rowsOfBoth(options, other)) {
      const row = await runRow(group, options, other, name);
      rows.push(row);
      onRow(row);
    }
    return rows;
  } finally {
    git("worktree", "remove", "--force", other);
  }
}

/** The table of what changed. */
export function formatAgainst(rows: readonly RowPairs[]): string {
  const cells = rows.flatMap(({ name, unit, rate, p99 }) => [
    cellsOf(`${name}, ${unit}`, rate, true, (value) => Math.round(value).toLocaleString("en-US")),
    ...(p99 === null ? [] : [cellsOf(`${name}, p99 ms`, p99, false, (value) => value.toFixed(2))]),
  ]);
  return formatTable(HEADINGS, cells, new Set([1, 2, 3, 4]));
}

function cellsOf(
  name: string,
  pairs: Pairs,
  isMoreBetter: boolean,
  format: (value: number) => string,
): readonly string[] {
  const comparison = compare(pairs);
  const spread = (values: readonly number[]): string =>
    `${format(median(values))} (${format(Math.min(...values))} – ${format(Math.max(...values))})`;
  return [
    name,
    spread(pairs.here),
    spread(pairs.there),
    comparison.ratio.toFixed(2),
    comparison.interval?.map((ratio) => ratio.toFixed(2)).join(" – ") ?? "",
    verdictOf(comparison, isMoreBetter),
  ];
}

async function rowsOfBoth({ root, only }: AgainstOptions, other: string): Promise<readonly string[]> {
  const [here, there] = await Promise.all([rowNames(root), rowNames(other)]);
  const missing = only.filter((name) => !there.includes(name));
  if (missing.length > 0) throw new Error(`the other version has no row ${missing.join(", ")}`);
  return here.filter((name) => there.includes(name) && (only.length === 0 || only.includes(name)));
}

async function rowNames(root: string): Promise<readonly string[]> {
  const module: { readonly ROW_NAMES: readonly string[] } = await import(
    pathToFileURL(join(root, "bench/row-names.ts")).href
  );
  return module.ROW_NAMES;
}

async function runRow(group: ChildGroup, options: AgainstOptions, other: string, name: string): Promise<RowPairs> {
  const here: JsonLine[] = [];
  const there: JsonLine[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const turns = [
      async () => here.push(await runOnce(group, options, options.root, name)),
      async () => there.push(await runOnce(group, options, other, name)),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
  }
  const pairsOf = (value: (line: JsonLine) => number): Pairs => ({ here: here.map(value), there: there.map(value) });
  const hasLatency = [...here, ...there].every(({ p99Ms }) => p99Ms !== null);
  return {
    name,
    unit: here[0].unit,
    rate: pairsOf(({ rate }) => rate),
    p99: hasLatency ? pairsOf(({ p99Ms }) => p99Ms ?? Number.NaN) : null,
  };
}

async function runOnce(
  group: ChildGroup,
  { quick, directory }: AgainstOptions,
  root: string,
  name: string,
): Promise<JsonLine> {
  const path = join(directory, "row.jsonl");
  const args = [join(root, "bench/main.ts"), "--only", name, "--json", path, ...(quick ? ["--quick"] : [])];
  const child = group.spawnNode(args, process.env);
  const output = collectOutput(child);
  await once(child, "close");
  // A row that failed has no line.
  if (!existsSync(path)) throw new Error(`${name} failed in ${root}: ${output()}`);
  const line = JSON.parse(readFileSync(path, "utf8")) as JsonLine;
  rmSync(path);
  return line;
}
