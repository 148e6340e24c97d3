import { stripVTControlCharacters } from "node:util";
import type { Interval } from "../load/result.ts";
import { formatMs } from "../table.ts";
import type { Profile } from "./profile.ts";

const BAR_CELLS = 30;
const SPARK_CELLS = 40;
const SPARKS = "▁▂▃▄▅▆▇█";
/** Elsewhere than on a terminal, a line for each interval, but no more than this many a minute. */
const LINE_EVERY_SECONDS = 1;

/** What a view writes to: a terminal or not. */
export interface ViewOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows a load while it runs: a block that is drawn anew on a terminal, plain lines elsewhere. */
export class LiveView {
  readonly #output: ViewOutput;
  readonly #durationSeconds: number;
  #p99s: number[] = [];
  #rates: number[] = [];
  #linesDrawn = 0;
  #saidAtSeconds = Number.NEGATIVE_INFINITY;

  constructor(profile: Profile, output: ViewOutput) {
    this.#output = output;
    this.#durationSeconds = profile.stages.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0);
  }

  show(interval: Interval): void {
    this.#p99s = [...this.#p99s, interval.latency?.p99Ms ?? 0].slice(-SPARK_CELLS);
    this.#rates = [...this.#rates, interval.acceptedPerSecond].slice(-SPARK_CELLS);
    if (this.#output.isTTY === true) this.#draw(interval);
    else this.#say(interval);
  }

  #say(interval: Interval): void {
    if (interval.atSeconds - this.#saidAtSeconds < LINE_EVERY_SECONDS) return;
    this.#saidAtSeconds = interval.atSeconds;
    this.#output.write(`${formatInterval(interval)}\n`);
  }

  #draw(interval: Interval): void {
    const atSeconds = interval.atSeconds + interval.seconds;
    const share = Math.min(1, atSeconds / this.#durationSeconds);
    const cells = Math.round(share * BAR_CELLS);
    const bar = `${"█".repeat(cells)}${"░".repeat(BAR_CELLS - cells)}`;
    const { latency, server } = interval;
    const lines = [
      `${interval.stage.padEnd(16)} ${bar} ${atSeconds.toFixed(0)} of ${this.#durationSeconds.toFixed(0)} s`,
      `rate             ${count(interval.acceptedPerSecond)}/s of ${count(interval.scheduledPerSecond)}/s due, ${count(interval.errorsPerSecond)} errors/s`,
      `latency          p50 ${formatMs(latency?.p50Ms)}  p99 ${formatMs(latency?.p99Ms)}  p99.9 ${formatMs(latency?.p999Ms)}  max ${formatMs(latency?.maxMs)} ms`,
      `server           ${known(server?.cpuCores, 2)} cores, ${megabytes(server?.memoryBytes)} MB, event loop p99 ${known(server?.eventLoopLagP99Ms, 1)} ms, sync ${known(server?.syncMsMean, 2)} ms`,
      `lag              journal ${megabytes(server?.journalLagBytes)} MB, Kafka ${known(server?.kafkaLagRecords, 0)} records, generator ${formatMs(interval.sendLagP99Ms ?? undefined) || "–"} ms`,
      `connections      ${interval.connections}, streams ${known(server?.deltasPerSecond, 0)} deltas/s`,
      `p99 over time    ${sparkline(this.#p99s)}`,
      `rate over time   ${sparkline(this.#rates)}`,
    ];
    const up = this.#linesDrawn === 0 ? "" : `\u001b[${this.#linesDrawn}A`;
    const width = this.#output.columns ?? 120;
    this.#linesDrawn = lines.length;
    this.#output.write(
      up + lines.map((line) => `\u001b[2K${stripVTControlCharacters(line).slice(0, width - 1)}\n`).join(""),
    );
  }
}

/** One interval in one line. */
function formatInterval({ atSeconds, stage, latency, server, ...rest }: Interval): string {
  const parts = [
    `${atSeconds.toFixed(0).padStart(5)} s ${stage}`,
    `${count(rest.acceptedPerSecond)}/s of ${count(rest.scheduledPerSecond)}`,
    latency === null
      ? "nothing answered"
      : `p50 ${formatMs(latency.p50Ms)} p99 ${formatMs(latency.p99Ms)} p99.9 ${formatMs(latency.p999Ms)} ms`,
    `${count(rest.errorsPerSecond)} errors/s`,
    `server ${known(server?.cpuCores, 2)} cores`,
    `journal lag ${megabytes(server?.journalLagBytes)} MB`,
    `Kafka lag ${known(server?.kafkaLagRecords, 0)}`,
    `generator late ${formatMs(rest.sendLagP99Ms ?? undefined) || "–"} ms`,
  ];
  return parts.join(" | ");
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function known(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

function megabytes(bytes: number | null | undefined): string {
  return bytes === null || bytes === undefined ? "–" : (bytes / 1_048_576).toFixed(0);
}

function sparkline(values: readonly number[]): string {
  const most = Math.max(...values, Number.MIN_VALUE);
  return values
    .map((value) => SPARKS[Math.min(SPARKS.length - 1, Math.floor((value / most) * SPARKS.length))])
    .join("");
}
