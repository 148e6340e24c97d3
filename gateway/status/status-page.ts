import type { RingDepth } from "../../engine/port/ring.ts";
import type { GatewayContext } from "../context.ts";
import { VERSION } from "../version.ts";
import { Html, html, table } from "./html.ts";

const REFRESH_SECONDS = 5;
const STYLE = new Html(`<style>
:root { color-scheme: light dark; --ground: #fff; --text: #1b2230; --soft: #566072; --line: #dfe3ea; --good: #12693a; --bad: #b3191f }
@media (prefers-color-scheme: dark) { :root { --ground: #11151c; --text: #e3e8f0; --soft: #a2acbc; --line: #2c3442; --good: #72d6a0; --bad: #ff8f8f } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Open Sans", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
  margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem 3rem; color: var(--text); background: var(--ground) }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem } p, dl, dd { margin: 0 } .soft, dt { color: var(--soft) }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem 1.5rem; margin-top: 1.4rem } dt { font-size: .8rem } dl div:last-child { grid-column: span 2 }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% } thead th { color: var(--soft); font-size: .8rem; font-weight: 400 }
th, td { text-align: left; padding: .4rem 1.2rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap }
.lines td:last-child { white-space: normal; min-width: 16rem }
.good { color: var(--good) } .bad { color: var(--bad); font-weight: 600 }
@media (max-width: 40rem) { body { padding: 1.2rem 1rem 2rem } h1 { font-size: 1.3rem } dl { grid-template-columns: 1fr 1fr }
  .lines thead { display: none } .lines tr, .lines td { display: block } .lines tr { padding: .5rem 0; border-bottom: 1px solid var(--line) } .lines td { padding: 0; border: 0; white-space: normal } }
</style>`);

/** How a node is, as a page for people that needs nothing from elsewhere. */
export function statusPage(context: GatewayContext): string {
  const reasons = context.unreadiness();
  const state =
    reasons.length === 0
      ? html`<span class="good">ready</span>`
      : html`<span class="bad">not ready: ${reasons.join(", ")}</span>`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>Mizan: status</title>
<link rel="icon" href="data:,">
${STYLE}
</head>
<body>
<h1>Mizan, ${context.role.name}: ${state}</h1>
${nodeFacts(context)}
<h2>Shards</h2>
${shardTable(context)}
<h2>Snapshots and books</h2>
${snapshotTable(context)}
<h2>Replication</h2>
${replicationTable(context)}
<h2>Latest warnings and errors</h2>
${lineTable(context)}
</body>
</html>
`;
  return page.text;
}

function nodeFacts({ engine, config, disk, counters, dispatcher, log, tracer }: GatewayContext): Html {
  const spans = tracer?.counts;
  const connections = counters.binaryConnections + counters.jsonConnections;
  const facts: [string, string | number][] = [
    ["version", VERSION],
    ["Node", process.versions.node],
    ["up", duration(process.uptime())],
    ["connections", `${whole(connections)} of ${whole(config.connectionsMax)}`],
    ["requests in flight", whole(dispatcher.inflight)],
    ["memory", bytes(process.memoryUsage.rss())],
    ["disk free", `${bytes(disk.freeBytes)} of ${bytes(disk.sizeBytes)}`],
    ["log level", log.level],
    ["spans", spans === undefined ? "off" : `${whole(spans.sent)} sent, ${whole(spans.dropped)} lost`],
    ["ledger", engine.ledgerId],
  ];
  return html`<dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function shardTable({ engine, rates }: GatewayContext): Html {
  return table(
    [
      "shard",
      "position",
      "commands/s",
      "frames/s",
      "journal/s",
      "wallets",
      "command ids",
      "open transfers",
      "queued",
      "from shards",
    ],
    engine.ports.map(({ shard, requestsWaiting }) => {
      const { sequence, wallets, idempotencyIds, openTransfers, oldestTransferAtMs } = engine.stats(shard);
      const rate = rates.of(shard);
      return [
        shard,
        `${shard}:${sequence}`,
        whole(rate.commands),
        whole(rate.frames),
        bytes(rate.journalBytes),
        whole(wallets),
        whole(idempotencyIds),
        openTransfers === 0 ? 0 : `${whole(openTransfers)}, the oldest ${ago(oldestTransferAtMs)}`,
        waiting(requestsWaiting),
        waiting(engine.peersWaiting(shard)),
      ];
    }),
  );
}

function snapshotTable({ engine }: GatewayContext): Html {
  return table(
    ["shard", "newest snapshot", "its age", "its size", "records since", "failed", "not archived", "books"],
    engine.ports.map(({ shard }) => {
      const stats = engine.stats(shard);
      return [
        shard,
        stats.snapshotTakenAtMs === 0 ? "none" : `${shard}:${stats.snapshotSequence}`,
        stats.snapshotTakenAtMs === 0 ? "–" : ago(stats.snapshotTakenAtMs),
        bytes(stats.snapshotBytes),
        whole(stats.sequence - stats.snapshotSequence),
        stats.snapshotsFailed,
        bytes(stats.liveJournalBytes),
        booksOf(stats.trialBalanceAtMs, stats.trialBalanceOffMinor),
      ];
    }),
  );
}

function booksOf(atMs: number, offMinor: number): string | Html {
  if (atMs === 0) return "not added up yet";
  if (offMinor === 0) return html`<span class="good">zero</span>, ${ago(atMs)} ago`;
  return html`<span class="bad">off by ${offMinor}</span>`;
}

function replicationTable(context: GatewayContext): Html {
  const { engine, positions, lag, role, isReplicated, config } = context;
  if (!isReplicated) return html`<p class="soft">Nothing is replicated.</p>`;
  const leader = role.leader === undefined ? "nobody is known to lead" : `${role.leader.nodeUrl} leads`;
  const epoch = role.leader?.epoch ?? 0;
  return html`<p>${leader}, epoch ${epoch}, acknowledgements: ${config.acks}; records to apply: ${role.behindRecords}</p>
${table(
  ["shard", "in the log up to", "records behind", "bytes behind", "seconds behind"],
  engine.ports.map(({ shard }) => [
    shard,
    `${shard}:${positions.replicatedSequence(shard)}`,
    whole(positions.lagRecords(shard)),
    bytes(lag.bytes(shard)),
    lag.seconds(shard).toFixed(1),
  ]),
)}`;
}

function lineTable({ recentLines }: GatewayContext): Html {
  const { lines } = recentLines;
  if (lines.length === 0) return html`<p class="soft">None since the start.</p>`;
  const rows = table(
    ["time", "level", "what", "facts"],
    lines.map(({ atMs, level, fact, fields }) => [
      new Date(atMs).toISOString(),
      level >= 50 ? "error" : "warning",
      fact,
      fields,
    ]),
  );
  return html`<div class="lines">${rows}</div>`;
}

function waiting(depth: RingDepth): string {
  return depth.entries === 0 ? "0" : `${whole(depth.entries)}, ${bytes(depth.bytes)}`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1_024 && unit < units.length - 1) {
    scaled /= 1_024;
    unit += 1;
  }
  return `${scaled.toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

function ago(atMs: number): string {
  return duration(Math.max(0, Date.now() - atMs) / 1_000);
}

function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${Math.floor(seconds)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes} min`;
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
