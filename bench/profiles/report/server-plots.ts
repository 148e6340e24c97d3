import { type Html, html } from "../../../gateway/status/html.ts";
import type { Interval, LoadResult, ServerSample } from "../../load/result.ts";
import type { Series } from "../../plot/marks.ts";
import { plot } from "../../plot/plot.ts";
import { BYTES, CORES, COUNT, MILLISECONDS, perSecond, SECONDS, type Unit } from "../../plot/units.ts";
import { type RunTime, seriesOf } from "./load-plots.ts";

type Field = keyof ServerSample;

/** One of the small plots of the server: its rows by the fields of the samples. */
interface ServerPlot {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly unit: Unit;
  readonly fields: Partial<Readonly<Record<Field, string>>>;
}

const COLORS = ["blue", "orange", "green", "purple"] as const;

const PLOTS: readonly ServerPlot[] = [
  { id: "cpu", title: "Processor", note: "Cores that were busy.", unit: CORES, fields: { cpuCores: "cores" } },
  { id: "memory", title: "Memory", note: "Resident.", unit: BYTES, fields: { memoryBytes: "memory" } },
  {
    id: "stages",
    title: "Time in each stage",
    note: "Means: of a request (queue), a frame (decide, sync), an answer (reply).",
    unit: MILLISECONDS,
    fields: { queueMsMean: "queue", decideMsMean: "decide", syncMsMean: "sync", replyMsMean: "reply" },
  },
  {
    id: "event-loop",
    title: "Event loop delay",
    note: "99th percentile of the gateway's thread since the scrape before.",
    unit: MILLISECONDS,
    fields: { eventLoopLagP99Ms: "p99" },
  },
  {
    id: "commands",
    title: "Commands decided",
    note: "As the ledger counts them.",
    unit: perSecond(COUNT),
    fields: { commandsPerSecond: "commands" },
  },
  {
    id: "frames",
    title: "Frames",
    note: "Commits made durable.",
    unit: perSecond(COUNT),
    fields: { framesPerSecond: "frames" },
  },
  {
    id: "journal-bytes",
    title: "Journal written",
    note: "Bytes of frames.",
    unit: perSecond(BYTES),
    fields: { journalBytesPerSecond: "journal" },
  },
  {
    id: "journal-position",
    title: "Journal position",
    note: "Newest durable record, all shards together.",
    unit: COUNT,
    fields: { journalRecords: "records" },
  },
  {
    id: "journal-lag",
    title: "Snapshots and archive behind",
    note: "Journal since a snapshot that is not durable yet, or waiting to be archived.",
    unit: BYTES,
    fields: { journalLagBytes: "journal" },
  },
  {
    id: "inflight",
    title: "Requests in flight",
    note: "Requests that shards have yet to answer, when the scrape came.",
    unit: COUNT,
    fields: { requestsInflight: "requests" },
  },
  {
    id: "deltas",
    title: "Deltas delivered",
    note: "Changes handed to readers of streams.",
    unit: perSecond(COUNT),
    fields: { deltasPerSecond: "deltas" },
  },
  {
    id: "kafka-records",
    title: "Kafka behind, records",
    note: "Durable records that the log has not confirmed.",
    unit: COUNT,
    fields: { kafkaLagRecords: "records" },
  },
  {
    id: "kafka-seconds",
    title: "Kafka behind, time",
    note: "Age of the oldest of them.",
    unit: SECONDS,
    fields: { kafkaLagSeconds: "age" },
  },
];

/** What `/metrics` said during the run; what it never said is left out. */
export function serverPlots({ intervals }: LoadResult, time: RunTime): Html {
  const told = PLOTS.map((one) => ({ ...one, series: seriesFor(one, intervals) })).filter(
    ({ series }) => series.length > 0,
  );
  if (told.length === 0) return html`<p class="nothing">The server told nothing: its metrics could not be read.</p>`;
  const isQuiet = ({ series }: { readonly series: readonly Series[] }): boolean =>
    series.every(({ values }) => values.every((value) => value === null || value === 0));
  const quiet = told.filter(isQuiet).map(({ title }) => title);
  const plots = told.filter((one) => !isQuiet(one));
  return html`<div class="grid">${plots.map((one) => plot({ ...time, ...one, size: "small", nothing: "" }))}</div>
${quiet.length === 0 ? html`` : html`<p class="nothing">Zero throughout: ${quiet.join("; ")}.</p>`}`;
}

function seriesFor({ fields }: ServerPlot, intervals: readonly Interval[]): Series[] {
  return Object.entries(fields)
    .map(([field, name], at) => seriesOf(name, COLORS[at], intervals, ({ server }) => server?.[field as Field]))
    .filter(({ values }) => values.some((value) => value !== null))
    .map((series, _, all) => (all.length === 1 ? { ...series, form: "area" as const } : series));
}

/** What the load generator and its connections did. */
export function generatorPlots({ intervals }: LoadResult, time: RunTime): Html {
  const one = (id: string, title: string, note: string, unit: Unit, series: Series): Html =>
    plot({ ...time, id, title, note, unit, series: [series], size: "small", nothing: "Nothing is known of it." });
  return html`<div class="grid">${[
    one(
      "send-lag",
      "Messages left late",
      "99th percentile of how late a message left that had a connection to leave on: the generator's own fault.",
      MILLISECONDS,
      seriesOf("late", "orange", intervals, ({ sendLagP99Ms }) => sendLagP99Ms, { form: "area", merge: "max" }),
    ),
    one(
      "generator-cpu",
      "Busiest generator",
      "Cores that it used; a process cannot use much more than one.",
      CORES,
      seriesOf("cores", "orange", intervals, ({ generatorCoresMax }) => generatorCoresMax, { form: "area" }),
    ),
    one(
      "connections",
      "Connections",
      "Open at the end of the interval, dashboards not counted.",
      COUNT,
      seriesOf("connections", "orange", intervals, ({ connections }) => connections, { form: "area", merge: "max" }),
    ),
  ]}</div>`;
}
