import { type Html, html } from "../../gateway/status/html.ts";
import { COLORS, type Series } from "../plot/marks.ts";
import { type PlotSpec, plot } from "../plot/plot.ts";
import type { Scale } from "../plot/scale.ts";
import { BYTES, COUNT, formatIn, MILLISECONDS, perSecond } from "../plot/units.ts";
import { page } from "../profiles/report/page.ts";
import type { RatePoint, ScalingResult } from "./scaling-result.ts";

/** A sweep, and what is said about it. */
interface Chapter {
  readonly id: string;
  readonly heading: string;
  readonly placeName: string;
  readonly note: string;
  readonly sweeps: readonly { readonly name: string; readonly points: readonly RatePoint[] }[];
}

/** All sweeps as one page of HTML that needs nothing from elsewhere. */
export function scalingPage(result: ScalingResult): string {
  const { environment, startedAt, warmupMs, measureMs, skipped } = result;
  const machine = `${environment.cpu}, Node ${environment.node}, commit ${environment.commit}`;
  const failures = chaptersOf(result).flatMap(({ heading, sweeps }) =>
    sweeps.flatMap(({ name, points }) =>
      points.flatMap(({ x, failure }) => (failure === null ? [] : [`${heading}, ${name}, ${x}: ${failure}`])),
    ),
  );
  const books = failures.length === 0 ? "the books agree at every point" : "the books do not agree";
  const warnings = [...failures, ...skipped];
  return page(
    "Mizan: how it scales",
    html`<header>
<p class="over">Mizan</p>
<h1>How it scales</h1>
<p class="lead">Transfers in closed loops, ${warmupMs / 1_000} s of warm-up and ${measureMs / 1_000} s measured at each point; ${books}. Server and generator share ${machine}.</p>
${warnings.length === 0 ? html`` : html`<ul class="warnings">${warnings.map((line) => html`<li>${line}</li>`)}</ul>`}
</header>
<main>
${chaptersOf(result).map(drawChapter)}
<section><h2>Memory</h2>${memoryPlot(result)}</section>
</main>
<footer>Made from a result of the format ${result.format}, started ${startedAt}.</footer>`,
  );
}

function chaptersOf({ shards, connections, batch, wallets }: ScalingResult): readonly Chapter[] {
  return [
    {
      id: "shards",
      heading: "Shards",
      placeName: "shards",
      note: "100 transfers a message, 64 messages in flight. A transfer between shards takes several journal frames.",
      sweeps: shards,
    },
    {
      id: "connections",
      heading: "Connections",
      placeName: "connections",
      note: "Each connection keeps its messages in flight, so more connections are more work at once.",
      sweeps: connections,
    },
    {
      id: "batch",
      heading: "Batch size",
      placeName: "transfers a message",
      note: "Latency is that of a message.",
      sweeps: batch,
    },
    {
      id: "wallets",
      heading: "Wallets",
      placeName: "wallets",
      note: "Wallets are drawn evenly, up to a million pairs of them.",
      sweeps: wallets,
    },
  ];
}

function drawChapter({ id, heading, placeName, note, sweeps }: Chapter): Html {
  const places = sweeps[0]?.points.map(({ x }) => x) ?? [];
  const common = { placeName, places, x: measuredScale(places), nameOf: (place: number) => `${place} ${placeName}` };
  const series = (read: (point: RatePoint) => number | null, suffix: string, from: number): Series[] =>
    sweeps.map(({ name, points }, at) => ({
      name: `${name}${suffix}`,
      color: COLORS[(from + at) % COLORS.length],
      form: suffix === ", p99" ? "dashed" : "line",
      merge: "mean",
      values: points.map(read),
    }));
  const rate: PlotSpec = {
    ...common,
    id: `${id}-rate`,
    title: "Transfers a second",
    note,
    size: "large",
    unit: perSecond(COUNT),
    series: series(({ transfersPerSecond }) => transfersPerSecond, "", 0),
    nothing: "Nothing was measured.",
  };
  const latency: PlotSpec = {
    ...rate,
    id: `${id}-latency`,
    title: "Latency",
    note: "Of a message, from when it was sent to when its answer came.",
    unit: MILLISECONDS,
    isLogarithmic: true,
    series: [...series(({ p50Ms }) => p50Ms, ", p50", 0), ...series(({ p99Ms }) => p99Ms, ", p99", 0)],
  };
  return html`<section><h2>${heading}</h2>${plot(rate)}${plot(latency)}</section>`;
}

function memoryPlot({ memory }: ScalingResult): Html {
  const places = [...new Set(memory.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  return plot({
    id: "memory",
    title: "Memory of a wallet",
    note: "Memory that is not a file's, shared out evenly. Tables grow in steps, so it falls until the next step.",
    size: "large",
    x: measuredScale(places),
    placeName: "wallets",
    nameOf: (place) => `${place} wallets`,
    places,
    series: memory.map(({ name, points }, at) => ({
      name,
      color: COLORS[at],
      form: "line",
      merge: "mean",
      values: places.map((place) => points.find(({ x }) => x === place)?.bytes ?? null),
    })),
    unit: BYTES,
    nothing: "Nothing was measured.",
  });
}

/** Logarithmic, with the places that were measured as its only ticks. */
function measuredScale(places: readonly number[]): Scale {
  const [first = 1] = places;
  const decades = Math.log((places.at(-1) ?? 1) / first);
  const share = (place: number): number =>
    decades === 0 ? 0.5 : Math.min(1, Math.max(0, Math.log(place / first) / decades));
  return { share, ticks: places.map((place) => ({ share: share(place), label: formatIn(COUNT, place) })) };
}
