import { type Html, html } from "../../../gateway/status/html.ts";
import { unreachable } from "../../../protocol/unreachable.ts";
import type { LoadResult } from "../../load/result.ts";
import { COUNT, formatClock, formatIn, MILLISECONDS, PERCENT, perSecond } from "../../plot/units.ts";
import { crowdSection, crowdThresholds } from "./crowd-tables.ts";
import { loadPlots, runTime } from "./load-plots.ts";
import { page } from "./page.ts";
import {
  booksTable,
  commandTable,
  environmentTable,
  errorTable,
  loadTable,
  stageTable,
  suiteTable,
  thresholdTable,
  verdictMark,
} from "./run-tables.ts";
import { generatorPlots, serverPlots } from "./server-plots.ts";

/** The report of a run as one page of HTML; whatever the result holds is shown as text. */
export function reportPage(result: LoadResult): string {
  const { profile, startedAt, environment, warnings, connections } = result;
  const time = runTime(result);
  return page(
    `Mizan load report: ${profile.name}, ${dateOf(startedAt)}`,
    html`<header>
<p class="over">Mizan load report</p>
<h1>${profile.name}</h1>
<p class="lead">${profile.description}</p>
<p class="verdict">${verdictOf(result)}</p>
${factList(result)}
${warnings.length === 0 ? html`` : html`<ul class="warnings">${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>`}
</header>
<main>
<section><h2>Verdict</h2><div class="tables">${[thresholdTable(result), connections === undefined ? html`` : crowdThresholds(connections), booksTable(result)]}</div></section>
<section><h2>Load</h2>${loadPlots(result, time)}<div class="tables">${[commandTable(result), errorTable(result)]}</div></section>
${connections === undefined ? html`` : crowdSection(connections)}
<section id="server"><h2>Server</h2>${serverPlots(result, time)}</section>
<section><h2>Generator</h2>${generatorPlots(result, time)}</section>
${suiteTable(result)}
<section><h2>Profile</h2><div class="tables">${[stageTable(result), loadTable(result)]}</div>
<details><summary>The profile as a file</summary><pre>${JSON.stringify(profile, undefined, 2)}</pre></details></section>
<section><h2>Environment</h2>${environmentTable(result)}</section>
</main>
<footer>Made from a result of the format ${result.format}; commit ${environment.commit}, started ${dateOf(startedAt)}.</footer>`,
  );
}

function verdictOf({ verdict, thresholds: ofCommands, connections }: LoadResult): Html {
  const thresholds = [...ofCommands, ...(connections?.thresholds ?? [])];
  const missed = thresholds.filter(({ passed }) => !passed).length;
  switch (verdict) {
    case "passed":
      return verdictMark(true, "passed: every threshold held and the books agree");
    case "thresholds_missed":
      return verdictMark(false, `failed: ${missed} of ${thresholds.length} thresholds missed`);
    case "books_disagree":
      return verdictMark(false, "failed: the books do not agree, whatever the figures say");
    default:
      return unreachable(verdict);
  }
}

function factList({ totals, latency, startedAt, environment }: LoadResult): Html {
  const all = totals.accepted + totals.rejected + totals.unanswered;
  const rate = perSecond(COUNT);
  const facts: [string, string, string][] = [
    ["accepted", formatIn(rate, totals.acceptedPerSecond), `of ${formatIn(rate, totals.scheduledPerSecond)} asked`],
    ["p50", formatIn(MILLISECONDS, latency?.p50Ms), "of all commands"],
    ["p99", formatIn(MILLISECONDS, latency?.p99Ms), `p99.9 ${formatIn(MILLISECONDS, latency?.p999Ms)}`],
    ["highest", formatIn(MILLISECONDS, latency?.maxMs), `p99.99 ${formatIn(MILLISECONDS, latency?.p9999Ms)}`],
    [
      "failed",
      all === 0 ? "–" : formatIn(PERCENT, (totals.rejected + totals.unanswered) / all),
      `${(totals.rejected + totals.unanswered).toLocaleString("en-US")} of ${all.toLocaleString("en-US")}`,
    ],
    ["measured", formatClock(totals.seconds, totals.seconds), `${dateOf(startedAt)}, ${environment.commit}`],
  ];
  return html`<dl class="facts">${facts.map(([name, value, more]) => html`<div><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>`)}</dl>`;
}

function dateOf(startedAt: string): string {
  return `${startedAt.slice(0, 10)} ${startedAt.slice(11, 16)} UTC`;
}
