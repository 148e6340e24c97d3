import { type Html, html } from "../../../gateway/status/html.ts";
import type { ConnectionsResult } from "../../load/connections-result.ts";
import { BYTES, formatIn, MILLISECONDS, shortNumber } from "../../plot/units.ts";
import { dataTable, verdictMark } from "./run-tables.ts";

type Threshold = ConnectionsResult["thresholds"][number];

const THRESHOLD_NAMES: Readonly<Record<Threshold["name"], string>> = {
  backSeconds: "until all dashboards were back",
  stormP99Factor: "p99 in the storm against before",
  stormP99Ms: "p99 in the storm",
  hostileP99Factor: "p99 beside slow and silent clients against before",
  bytesPerConnection: "memory of a connection",
};

function thresholdValue(name: Threshold["name"], value: number): string {
  switch (name) {
    case "backSeconds":
      return secondsText(value);
    case "stormP99Ms":
      return formatIn(MILLISECONDS, value);
    case "bytesPerConnection":
      return formatIn(BYTES, value);
    default:
      return `${shortNumber(value)} ×`;
  }
}

function secondsText(seconds: number): string {
  return `${seconds.toFixed(2)} s`;
}

function whole(count: number | null): string {
  return count?.toLocaleString("en-US") ?? "–";
}

function endings(ended: ConnectionsResult["slow"]["ended"]): string {
  return ended.map(({ how, count }) => `${whole(count)} × ${how}`).join(", ") || "none";
}

/** What a crowd of dashboards was held to, beside the thresholds of commands. */
export function crowdThresholds({ thresholds }: ConnectionsResult): Html {
  const rows = thresholds.map(({ name, limit, value, passed }) => [
    THRESHOLD_NAMES[name],
    value === null ? "not measured" : thresholdValue(name, value),
    `at most ${thresholdValue(name, limit)}`,
    verdictMark(passed, passed ? "passed" : "missed"),
  ]);
  return rows.length === 0
    ? html``
    : dataTable("Thresholds of the crowd", ["", "measured", "limit", ""], rows, new Set([1, 2]));
}

/** What a crowd of dashboards went through: who they were, what commands felt of it, and what the server kept for them. */
export function crowdSection(found: ConnectionsResult): Html {
  return html`<section id="crowd"><h2>Dashboards</h2><div class="tables">${[
    factTable(found),
    commandTable(found),
    memoryTable(found),
  ]}</div></section>`;
}

function factTable({
  dashboards,
  active,
  walletsEach,
  connecting,
  following,
  storm,
  streams,
  slow,
  silent,
}: ConnectionsResult): Html {
  const cpu = ({ cpuSecondsPer1000 }: { readonly cpuSecondsPer1000: number | null }): string =>
    cpuSecondsPer1000 === null ? "" : `; ${secondsText(cpuSecondsPer1000)} of the server's processor for 1,000 of them`;
  const restart =
    storm === null
      ? []
      : [
          [
            "restart",
            `down for ${secondsText(storm.downSeconds)}; everybody back ${secondsText(storm.backSeconds)} after that, in ${whole(storm.attempts)} attempts${cpu(storm)}`,
          ],
          ["listen queues full for", `${whole(storm.listenOverflows)} connections`],
        ];
  const strangers = (name: string, { opened, ended }: ConnectionsResult["slow"]): string[][] =>
    opened === 0 ? [] : [[`${whole(opened)} ${name} clients`, `ended: ${endings(ended)}`]];
  const rows = [
    ["dashboards", `${whole(dashboards)}, ${whole(active)} of them active, with ${whole(walletsEach)} wallets each`],
    ["all connected in", `${secondsText(connecting.seconds)}${cpu(connecting)}`],
    ["all followed in", `${secondsText(following.seconds)}${cpu(following)}`],
    ...restart,
    [
      "streams",
      `${whole(streams.changes)} changes, ${whole(streams.states)} states, ${whole(streams.conflated)} for several changes; ${whole(streams.faults)} out of order, ${whole(streams.behind)} behind at the end`,
    ],
    ["connections lost beside the restart", `${whole(streams.lost)}; all that ended: ${endings(streams.losses)}`],
    ...strangers("slow", slow),
    ...strangers("silent", silent),
  ];
  return dataTable("What they went through", ["", ""], rows);
}

function commandTable({ commands }: ConnectionsResult): Html {
  const rows = commands.map(({ name, seconds, answered, latency }) => [
    name,
    secondsText(seconds),
    whole(answered),
    ...[latency?.p50Ms, latency?.p99Ms, latency?.p999Ms, latency?.maxMs].map((ms) => formatIn(MILLISECONDS, ms)),
  ]);
  const heads = ["", "lasted", "answered", "p50", "p99", "p99.9", "highest"];
  return dataTable("What commands felt of them", heads, rows, new Set([1, 2, 3, 4, 5, 6]));
}

function memoryTable({ memory, bytesPerConnection, bytesPerSubscription }: ConnectionsResult): Html {
  const rows = memory.map(({ when, connections, residentBytes, heapUsedBytes, externalBytes }) => [
    when,
    whole(connections),
    ...[residentBytes, heapUsedBytes, externalBytes].map((bytes) => formatIn(BYTES, bytes)),
  ]);
  const each = `${formatIn(BYTES, bytesPerConnection)} a connection, ${formatIn(BYTES, bytesPerSubscription)} a subscription`;
  const heads = ["", "connections", "resident", "heap", "buffers"];
  return dataTable(`Memory of the server: ${each}`, heads, rows, new Set([1, 2, 3, 4]));
}
