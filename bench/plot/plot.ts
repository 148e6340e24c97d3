import { type Html, html } from "../../gateway/status/html.ts";
import { across, down, drawHints, drawSeries, type Series, SIDE } from "./marks.ts";
import { linearScale, logScale, type Scale } from "./scale.ts";
import { mergeSlots } from "./slots.ts";
import { formatIn, type Unit } from "./units.ts";

/** Places on the x axis, as many as the width of a plot can show. */
const SLOTS_MAX = { large: 480, small: 160 } as const;
const TABLE_ROWS_MAX = 120;
/** Stretches of less of the x axis have no room for their names; slim ones have none on a telephone. */
const LABELLED_SHARE_MIN = 0.04;
const SLIM_SHARE = 0.2;

/** A stretch of the x axis, such as a stage of a load. */
export interface Band {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** Whether what is seen there does not count. */
  readonly isMuted: boolean;
}

/** A value that is not to be passed. */
export interface Limit {
  readonly value: number;
  readonly label: string;
}

/** Numbers over time, or over anything else, and what is said about them. */
export interface PlotSpec {
  /** Unique on its page; letters, digits and hyphens. */
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly size: "large" | "small";
  readonly x: Scale;
  /** What the x axis counts, and how a place on it is called. */
  readonly placeName: string;
  readonly nameOf: (place: number) => string;
  readonly places: readonly number[];
  readonly series: readonly Series[];
  readonly unit: Unit;
  readonly isLogarithmic?: boolean;
  readonly bands?: readonly Band[];
  readonly limits?: readonly Limit[];
  /** What is said where there is nothing to draw. */
  readonly nothing: string;
}

/**
 * A figure with a plot as inline SVG, and the figures behind it as a table.
 *
 * The drawing is stretched to the width that there is, and the words around it are text of the page, so that they are as
 * large on a telephone as on paper.
 */
export function plot(spec: PlotSpec): Html {
  const { id, title, note, size, unit, limits = [], bands = [] } = spec;
  const { places, rows, size: merged } = mergeSlots(spec.places, spec.series, SLOTS_MAX[size]);
  const series = spec.series.map((one, at) => ({ ...one, values: rows[at].values }));
  const known = valuesOf(series, limits);
  if (!series.some(({ values }) => values.some((value) => value !== null))) {
    return html`<figure class="plot ${size}" id="${id}"><figcaption><h3>${title}</h3></figcaption><p class="nothing">${spec.nothing}</p></figure>\n`;
  }
  const y = yScale(known, unit, spec.isLogarithmic === true);
  const hints = places.map((place, at) =>
    [spec.nameOf(place), ...series.map(({ name, values }) => `${name}: ${formatIn(unit, values[at])}`)].join("\n"),
  );
  const joined = merged === 1 ? "" : ` Each point stands for ${merged} intervals.`;
  return html`<figure class="plot ${size}" id="${id}">
<figcaption><h3>${title}</h3><p>${note}${joined}</p>${legend(series, unit, spec.size)}</figcaption>
<div class="frame"><div class="y" aria-hidden="true">${y.ticks.map(({ share, label }) => html`<span style="bottom:${percent(share)}">${label}</span>`)}</div>
<div class="area">
<svg viewBox="0 0 ${SIDE} ${SIDE}" preserveAspectRatio="none" role="img" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${title}</title><desc id="${id}-desc">${describe(spec, places, series)}</desc>
${bands.map((band) => drawBand(band, spec.x))}${y.ticks.map(({ share }) => rule("tick", 0, (1 - share) * SIDE, "h"))}
${drawSeries(places, series, spec.x, y)}${limits.map(({ value }) => rule("limit", 0, down(y, value), "h"))}
${drawHints(places, spec.x, hints)}</svg>
${bands.map((band) => bandLabel(band, spec.x))}${limits.map(({ value, label }) => html`<span class="limit" style="bottom:${percent(y.share(value))}">${label}</span>`)}
</div>
<div class="x" aria-hidden="true">${spec.x.ticks.map(({ share, label }) => html`<span class="${edgeOf(share)}" style="left:${percent(share)}">${label}</span>`)}</div></div>
${figures(spec, places, series)}
</figure>
`;
}

/** All values that must have room on the y axis; those of a stack are its heights. */
function valuesOf(series: readonly Series[], limits: readonly Limit[]): number[] {
  const stacked = series.filter(({ form }) => form === "stacked");
  const heights = (stacked[0]?.values ?? []).map((_, at) =>
    stacked.reduce((sum, one) => sum + (one.values[at] ?? 0), 0),
  );
  const others = series.filter(({ form }) => form !== "stacked").flatMap(({ values }) => values);
  return [...heights, ...others, ...limits.map(({ value }) => value)].filter((value) => value !== null);
}

function yScale(known: readonly number[], unit: Unit, isLogarithmic: boolean): Scale {
  const largest = known.reduce((most, value) => Math.max(most, value), 0);
  const positive = known.filter((value) => value > 0);
  if (!isLogarithmic || positive.length === 0) return linearScale(largest, unit);
  return logScale(
    positive.reduce((least, value) => Math.min(least, value)),
    largest,
    unit,
  );
}

function legend(series: readonly Series[], unit: Unit, size: PlotSpec["size"]): Html {
  const items = series.map(({ name, color, form, values }) => {
    const known = values.filter((value) => value !== null);
    const most = known.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    const highest =
      size === "small" && series.length === 1 ? html` <span class="soft">up to ${formatIn(unit, most)}</span>` : html``;
    return html`<li><svg class="key" viewBox="0 0 20 10" aria-hidden="true">${keyOf(color, form)}</svg>${name}${highest}</li>`;
  });
  return html`<ul class="legend">${items}</ul>`;
}

function keyOf(color: string, form: Series["form"]): Html {
  if (form === "stacked") return html`<rect class="stacked ${color}" x="4" y="0" width="12" height="10"/>`;
  return html`<path class="mark ${form} ${color}" d="M0 5H20"/>`;
}

function describe({ placeName, nameOf, unit }: PlotSpec, places: readonly number[], series: readonly Series[]): string {
  const parts = series.map(({ name, values }) => {
    const known = values.flatMap((value, at) => (value === null ? [] : [{ value, at }]));
    if (known.length === 0) return `${name}: nothing known`;
    const lowest = known.reduce((a, b) => (b.value < a.value ? b : a));
    const highest = known.reduce((a, b) => (b.value > a.value ? b : a));
    return `${name}: from ${formatIn(unit, lowest.value)} to ${formatIn(unit, highest.value)}, highest at ${nameOf(places[highest.at])}`;
  });
  return `Over ${placeName}. ${parts.join(". ")}.`;
}

function drawBand({ from, to, isMuted }: Band, x: Scale): Html {
  const start = across(x, from);
  const width = across(x, to) - start;
  const shade = isMuted
    ? html`<rect class="muted" x="${start.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="${SIDE}"/>`
    : html``;
  return html`${shade}${from > 0 ? rule("stage", start, 0, "v") : html``}`;
}

function bandLabel({ from, to, label, isMuted }: Band, x: Scale): Html {
  const width = x.share(to) - x.share(from);
  if (width < LABELLED_SHARE_MIN) return html``;
  const text = isMuted ? `${label}, not measured` : label;
  return html`<span class="band ${width < SLIM_SHARE ? "slim" : ""}" style="left:${percent(x.share(from))};width:${percent(width)}" title="${text}">${label}</span>`;
}

function rule(name: string, x: number, y: number, direction: "h" | "v"): Html {
  return html`<path class="${name}" d="M${x.toFixed(1)} ${y.toFixed(1)}${direction}${SIDE}"/>`;
}

/** Labels at the ends of an axis stay within it. */
function edgeOf(share: number): string {
  return share < 0.02 ? "first" : share > 0.98 ? "last" : "";
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}

function figures({ placeName, nameOf, unit }: PlotSpec, places: readonly number[], series: readonly Series[]): Html {
  const merged = mergeSlots(places, series, TABLE_ROWS_MAX);
  const head = [placeName, ...series.map(({ name }) => name)].map((name) => html`<th scope="col">${name}</th>`);
  const rows = merged.places.map((place, at) => {
    const cells = merged.rows.map(({ values }) => html`<td>${formatIn(unit, values[at])}</td>`);
    return html`<tr><th scope="row">${nameOf(place)}</th>${cells}</tr>\n`;
  });
  const note = merged.size === 1 ? "" : `, ${merged.size} points together in each row`;
  return html`<details><summary>Figures${note}</summary><div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>\n${rows}</tbody></table></div></details>`;
}
