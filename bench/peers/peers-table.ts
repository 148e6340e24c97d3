import { GENERATOR_CORES_MAX } from "../row-result.ts";
import { formatMs, formatTable } from "../table.ts";
import type { PeerRow, PeersResult } from "./peers-result.ts";

const HEADINGS = [
  "server",
  "transfers a call",
  "connections × in flight",
  "transfers/s",
  "p50 ms",
  "p99 ms",
  "CPU s per 100 k",
  "bytes written each",
  "generator cores",
  "notes",
];
const FIGURES = new Set([1, 2, 3, 4, 5, 6, 7, 8]);

/** The table of a comparison, and who is missing from it. */
export function formatPeers({ rows, skipped, failed }: PeersResult): string {
  const lines = [
    ...skipped.map(({ peer, reason }) => `skipped: ${peer}, ${reason}`),
    ...failed.map(({ peer, reason }) => `FAILED: ${peer}, ${reason}`),
  ];
  return [formatTable(HEADINGS, rows.map(cellsOf), FIGURES), ...lines].join("\n");
}

/** One line about a row, as soon as it is there. */
export function describePeer(row: PeerRow): string {
  const books = row.books.agree ? "the books agree" : `FAILED, the books do not agree: ${row.books.detail}`;
  const rate = Math.round(row.transfersPerSecond).toLocaleString("en-US");
  return `${row.title}, ${row.transfersPerCall} a call: ${rate} transfers/s; ${books}`;
}

function cellsOf(row: PeerRow): readonly string[] {
  return [
    row.title,
    String(row.transfersPerCall),
    `${row.connections} × ${row.callsInFlight}`,
    Math.round(row.transfersPerSecond).toLocaleString("en-US"),
    formatMs(row.p50Ms ?? undefined),
    formatMs(row.p99Ms ?? undefined),
    row.cpuSecondsPer100k?.toFixed(2) ?? "?",
    row.writtenBytesPerTransfer === null ? "?" : Math.round(row.writtenBytesPerTransfer).toLocaleString("en-US"),
    row.generatorCores.toFixed(2),
    notesOf(row).join("; "),
  ];
}

function notesOf({ books, generatorCores }: PeerRow): string[] {
  return [
    ...(books.agree ? [] : [`FAILED: ${books.detail}`]),
    ...(generatorCores >= GENERATOR_CORES_MAX ? ["generator-bound"] : []),
  ];
}
