import { originOf } from "../load/endpoint-socket.ts";
import type { LoadResult, ServerSample } from "../load/result.ts";
import type { Endpoint } from "../load/workload.ts";

const SCRAPE_MS_MAX = 5_000;

/** All metrics of a server at one moment, each summed over its labels, and the largest of its labels. */
export interface Scrape {
  readonly atMs: number;
  /** By name, and by name and stage where there is one, as in `mizan_stage_seconds_sum:queue`. */
  readonly sums: ReadonlyMap<string, number>;
  readonly maxima: ReadonlyMap<string, number>;
  readonly software: LoadResult["environment"]["server"];
}

/** Reads the text format of Prometheus; lines that it does not know are left out. */
export function parseMetrics(text: string, atMs: number): Scrape {
  const sums = new Map<string, number>();
  const maxima = new Map<string, number>();
  const add = (name: string, value: number): void => void sums.set(name, (sums.get(name) ?? 0) + value);
  let software: Scrape["software"] = null;
  for (const [, name, labels = "", number] of text.matchAll(/^([a-zA-Z_:][\w:]*)(\{[^\n]*\})? (\S+)/gm)) {
    const value = Number(number);
    if (!Number.isFinite(value)) continue;
    add(name, value);
    const stage = labelOf(labels, "stage");
    if (stage !== undefined) add(`${name}:${stage}`, value);
    maxima.set(name, Math.max(maxima.get(name) ?? Number.NEGATIVE_INFINITY, value));
    if (name !== "mizan_build_info") continue;
    software = { version: labelOf(labels, "version") ?? "unknown", node: labelOf(labels, "node") ?? "unknown" };
  }
  return { atMs, sums, maxima, software };
}

function labelOf(labels: string, name: string): string | undefined {
  return new RegExp(`[{,]${name}="([^"]*)"`).exec(labels)?.[1];
}

/** What changed between two scrapes, and what the second one says. */
export function sampleBetween(before: Scrape, now: Scrape): ServerSample {
  const seconds = (now.atMs - before.atMs) / 1_000;
  const gained = (name: string): number | null => {
    const [from, to] = [before.sums.get(name), now.sums.get(name)];
    // A server that was started again counts from zero.
    return from === undefined || to === undefined || to < from || seconds <= 0 ? null : to - from;
  };
  const perSecond = (name: string): number | null => {
    const gain = gained(name);
    return gain === null ? null : gain / seconds;
  };
  const stageMs = (stage: string): number | null => {
    const [times, gain] = [gained(`mizan_stage_seconds_count:${stage}`), gained(`mizan_stage_seconds_sum:${stage}`)];
    return times === null || gain === null || times === 0 ? null : (gain * 1_000) / times;
  };
  const frames = gained("mizan_journal_frames_total");
  const syncSeconds = gained("mizan_journal_sync_seconds_total");
  const lagSeconds = now.sums.get("nodejs_eventloop_lag_p99_seconds");
  return {
    cpuCores: perSecond("process_cpu_seconds_total"),
    memoryBytes: now.sums.get("process_resident_memory_bytes") ?? null,
    eventLoopLagP99Ms: lagSeconds === undefined ? null : lagSeconds * 1_000,
    commandsPerSecond: perSecond("mizan_commands_total"),
    framesPerSecond: perSecond("mizan_journal_frames_total"),
    journalBytesPerSecond: perSecond("mizan_journal_bytes_total"),
    syncMsMean: frames === null || syncSeconds === null || frames === 0 ? null : (syncSeconds * 1_000) / frames,
    journalLagBytes: now.maxima.get("mizan_keeper_lag_bytes") ?? null,
    kafkaLagRecords: now.maxima.get("mizan_replication_lag_records") ?? null,
    kafkaLagSeconds: now.maxima.get("mizan_replication_lag_seconds") ?? null,
    journalRecords: now.sums.get("mizan_journal_sequence") ?? null,
    queueMsMean: stageMs("queue"),
    decideMsMean: stageMs("decide"),
    replyMsMean: stageMs("reply"),
    requestsInflight: now.sums.get("mizan_requests_inflight") ?? null,
    connections: now.sums.get("mizan_connections") ?? null,
    deltasPerSecond: perSecond("mizan_deltas_delivered_total"),
  };
}

/** Follows what a server's `/metrics` says, from one interval to the next. */
export class ServerMetrics {
  readonly #endpoint: Endpoint;
  #before: Scrape | null = null;
  #software: LoadResult["environment"]["server"] = null;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** What the server said last that it runs. */
  get software(): LoadResult["environment"]["server"] {
    return this.#software;
  }

  /** What changed since the last call; null where the server did not answer, or at the first call. */
  async sample(): Promise<ServerSample | null> {
    const before = this.#before;
    this.#before = await scrape(this.#endpoint);
    this.#software = this.#before?.software ?? this.#software;
    return before === null || this.#before === null ? null : sampleBetween(before, this.#before);
  }
}

/** Reads `/metrics`; null where there is no answer, or none in time. */
export async function scrape(endpoint: Endpoint): Promise<Scrape | null> {
  try {
    const response = await fetch(`${originOf(endpoint)}/metrics`, {
      headers: { Authorization: `Bearer ${endpoint.key}` },
      signal: AbortSignal.timeout(SCRAPE_MS_MAX),
    });
    const text = await response.text();
    return response.ok ? parseMetrics(text, performance.now()) : null;
  } catch {
    return null;
  }
}
