import { Html, html } from "../../../gateway/status/html.ts";
import { COLORS } from "../../plot/marks.ts";

/** Colours of light and of dark pages; every pair of text and ground has a contrast of 4.5 or more. */
const LIGHT = {
  ground: "#ffffff",
  panel: "#f6f7f9",
  text: "#1b2230",
  soft: "#566072",
  line: "#dfe3ea",
  good: "#12693a",
  bad: "#b3191f",
  muted: "#eef0f4",
  blue: "#2f66c4",
  orange: "#c2570c",
  purple: "#7a45b8",
  green: "#1f7f53",
  red: "#c2313a",
  grey: "#6a7385",
};
const DARK: typeof LIGHT = {
  ground: "#11151c",
  panel: "#191f29",
  text: "#e3e8f0",
  soft: "#a2acbc",
  line: "#2c3442",
  good: "#72d6a0",
  bad: "#ff8f8f",
  muted: "#1b212c",
  blue: "#7eb0ff",
  orange: "#f5a265",
  purple: "#c6a4f5",
  green: "#66cb98",
  red: "#ff8088",
  grey: "#98a3b5",
};

function variables(palette: typeof LIGHT): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(";");
}

const STYLE = `
:root { color-scheme: light dark; ${variables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { ${variables(DARK)} } }
@media print { :root { color-scheme: light; ${variables(LIGHT)} } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 72rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Open Sans", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: break-word }
h1, h2, h3, p, figure, dl, dd, ul { margin: 0 } ul { padding: 0; list-style: none }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em } h2 { font-size: 1.15rem; margin: 3rem 0 1rem; padding-bottom: .4rem; border-bottom: 1px solid var(--line) }
h3 { font-size: .95rem; line-height: 1.4 } .soft, .nothing, figcaption p, caption { color: var(--soft) } figcaption p { font-size: .85rem }
.over { font-size: .8rem; letter-spacing: .04em; color: var(--soft); margin-bottom: .35rem }
.lead { max-width: 46rem; margin-top: .5rem; color: var(--soft) }
.verdict { display: inline-block; margin-top: 1.2rem; font-size: 1.05rem; font-weight: 600 }
.mark-good { color: var(--good) } .mark-bad { color: var(--bad); font-weight: 600 }
.sign { width: 1em; height: 1em; margin-right: .35em; vertical-align: -.12em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round }
.facts { display: grid; grid-template-columns: repeat(6, 1fr); gap: 1px; margin-top: 1.4rem; background: var(--line); border: 1px solid var(--line) }
.facts div { padding: .7rem .9rem; background: var(--ground) } .facts dt { font-size: .8rem; color: var(--soft) } .facts dd { font-size: 1.3rem; line-height: 1.3 } .facts small { display: block; font-size: .8rem; color: var(--soft) }
.warnings { margin-top: 1.2rem; padding: .7rem 1rem; background: var(--panel); border-left: 3px solid var(--orange) } .warnings li + li { margin-top: .3rem }
figure { margin-bottom: 2.2rem; break-inside: avoid } .grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 0 2.2rem } .grid figure { display: grid; grid-row: span 3; grid-template-rows: subgrid; grid-template-columns: minmax(0, 1fr) }
header, footer, .legend, .nothing { overflow-wrap: anywhere } .legend li { min-width: 0 } .legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; margin-top: .25rem; font-size: .85rem } .key { width: 20px; height: 10px; margin-right: .4em }
.frame { display: grid; grid-template-columns: auto minmax(0, 1fr); margin-top: .6rem; font-size: .75rem; line-height: 1; color: var(--soft) }
.area { position: relative; height: 17rem } .small .area { height: 7.5rem }
.y { position: relative; width: 4.6rem } .y span { position: absolute; right: .55rem; transform: translateY(50%); white-space: nowrap }
.x { position: relative; grid-column: 2; height: 1.7rem } .x span { position: absolute; top: .5rem; transform: translateX(-50%); white-space: nowrap }
.x .first { transform: none } .x .last { transform: translateX(-100%) }
.area svg { position: absolute; overflow: visible; width: 100%; height: 100%; border-bottom: 1px solid var(--soft) }
.band { position: absolute; top: .35rem; padding: 0 .35rem; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; pointer-events: none }
.small .band { display: none }
span.limit { position: absolute; right: .35rem; margin-bottom: .25rem; padding: .05rem .2rem; color: var(--bad); background: var(--ground); pointer-events: none }
svg path { vector-effect: non-scaling-stroke; fill: none }
path.tick { stroke: var(--line) } path.stage { stroke: var(--line) } rect.muted { fill: var(--muted) }
path.limit { stroke: var(--bad); stroke-dasharray: 2 3 } path.mark { stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round } path.dashed { stroke-width: 1.4; stroke-dasharray: 5 4 } path.dot { stroke-width: 6; stroke-dasharray: none }
${COLORS.map((color) => `path.${color} { stroke: var(--${color}) } path.fill.${color} { stroke: none; fill: var(--${color}); opacity: .14 } rect.${color} { fill: var(--${color}) }`).join("\n")}
.hint { fill: var(--text); opacity: 0 } .hint:hover { opacity: .08 }
.scroll { overflow-x: auto } table { width: 100%; border-collapse: collapse; font-size: .875rem } caption { padding-bottom: .4rem; text-align: left; font-size: .85rem }
th, td { padding: .38rem .9rem .38rem 0; text-align: left; vertical-align: top; font-weight: 400; border-bottom: 1px solid var(--line) } thead th { color: var(--soft); font-size: .8rem } tbody th { color: var(--text) }
td:last-child:has([class^=mark-]) { text-align: right; white-space: nowrap }
th.figure, td.figure { text-align: right; white-space: nowrap } .tables > * + * { margin-top: 1.8rem }
.bar { display: block; width: 8rem; height: .9rem; margin-top: .25rem } .track { fill: var(--muted) } .fill-green { fill: var(--green) } .fill-red { fill: var(--red) } .bar .limit { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: none }
details { margin-top: .2rem; font-size: .85rem } summary { color: var(--soft); cursor: pointer } details .scroll { max-height: 20rem; overflow-y: auto } details td { white-space: nowrap }
pre { overflow-x: auto; padding: .9rem; background: var(--panel); font-size: .8rem; line-height: 1.45; white-space: pre-wrap }
footer { margin-top: 3rem; font-size: .8rem; color: var(--soft) }
@media (max-width: 60rem) { .facts { grid-template-columns: repeat(3, 1fr) } }
@media (max-width: 40rem) { .facts { grid-template-columns: repeat(2, 1fr) } body { padding: 1.5rem 1rem 3rem } h1 { font-size: 1.5rem } .area { height: 13rem } .y { width: 3.9rem } td:has(.bar), th.against, .band.slim { display: none } th, td { padding-right: .6rem } .x span:nth-child(even):not(.last) { display: none } }
@media print { body { max-width: none; padding: 0; font-size: 11px } h2 { break-after: avoid } details, .hint { display: none } .area { height: 11rem } .small .area { height: 5.5rem } .grid { grid-template-columns: 1fr 1fr } tr { break-inside: avoid } }
`;

/** A whole page that needs nothing from elsewhere, and whose own policy would refuse it. */
export function page(title: string, body: Html): string {
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Mizan">
<title>${title}</title>
<link rel="icon" href="data:,">
${new Html(`<style>${STYLE}</style>`)}
</head>
<body>
${body}
</body>
</html>
`;
  return text;
}
