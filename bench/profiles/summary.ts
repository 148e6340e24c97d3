import type { LoadResult } from "../load/result.ts";
import { formatMs, formatTable } from "../table.ts";
import { formatConnections } from "./connections-summary.ts";

const VERDICTS: Readonly<Record<LoadResult["verdict"], string>> = {
  passed: "passed",
  thresholds_missed: "FAILED: a threshold was missed",
  books_disagree: "FAILED: the books do not agree",
};

/** What a run came to, for people. */
export function formatSummary(result: LoadResult): string {
  const { totals, thresholds, books, errors, warnings, generator } = result;
  const rows = result.commands.map(({ transport, kind, accepted, latency }) => [
    `${transport} ${kind}`,
    accepted.toLocaleString("en-US"),
    formatMs(latency?.p50Ms),
    formatMs(latency?.p99Ms),
    formatMs(latency?.p999Ms),
    formatMs(latency?.maxMs),
  ]);
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  const { latency } = result;
  rows.push([
    "all",
    totals.accepted.toLocaleString("en-US"),
    formatMs(latency?.p50Ms),
    formatMs(latency?.p99Ms),
    formatMs(latency?.p999Ms),
    formatMs(latency?.maxMs),
  ]);
  const lines = [
    formatTable(["commands", "accepted", "p50 ms", "p99 ms", "p99.9 ms", "max ms"], rows, new Set([1, 2, 3, 4, 5])),
    "",
    `${rate(totals.acceptedPerSecond)} of ${rate(totals.scheduledPerSecond)} commands a second over ${totals.seconds.toFixed(0)} s; ` +
      `${totals.rejected} rejected, ${totals.unanswered} unanswered`,
    ...errors.map(({ code, count }) => `  ${code}: ${count}`),
    `generator: ${generator.coresMax.toFixed(2)} cores, messages left ${formatMs(generator.sendLagP99Ms ?? undefined) || "0"} ms late (p99)`,
    ...(result.connections === undefined ? [] : formatConnections(result.connections)),
    ...books.checks.map(({ name, agrees, detail }) => `${agrees ? "✓" : "✗"} ${name}: ${detail}`),
    ...thresholds.map(
      ({ name, bound, limit, value, passed }) =>
        `${passed ? "✓" : "✗"} ${name} ${bound} ${limit}: ${value === null ? "not measured" : Number(value.toPrecision(4))}`,
    ),
    ...warnings.map((warning) => `! ${warning}`),
    `${result.profile.name}: ${VERDICTS[result.verdict]}`,
  ];
  return lines.join("\n");
}

function rate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString("en-US");
}
