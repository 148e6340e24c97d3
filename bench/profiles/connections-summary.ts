import type { ConnectionsResult } from "../load/connections-result.ts";
import { formatMs } from "../table.ts";

const KIB = 1_024;
const MIB = 1_048_576;

/** What a crowd of dashboards went through, for people, a line a fact. */
export function formatConnections(found: ConnectionsResult): string[] {
  const { dashboards, active, walletsEach, connecting, following, streams, storm } = found;
  return [
    `${dashboards} dashboards, ${active} of them active, with ${walletsEach} wallets each`,
    `  connected in ${connecting.seconds.toFixed(1)} s, ${cpu(connecting)}; followed everything in ${following.seconds.toFixed(1)} s, ${cpu(following)}`,
    `  memory: ${kib(found.bytesPerConnection)} KiB a connection, ${kib(found.bytesPerSubscription)} KiB a subscription`,
    ...found.memory.map(
      ({ when, connections, residentBytes, heapUsedBytes, externalBytes }) =>
        `  ${when}: ${connections ?? "–"} connections, ${mib(residentBytes)} MiB resident, heap ${mib(heapUsedBytes)}, buffers ${mib(externalBytes)}`,
    ),
    ...(storm === null
      ? []
      : [
          `  restart: down for ${storm.downSeconds.toFixed(2)} s, everybody back ${storm.backSeconds.toFixed(2)} s after that; ` +
            `${storm.attempts} attempts, listen queues full for ${storm.listenOverflows ?? "–"}, ${cpu(storm)}`,
        ]),
    ...found.commands.map(
      ({ name, seconds, answered, latency }) =>
        `  commands ${name}: ${answered} in ${seconds.toFixed(1)} s, p50 ${formatMs(latency?.p50Ms)} p99 ${formatMs(latency?.p99Ms)} max ${formatMs(latency?.maxMs)} ms`,
    ),
    `  streams: ${streams.changes} changes, ${streams.states} states (${streams.resets} reset), ${streams.conflated} conflated, ${streams.asked} questions; ${streams.lost} connections lost otherwise`,
    ...(streams.lost > 0 ? [`    they ended so: ${endings(streams.losses)}`] : []),
    ...strangers("slow", found.slow),
    ...strangers("silent", found.silent),
    ...found.thresholds.map(
      ({ name, limit, value, passed }) =>
        `${passed ? "✓" : "✗"} ${name} at most ${limit}: ${value === null ? "not measured" : Number(value.toPrecision(4))}`,
    ),
  ];
}

function strangers(name: string, { opened, ended }: ConnectionsResult["slow"]): string[] {
  if (opened === 0) return [];
  return [`  ${opened} ${name} ones: ${ended.length === 0 ? "all still open" : endings(ended)}`];
}

function endings(ended: ConnectionsResult["slow"]["ended"]): string {
  return ended.map(({ how, count }) => `${count} × ${how}`).join(", ");
}

function cpu({ cpuSecondsPer1000 }: { readonly cpuSecondsPer1000: number | null }): string {
  return `${cpuSecondsPer1000?.toFixed(2) ?? "–"} s of the server's processor for 1,000`;
}

function kib(bytes: number | null): string {
  return bytes === null ? "–" : (bytes / KIB).toFixed(1);
}

function mib(bytes: number | null): string {
  return bytes === null ? "–" : (bytes / MIB).toFixed(0);
}
