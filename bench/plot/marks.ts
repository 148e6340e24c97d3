import { type Html, html } from "../../gateway/status/html.ts";
import type { Scale } from "./scale.ts";
import type { Row } from "./slots.ts";

/** A plot is drawn on a square of this side and stretched to its place; strokes keep their width. */
export const SIDE = 1_000;

export const COLORS = ["blue", "orange", "purple", "green", "red", "grey"] as const;
export type Color = (typeof COLORS)[number];

/** A row of values, and how it is drawn. */
export interface Series extends Row {
  readonly color: Color;
  /** A line, a thinner dashed line, a line over a filled area, or a part of a stack. */
  readonly form: "line" | "dashed" | "area" | "stacked";
}

function number(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** From the left. */
export function across(x: Scale, value: number): number {
  return x.share(value) * SIDE;
}

/** From the top. */
export function down(y: Scale, value: number): number {
  return (1 - y.share(value)) * SIDE;
}

/** Series as they stand above each other: the stacked ones first, the last line on top. */
export function drawSeries(places: readonly number[], series: readonly Series[], x: Scale, y: Scale): Html {
  const stacked = series.filter(({ form }) => form === "stacked");
  const lines = series.filter(({ form }) => form !== "stacked");
  return html`${drawStack(places, stacked, x, y)}${lines.map((one) => drawLine(places, one, x, y))}`;
}

/** A line with gaps where nothing is known; a value alone is a dot. */
function drawLine(places: readonly number[], { values, color, form }: Series, x: Scale, y: Scale): Html {
  const runs: string[][] = [[]];
  const ends: [first: string, last: string][] = [];
  for (const [at, value] of values.entries()) {
    const run = runs[runs.length - 1];
    if (value !== null) run.push(`${number(across(x, places[at]))} ${number(down(y, value))}`);
    else if (run.length > 0) runs.push([]);
  }
  const drawn = runs.filter((run) => run.length > 0);
  for (const run of drawn) ends.push([run[0], run[run.length - 1]]);
  const path = drawn.map((run) => (run.length === 1 ? `M${run[0]}h0` : `M${run.join("L")}`)).join("");
  const areas = drawn.map((run, at) => `M${left(ends[at][0])} ${SIDE}L${run.join("L")}L${left(ends[at][1])} ${SIDE}Z`);
  const area = form === "area" ? html`<path class="fill ${color}" d="${areas.join("")}"/>` : html``;
  const dot = drawn.every((run) => run.length === 1) ? " dot" : "";
  return html`${area}<path class="mark ${form}${dot} ${color}" d="${path}"/>`;
}

function left(point: string): string {
  return point.split(" ")[0];
}

/** Columns, each series upon the ones before it. */
function drawStack(places: readonly number[], series: readonly Series[], x: Scale, y: Scale): Html {
  const edges = edgesOf(places).map((edge) => across(x, edge));
  const columns: Html[] = [];
  for (const at of places.keys()) {
    let below = 0;
    for (const { values, color } of series) {
      const value = values[at] ?? 0;
      if (value <= 0) continue;
      const [top, bottom] = [down(y, below + value), down(y, below)];
      below += value;
      columns.push(
        html`<rect class="mark stacked ${color}" x="${number(edges[at])}" y="${number(top)}" width="${number(edges[at + 1] - edges[at])}" height="${number(bottom - top)}"/>`,
      );
    }
  }
  return html`${columns}`;
}

/** What points at one place: transparent columns that say what they stand for. */
export function drawHints(places: readonly number[], x: Scale, hints: readonly string[]): Html {
  const edges = edgesOf(places).map((edge) => across(x, edge));
  const columns = hints.map(
    (hint, at) =>
      html`<rect class="hint" x="${number(edges[at])}" y="0" width="${number(Math.max(0, edges[at + 1] - edges[at]))}" height="${SIDE}"><title>${hint}</title></rect>`,
  );
  return html`<g>${columns}</g>`;
}

/** Half-way between neighbours; as far beyond the first and the last one. */
function edgesOf(places: readonly number[]): number[] {
  if (places.length === 0) return [];
  const between = places.slice(1).map((place, at) => (place + places[at]) / 2);
  const [first, last] = [places[0], places[places.length - 1]];
  return [between.length === 0 ? 0 : 2 * first - between[0], ...between, 2 * last - (between.at(-1) ?? 0)];
}
