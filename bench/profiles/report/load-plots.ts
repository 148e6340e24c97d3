import { type Html, html } from "../../../gateway/status/html.ts";
import type { Interval, LatencyPercentiles, LoadResult } from "../../load/result.ts";
import { COLORS, type Color, type Series } from "../../plot/marks.ts";
import { type Band, type Limit, type PlotSpec, plot } from "../../plot/plot.ts";
import { percentileScale, type Scale, timeScale } from "../../plot/scale.ts";
import type { Merge } from "../../plot/slots.ts";
import { COUNT, formatClock, formatIn, MILLISECONDS, perSecond } from "../../plot/units.ts";

/** Codes that have a colour of their own in the plot of errors; the rest is one. */
const CODES_SHOWN = COLORS.length - 1;

/** What all plots over the time of a run have in common. */
export interface RunTime {
  readonly x: Scale;
  readonly placeName: string;
  readonly nameOf: (seconds: number) => string;
  /** The middle of each interval. */
  readonly places: readonly number[];
  readonly bands: readonly Band[];
}

/** The time axis of a run, with its stages. */
export function runTime({ intervals, profile }: LoadResult): RunTime {
  const stagesSeconds = profile.stages.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0);
  const last = intervals.at(-1);
  const seenSeconds = last === undefined ? 0 : last.atSeconds + last.seconds;
  // A run that was stopped early has stages that it never came to.
  const lengthSeconds = intervals.length === 0 ? stagesSeconds : seenSeconds;
  let from = 0;
  const bands: Band[] = [];
  for (const { name, durationSeconds, measured } of profile.stages) {
    const to = Math.min(lengthSeconds, from + durationSeconds);
    if (to > from) bands.push({ from, to, label: name, isMuted: !measured });
    from = to;
  }
  if (lengthSeconds > from + 1e-9) bands.push({ from, to: lengthSeconds, label: "drain", isMuted: true });
  return {
    x: timeScale(lengthSeconds),
    placeName: "time",
    nameOf: (seconds) => formatClock(seconds, lengthSeconds),
    places: intervals.map(({ atSeconds, seconds }) => atSeconds + seconds / 2),
    bands,
  };
}

/** One value of every interval. */
export function seriesOf(
  name: string,
  color: Color,
  intervals: readonly Interval[],
  read: (interval: Interval) => number | null | undefined,
  { form = "line", merge = "mean" }: { readonly form?: Series["form"]; readonly merge?: Merge } = {},
): Series {
  return { name, color, form, merge, values: intervals.map((interval) => read(interval) ?? null) };
}

/** Latencies over time, the curve of all of them, rates and errors. */
export function loadPlots(result: LoadResult, time: RunTime): Html {
  return html`${latencyPlot(result, time)}${curvePlot(result)}${ratePlot(result, time)}${errorPlot(result, time)}`;
}

function latencyPlot({ intervals, profile }: LoadResult, time: RunTime): Html {
  const line = (
    name: string,
    color: Color,
    read: (latency: LatencyPercentiles) => number,
    form: Series["form"],
  ): Series => seriesOf(name, color, intervals, ({ latency }) => latency && read(latency), { form, merge: "max" });
  return plot({
    ...time,
    id: "latency",
    title: "Latency over time",
    note: "From when a command was due to its answer; logarithmic. What fell due in a stall waited for its end; limits are of the whole run.",
    size: "large",
    unit: MILLISECONDS,
    isLogarithmic: true,
    series: [
      line("p50", "blue", ({ p50Ms }) => p50Ms, "line"),
      line("p99", "orange", ({ p99Ms }) => p99Ms, "line"),
      line("p99.9", "purple", ({ p999Ms }) => p999Ms, "dashed"),
    ],
    limits: latencyLimits(profile.thresholds),
    nothing: "Nothing was answered.",
  });
}

function latencyLimits({ p50Ms, p99Ms, p999Ms }: LoadResult["profile"]["thresholds"]): Limit[] {
  const limits: [string, number | undefined][] = [
    ["p50", p50Ms],
    ["p99", p99Ms],
    ["p99.9", p999Ms],
  ];
  return limits.flatMap(([name, value]) =>
    value === undefined ? [] : [{ value, label: `${name} limit ${formatIn(MILLISECONDS, value)}` }],
  );
}

function curvePlot({ curve, totals, profile }: LoadResult): Html {
  return plot({
    id: "curve",
    title: "Latency by percentile",
    note: "All commands of the measured stages; every nine takes as much room as the one before it.",
    size: "large",
    x: percentileScale(totals.accepted + totals.rejected + totals.unanswered),
    placeName: "percentile",
    nameOf: (percentile) => `${Number(percentile.toPrecision(8))} %`,
    places: curve.map(({ percentile }) => percentile),
    series: [{ name: "latency", color: "blue", form: "area", merge: "max", values: curve.map(({ ms }) => ms) }],
    unit: MILLISECONDS,
    isLogarithmic: true,
    limits: latencyLimits(profile.thresholds),
    nothing: "Nothing was answered in the measured stages.",
  });
}

function ratePlot({ intervals }: LoadResult, time: RunTime): Html {
  return plot({
    ...time,
    id: "rate",
    title: "Commands a second",
    note: "What fell due by the schedule, and what was accepted.",
    size: "large",
    unit: perSecond(COUNT),
    series: [
      seriesOf("accepted", "green", intervals, ({ acceptedPerSecond }) => acceptedPerSecond, { form: "area" }),
      seriesOf("asked", "grey", intervals, ({ scheduledPerSecond }) => scheduledPerSecond, { form: "dashed" }),
    ],
    nothing: "No interval was finished.",
  });
}

function errorPlot({ intervals }: LoadResult, time: RunTime): Html {
  const totals = new Map<string, number>();
  for (const { code, count } of intervals.flatMap(({ errors }) => errors))
    totals.set(code, (totals.get(code) ?? 0) + count);
  const codes = [...totals].sort(([, a], [, b]) => b - a).map(([code]) => code);
  const shown = codes.length > CODES_SHOWN + 1 ? codes.slice(0, CODES_SHOWN) : codes;
  const rateOf = ({ errors, seconds }: Interval, isMeant: (code: string) => boolean): number =>
    errors.reduce((sum, { code, count }) => sum + (isMeant(code) ? count : 0), 0) / seconds;
  const series = shown.map((code, at) =>
    seriesOf(code, ERROR_COLORS[at], intervals, (interval) => rateOf(interval, (other) => other === code), {
      form: "stacked",
    }),
  );
  const rest = new Set(codes.slice(shown.length));
  if (rest.size > 0) {
    const name = `${rest.size} further codes`;
    series.push(
      seriesOf(name, "grey", intervals, (interval) => rateOf(interval, (code) => rest.has(code)), { form: "stacked" }),
    );
  }
  const isOld = series.length === 0 && intervals.some(({ errorsPerSecond }) => errorsPerSecond > 0);
  return plot({
    ...time,
    id: "errors",
    title: "Errors a second, by code",
    note: "Refused, unanswered, or never sent since the server did not keep up; the stages that are not measured too.",
    size: "large",
    unit: perSecond(COUNT),
    series: isOld
      ? [seriesOf("all codes", "red", intervals, ({ errorsPerSecond }) => errorsPerSecond, { form: "stacked" })]
      : series,
    nothing: "No command failed.",
  } satisfies PlotSpec);
}

const ERROR_COLORS: readonly Color[] = ["red", "orange", "purple", "blue", "green", "grey"];
