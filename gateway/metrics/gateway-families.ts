import type { GatewayContext } from "../context.ts";
import type { Counters } from "../counters.ts";
import type { ResponseCounts } from "../rest/response-counts.ts";
import { VERSION } from "../version.ts";
import { type Family, single } from "./family.ts";

const COUNTERS = {
  mizan_messages_received_total: ["WebSocket messages received.", ({ messagesReceived }) => messagesReceived],
  mizan_received_bytes_total: ["Bytes of WebSocket messages received.", ({ bytesReceived }) => bytesReceived],
  mizan_sent_bytes_total: ["Bytes of WebSocket messages sent.", ({ bytesSent }) => bytesSent],
  mizan_slow_consumers_closed_total: ["Connections closed for not reading.", (c) => c.slowConsumersClosed],
  mizan_silent_peers_closed_total: ["Connections closed for answering no pings.", (c) => c.silentPeersClosed],
  mizan_deltas_published_total: ["Changes that shards reported.", ({ deltasPublished }) => deltasPublished],
  mizan_deltas_delivered_total: ["Changes handed to readers.", ({ deltasDelivered }) => deltasDelivered],
  mizan_replication_pending_total: [
    "Requests answered with replication_pending.",
    ({ replicationPending }) => replicationPending,
  ],
  mizan_deltas_conflated_total: ["Changes left out for slow readers.", ({ deltasConflated }) => deltasConflated],
  mizan_slow_requests_total: ["Requests that took as long as MIZAN_SLOW_REQUEST_MS.", (c) => c.slowRequests],
} as const satisfies Record<string, readonly [string, (counters: Counters) => number]>;

/** What the gateway itself counts, and what the process stands on. */
export function gatewayFamilies(context: GatewayContext, responses: ResponseCounts): readonly Family[] {
  const { counters, dispatcher, disk, door, config, tracer } = context;
  return [
    ...Object.entries(COUNTERS).map(([name, [help, read]]) => single("counter", name, help, () => read(counters))),
    {
      type: "counter",
      name: "mizan_requests_refused_total",
      help: "Requests over sockets refused as a whole, by code.",
      labels: ["code"],
      read: () => Array.from(counters.refused, ([code, value]) => ({ labels: { code }, value })),
    },
    {
      type: "counter",
      name: "mizan_http_responses_total",
      help: "HTTP responses by route and status.",
      labels: ["route", "status"],
      read: () => Array.from(responses.rows(), (row) => ({ labels: labelsOf(row), value: row.count })),
    },
    {
      type: "counter",
      name: "mizan_spans_total",
      help: "Spans of traced requests that the collector took (sent), or that were lost (dropped).",
      labels: ["result"],
      read: () => {
        const { sent, dropped } = tracer?.counts ?? { sent: 0, dropped: 0 };
        return [
          { labels: { result: "sent" }, value: sent },
          { labels: { result: "dropped" }, value: dropped },
        ];
      },
    },
    single(
      "counter",
      "mizan_traces_skipped_total",
      "Requests that should have been traced, and were not for too many others or no room for their spans.",
      () => tracer?.skipped ?? 0,
    ),
    {
      type: "histogram",
      name: "mizan_request_seconds",
      help: "Time inside the ledger of requests to shards: from when the gateway handed them over until it had the whole answer.",
      labels: [],
      read: () => [{ labels: {}, value: dispatcher.requestSeconds.view() }],
    },
    {
      type: "gauge",
      name: "mizan_connections",
      help: "Open WebSocket connections.",
      labels: ["subprotocol"],
      read: () => [
        { labels: { subprotocol: "mizan.binary.v1" }, value: counters.binaryConnections },
        { labels: { subprotocol: "mizan.json.v1" }, value: counters.jsonConnections },
      ],
    },
    single(
      "gauge",
      "mizan_http_connections",
      "Open TCP connections that are no WebSocket, or not yet.",
      () => door.openHttp,
    ),
    single(
      "counter",
      "mizan_tcp_connections_refused_total",
      "TCP connections closed unanswered, for MIZAN_HTTP_CONNECTIONS_MAX or for want of open files.",
      () => door.refused,
    ),
    single("gauge", "mizan_requests_inflight", "Requests that shards have yet to answer.", () => dispatcher.inflight),
    single("gauge", "mizan_watched_wallets", "Wallets that somebody follows.", () => counters.watchedWallets),
    single("gauge", "mizan_disk_free_bytes", "Room that is left on the disk of the journal.", () => disk.freeBytes),
    single("gauge", "mizan_disk_size_bytes", "Size of the disk of the journal.", () => disk.sizeBytes),
    single("gauge", "mizan_ready", "1 where /readyz answers that the ledger serves.", () =>
      context.unreadiness().length === 0 ? 1 : 0,
    ),
    {
      type: "gauge",
      name: "mizan_build_info",
      help: "1, with what runs.",
      labels: ["version", "node", "acks"],
      read: () => [{ labels: { version: VERSION, node: process.versions.node, acks: config.acks }, value: 1 }],
    },
  ];
}

function labelsOf({ route, status }: { readonly route: string; readonly status: number }): Record<string, string> {
  return { route, status: String(status) };
}
