import type { GatewayContext } from "../context.ts";
import { VERSION } from "../version.ts";
import { Html, html, table } from "./html.ts";

const REFRESH_SECONDS = 5;
const STYLE = new Html(`<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1c2330; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d8dde6; vertical-align: top }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.good { color: #14683a } .bad { color: #a4161a; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { color: #dfe5ee; background: #14181f } th, td { border-color: #333c4a } .good { color: #6fd39b } .bad { color: #ff8a8a } }
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
${nodeTable(context)}
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

function nodeTable({ engine, config, disk, counters, dispatcher, log }: GatewayContext): Html {
  const connections = counters.binaryConnections + counters.jsonConnections;
  return table(
    ["version", "Node", "up", "ledger", "log level", "connections", "requests in flight", "memory", "disk free"],
    [
      [
        VERSION,
        process.versions.node,
        duration(process.uptime()),
        engine.ledgerId,
        log.level,
        `${connections} of ${config.connectionsMax}`,
        dispatcher.inflight,
        bytes(process.memoryUsage.rss()),
        `${bytes(disk.freeBytes)} of ${bytes(disk.sizeBytes)}`,
      ],
    ],
  );
}

function shardTable({ engine, rates }: GatewayContext): Html {
  return table(
    ["shard", "position", "commands/s", "frames/s", "journal/s", "wallets", "command ids", "open transfers", "queued"],
    engine.ports.map(({ shard, requestBytesWaiting }) => {
      const { sequence, wallets, idempotencyIds, openTransfers } = engine.stats(shard);
      const rate = rates.of(shard);
      return [
        shard,
        `${shard}:${sequence}`,
        whole(rate.commands),
        whole(rate.frames),
        bytes(rate.journalBytes),
        whole(wallets),
        whole(idempotencyIds),
        whole(openTransfers),
        bytes(requestBytesWaiting),
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
  if (!isReplicated) return html`<p>Nothing is replicated.</p>`;
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
  if (lines.length === 0) return html`<p>None since the start.</p>`;
  return table(
    ["time", "level", "what", "facts"],
    lines.map(({ atMs, level, fact, fields }) => [
      new Date(atMs).toISOString(),
      level >= 50 ? "error" : "warning",
      fact,
      fields,
    ]),
  );
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
