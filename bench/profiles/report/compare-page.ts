import { type Html, html } from "../../../gateway/status/html.ts";
import type { Interval, LoadResult } from "../../load/result.ts";
import { type PlotSpec, plot } from "../../plot/plot.ts";
import { percentileScale, timeScale } from "../../plot/scale.ts";
import { CORES, COUNT, formatClock, formatIn, MILLISECONDS, perSecond, type Unit } from "../../plot/units.ts";
import { compareResults } from "../compare-results.ts";
import { page } from "./page.ts";
import { dataTable } from "./run-tables.ts";

const UNITS: Readonly<Record<string, Unit>> = { "/s": perSecond(COUNT), ms: MILLISECONDS, cores: CORES };

/** Two versions side by side, `a[i]` and `b[i]` of one round; the plots show the first round. */
export function comparePage(a: readonly LoadResult[], b: readonly LoadResult[]): string {
  const { differences, basis, warnings } = compareResults(a, b);
  const rows = differences.map(({ name, unit, a: ofA, b: ofB, comparison, verdict }) => [
    name,
    formatIn(UNITS[unit] ?? COUNT, ofA),
    formatIn(UNITS[unit] ?? COUNT, ofB),
    comparison === null ? "–" : comparison.ratio.toFixed(2),
    comparison?.interval?.map((bound) => bound.toFixed(2)).join(" – ") ?? "–",
    verdict,
  ]);
  const note =
    basis === "runs in turns"
      ? "The interval holds the true ratio with 95 %."
      : "The interval is from blocks of these two runs; how runs differ among themselves it cannot know.";
  const heads = ["", "A", "B", "B to A", "interval", "B is"];
  return page(
    `Mizan load: ${a[0].profile.name} against ${b[0].profile.name}`,
    html`<header><p class="over">Mizan load comparison</p><h1>A against B</h1><p class="lead">${note}</p>
${warnings.length === 0 ? html`` : html`<ul class="warnings">${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>`}</header>
<main><section><h2>Differences</h2><div class="tables">${[
      dataTable(
        a.length === 1 ? "One run of each" : `${a.length} runs of each, in turns`,
        heads,
        rows,
        new Set([1, 2, 3, 4]),
      ),
      dataTable("Runs", ["", "profile", "started", "commit", "verdict"], [...runs("A", a), ...runs("B", b)]),
    ]}</div></section>
<section><h2>First round</h2>${overlays(a[0], b[0])}</section></main>`,
  );
}

function runs(name: string, results: readonly LoadResult[]): string[][] {
  return results.map(({ profile, startedAt, environment, verdict }, at) => [
    `${name}${results.length === 1 ? "" : at + 1}`,
    profile.name,
    startedAt,
    environment.commit,
    verdict.replaceAll("_", " "),
  ]);
}

function overlays(a: LoadResult, b: LoadResult): Html {
  const latency = { size: "large", unit: MILLISECONDS, isLogarithmic: true, nothing: "Nothing was answered." } as const;
  return html`${[
    plot({
      ...latency,
      id: "p99",
      title: "p99 over time",
      note: "From when a command was due to its answer; logarithmic.",
      ...sideBySide(a, b, ({ latency }) => latency?.p99Ms ?? null),
    }),
    plot({
      ...latency,
      id: "curves",
      title: "Latency by percentile",
      note: "All commands of the measured stages; every nine takes as much room as the one before it.",
      x: percentileScale(
        Math.max(...[a, b].map(({ totals }) => totals.accepted + totals.rejected + totals.unanswered)),
      ),
      placeName: "percentile",
      nameOf: (percentile) => `${Number(percentile.toPrecision(8))} %`,
      ...curves(a, b),
    }),
    plot({
      id: "rates",
      title: "Commands accepted a second",
      note: "",
      size: "large",
      unit: perSecond(COUNT),
      nothing: "No interval was finished.",
      ...sideBySide(a, b, ({ acceptedPerSecond }) => acceptedPerSecond),
    }),
  ]}`;
}

type Overlay = Pick<PlotSpec, "x" | "placeName" | "nameOf" | "places" | "series">;

/** A solid, B dashed, at the same times since their starts. */
function sideBySide(a: LoadResult, b: LoadResult, read: (interval: Interval) => number | null): Overlay {
  const longer = a.intervals.length >= b.intervals.length ? a.intervals : b.intervals;
  const last = longer.at(-1);
  const length = last === undefined ? 0 : last.atSeconds + last.seconds;
  const valuesOf = ({ intervals }: LoadResult): (number | null)[] =>
    longer.map((_, at) => (at < intervals.length ? read(intervals[at]) : null));
  return {
    x: timeScale(length),
    placeName: "time",
    nameOf: (seconds) => formatClock(seconds, length),
    places: longer.map(({ atSeconds, seconds }) => atSeconds + seconds / 2),
    series: pair(valuesOf(a), valuesOf(b)),
  };
}

function pair(ofA: readonly (number | null)[], ofB: readonly (number | null)[]): PlotSpec["series"] {
  return [
    { name: "A", color: "blue", form: "line", merge: "max", values: ofA },
    { name: "B", color: "orange", form: "dashed", merge: "max", values: ofB },
  ];
}

/** The ticks of both curves are the same as far as either goes; each ends with its highest value. */
function curves(a: LoadResult, b: LoadResult): Pick<Overlay, "places" | "series"> {
  const places = [...new Set([...a.curve, ...b.curve].map(({ percentile }) => percentile))].sort((p, q) => p - q);
  const valuesOf = ({ curve }: LoadResult): (number | null)[] => {
    const byPercentile = new Map(curve.map(({ percentile, ms }) => [percentile, ms]));
    const highest = curve.at(-1)?.ms ?? null;
    const known = curve.at(-2)?.percentile ?? 0;
    return places.map((place) => byPercentile.get(place) ?? (place > known ? highest : null));
  };
  return { places, series: pair(valuesOf(a), valuesOf(b)) };
}
