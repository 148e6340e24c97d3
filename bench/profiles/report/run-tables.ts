import { Html, html } from "../../../gateway/status/html.ts";
import type { LoadResult, ThresholdOutcome } from "../../load/result.ts";
import { BYTES, COUNT, formatIn, MILLISECONDS, PERCENT, perSecond, shortNumber } from "../../plot/units.ts";
import { profileFacts } from "./profile-facts.ts";

type Cell = string | number | Html;

const CHECK = new Html('<path d="M3.5 8.5l3 3 6-7"/>');
const CROSS = new Html('<path d="M4 4l8 8M12 4l-8 8"/>');
/** The bar of a threshold ends at this many times its limit. */
const BAR_LIMITS = 2;
/** The column of bars, for which a telephone has no room. */
const AGAINST = "against the limit";

/** A word that says whether something is as it should be, with a sign that does not go by colour. */
export function verdictMark(isGood: boolean, text: string): Html {
  return html`<span class="mark-${isGood ? "good" : "bad"}"><svg class="sign" viewBox="0 0 16 16" aria-hidden="true">${isGood ? CHECK : CROSS}</svg>${text}</span>`;
}

/** A table whose first column names its rows; columns of figures are set flush right. */
export function dataTable(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  figures: ReadonlySet<number> = new Set(),
): Html {
  const classOf = (at: number): string => (figures.has(at) ? "figure" : "");
  const head = heads.map(
    (text, at) => html`<th scope="col" class="${text === AGAINST ? "against" : classOf(at)}">${text}</th>`,
  );
  const body = rows.map(([first, ...rest]) => {
    const cells = rest.map((cell, at) => html`<td class="${classOf(at + 1)}">${cell}</td>`);
    return html`<tr><th scope="row">${first}</th>${cells}</tr>\n`;
  });
  return html`<div class="scroll"><table><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>\n${body}</tbody></table></div>\n`;
}

const THRESHOLD_NAMES: Readonly<Record<ThresholdOutcome["name"], string>> = {
  p50Ms: "p50 latency",
  p99Ms: "p99 latency",
  p999Ms: "p99.9 latency",
  errorRate: "share of commands that failed",
  rateShare: "share of the asked rate that was accepted",
};

function thresholdValue({ name }: ThresholdOutcome, value: number | null): string {
  return formatIn(name === "errorRate" || name === "rateShare" ? PERCENT : MILLISECONDS, value);
}

export function thresholdTable({ thresholds }: LoadResult): Html {
  if (thresholds.length === 0) return html`<p class="nothing">The profile has no thresholds.</p>`;
  const rows = thresholds.map((outcome) => [
    THRESHOLD_NAMES[outcome.name],
    outcome.value === null ? "not measured" : thresholdValue(outcome, outcome.value),
    `${outcome.bound} ${thresholdValue(outcome, outcome.limit)}`,
    thresholdBar(outcome),
    verdictMark(outcome.passed, outcome.passed ? "passed" : "missed"),
  ]);
  return dataTable("Thresholds", ["", "measured", "limit", AGAINST, ""], rows, new Set([1, 2]));
}

/** How far the measured value goes, with the limit as a line in the middle. */
function thresholdBar({ value, limit, passed }: ThresholdOutcome): Html {
  const share = value === null ? 0 : limit === 0 ? (value === 0 ? 0 : 1) : Math.min(1, value / limit / BAR_LIMITS);
  const color = passed ? "green" : "red";
  const length = (share * 100).toFixed(2);
  return html`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="10"/><rect class="fill-${color}" y="2" width="${length}" height="6"/><path class="limit" d="M${limit === 0 ? 0 : 100 / BAR_LIMITS} 0V10"/></svg>`;
}

export function booksTable({ books }: LoadResult): Html {
  const rows = books.checks.map(({ name, agrees, detail }) => [
    name,
    detail,
    verdictMark(agrees, agrees ? "agrees" : "differs"),
  ]);
  return rows.length === 0
    ? html`<p class="nothing">Nothing was checked.</p>`
    : dataTable("Books: what the ledger holds against what it answered", ["", "what was found", ""], rows);
}

export function commandTable({ commands, latency, totals }: LoadResult): Html {
  const cells = (name: string, accepted: number, of: LoadResult["latency"]): Cell[] => [
    name,
    accepted.toLocaleString("en-US"),
    ...[of?.p50Ms, of?.p90Ms, of?.p99Ms, of?.p999Ms, of?.maxMs].map((ms) => formatIn(MILLISECONDS, ms)),
  ];
  const rows = commands
    .map(({ transport, kind, ...rest }) => cells(`${transport} ${kind}`, rest.accepted, rest.latency))
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  rows.push(cells("all", totals.accepted, latency));
  const heads = ["", "accepted", "p50", "p90", "p99", "p99.9", "highest"];
  return dataTable("Commands of the measured stages", heads, rows, new Set([1, 2, 3, 4, 5, 6]));
}

export function errorTable({ errors, totals }: LoadResult): Html {
  if (errors.length === 0) return html``;
  const all = totals.accepted + totals.rejected + totals.unanswered;
  const rows = errors.map(({ code, count }) => [
    code,
    count.toLocaleString("en-US"),
    all === 0 ? "–" : formatIn(PERCENT, count / all),
  ]);
  return dataTable("Errors of the measured stages", ["code", "commands", "share"], rows, new Set([1, 2]));
}

export function stageTable({ profile }: LoadResult): Html {
  const rows = profile.stages.map(({ name, durationSeconds, ratePerSecond, ramp, connections, measured }) => [
    name,
    `${shortNumber(durationSeconds)} s`,
    formatIn(perSecond(COUNT), ratePerSecond),
    ramp === "linear" ? "in a line from before" : "at once",
    connections,
    measured ? "yes" : "no",
  ]);
  const heads = ["stage", "takes", "rate", "gets there", "connections", "measured"];
  return dataTable("Stages", heads, rows, new Set([1, 2, 4]));
}

export function loadTable({ profile }: LoadResult): Html {
  const facts = profileFacts(profile);
  return dataTable("What the load is made of", ["", ""], facts);
}

export function environmentTable({ environment, startedAt, profile, generator, streams }: LoadResult): Html {
  const { commit, node, cpu, memoryBytes, loadAverage, url, isOwnLedger, shards, system, server, settings } =
    environment;
  const list = (values: Readonly<Record<string, string>>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${value}`)
      .join(", ") || "none";
  const rows: Cell[][] = [
    ["started", startedAt],
    ["commit of the load generator", commit],
    ["Node of the load generator", node],
    ["machine of the load generator", `${cpu}, ${formatIn(BYTES, memoryBytes)}, ${system}`],
    ["load average before the run", shortNumber(loadAverage)],
    ["ledger", isOwnLedger ? `${url}, started for the run on the same machine` : url],
    ["version of the ledger", server === null ? "it does not tell" : `${server.version}, Node ${server.node}`],
    ["shards that the wallets lie on", shards],
    ["settings of the ledger", isOwnLedger ? list(profile.ledger.settings) : "its own"],
    ["settings of the load", list(settings)],
    ["generators", `${generator.processes}, the busiest at ${shortNumber(generator.coresMax)} cores`],
    [
      "streams",
      `${streams.witnesses} wallets followed throughout; ${streams.dashboardsSeen} dashboards came; ${streams.deltas.toLocaleString("en-US")} deltas, ${streams.conflated.toLocaleString("en-US")} of them for several changes`,
    ],
  ];
  return dataTable("Environment", ["", ""], rows);
}

export function suiteTable({ suite }: LoadResult): Html {
  if (suite.length === 0) return html``;
  const rows = suite.map(({ name, rate, unit, p50Ms, p99Ms, p999Ms, ratio, limitName }) => [
    name,
    `${shortNumber(rate)} ${unit}`,
    ...[p50Ms, p99Ms, p999Ms].map((ms) => formatIn(MILLISECONDS, ms)),
    ratio === null || limitName === null ? "–" : `${ratio.toFixed(2)} × ${limitName}`,
  ]);
  const heads = ["row", "rate", "p50", "p99", "p99.9", "of its limit"];
  return html`<section><h2>The same work in a closed loop</h2>${dataTable("Rows of npm run bench, each on a ledger of its own", heads, rows, new Set([1, 2, 3, 4]))}</section>`;
}
