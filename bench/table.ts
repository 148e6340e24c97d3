import type { GoalOutcome } from "./goals.ts";
import { bottlenecks, type RowResult } from "./row-result.ts";

const HEADINGS = [
  "row",
  "rate",
  "unit",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "of its limit",
  "cores: load / main / rest",
  "notes",
];
/** Columns of figures are set flush right. */
const FIGURES = new Set([1, 3, 4, 5]);

/** Sets rows of cells in columns, as a Markdown table that also reads well in a terminal. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  figures: ReadonlySet<number>,
): string {
  const widths = headings.map((heading, i) => Math.max(3, heading.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (figures.has(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(" | ")} |`;
  const rule = widths.map((width, i) => (figures.has(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [line(headings), line(rule), ...rows.map(line)].join("\n");
}

export function formatMs(ms: number | undefined): string {
  if (ms === undefined || Number.isNaN(ms)) return "";
  return ms >= 100 ? ms.toFixed(0) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(3);
}

function formatCores(row: RowResult): string {
  if (row.generatorCores === null) return "";
  const server = row.serverCpu;
  const parts = [row.generatorCores, server?.mainCores, server?.otherCores];
  return parts.map((cores) => cores?.toFixed(2) ?? "?").join(" / ");
}

/** The table of a run's rows. */
export function formatRows(rows: readonly RowResult[], cores: number): string {
  const cells = rows.map((row) => [
    row.name,
    Math.round(row.rate).toLocaleString("en-US"),
    row.unit,
    formatMs(row.latency?.p50Ms),
    formatMs(row.latency?.p99Ms),
    formatMs(row.latency?.p999Ms),
    row.ratio === null ? "" : `${row.ratio.toFixed(2)} × ${row.limitName}`,
    formatCores(row),
    [...(row.failure === null ? [] : ["FAILED"]), ...bottlenecks(row, cores), ...row.notes].join("; "),
  ]);
  return formatTable(HEADINGS, cells, FIGURES);
}

/** The table of goals: what was wanted, what was measured, whether it is enough. */
export function formatGoals(goals: readonly GoalOutcome[]): string {
  const verdict = (reached: boolean | undefined): string =>
    reached === undefined ? "–" : reached ? "reached" : "missed";
  const cells = goals.map(({ workload, goal, text, reached }) => [workload, goal, text, verdict(reached)]);
  return formatTable(["workload", "goal", "measured", ""], cells, new Set());
}
