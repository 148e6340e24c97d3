/**
 * `npm run bench:snapshots -- --wallets 1000000 --rate 100000`: what a snapshot costs the transfers that go on
 * meanwhile. Windows without and with snapshots, one after the other without a pause, take turns. A single stall decides
 * the p99.9 of a window, so only the medians of several say something. On Linux only.
 */

import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Ledger } from "./ledger.ts";
import { memoryBytes } from "./process-memory.ts";
import { isDisturbed } from "./row-result.ts";
import { measurementOf, Run, scratchDirectory } from "./run.ts";
import type { Shape } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    wallets: { type: "string", default: "1000000" },
    rate: { type: "string", default: "100000" },
    shards: { type: "string", default: "1" },
    rounds: { type: "string", default: "6" },
    seconds: { type: "string", default: "10" },
  },
});
const COMMANDS_PER_MESSAGE = 10;
const SHAPE: Shape = {
  pairing: "uniform",
  transport: "binary",
  connections: 16,
  depth: 1_024,
  commandsPerMessage: COMMANDS_PER_MESSAGE,
  messagesPerSecond: Number(values.rate) / COMMANDS_PER_MESSAGE,
};
const MIB = 1_048_576;
const WARMUP_MS = 1_500;

/**
 * Takes one snapshot after the other, from when transfers come until it is stopped; returns a function that stops it and
 * resolves with how many.
 */
function takeSnapshots(ledger: Ledger): () => Promise<number> {
  let isWanted = true;
  const taken = (async () => {
    await sleep(WARMUP_MS);
    let count = 0;
    for (; isWanted; count += 1) await ledger.snapshot();
    return count;
  })();
  return () => {
    isWanted = false;
    return taken;
  };
}

/** Watches the memory of a process; the function returned tells the most that it had. **Units**: bytes. */
function watchMemory(pid: number): () => number {
  let mostBytes = memoryBytes(pid);
  const timer = setInterval(() => {
    mostBytes = Math.max(mostBytes, memoryBytes(pid));
  }, 20);
  return () => {
    clearInterval(timer);
    return Math.max(mostBytes, memoryBytes(pid));
  };
}

/** The largest value of a metric over all shards. */
async function largest({ host, port, key }: Ledger["endpoint"], metric: string): Promise<number> {
  const response = await fetch(`http://${host}:${port}/metrics`, { headers: { Authorization: `Bearer ${key}` } });
  const lines = (await response.text()).matchAll(/^(\w+)\{.*\} (.+)$/gm);
  return Math.max(...Array.from(lines, ([, name, value]) => (name === metric ? Number(value) : 0)));
}

/** Waits until the journal that the snapshots made superfluous is archived, which belongs to what they cost. */
async function untilArchived({ endpoint }: Ledger): Promise<void> {
  do await sleep(1_500);
  while ((await largest(endpoint, "mizan_keeper_lag_bytes")) > 0);
}

/** `least, median and most` of some values. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted[0], sorted[sorted.length - 1]];
  return `least ${least?.toFixed(1)}, median ${median(sorted).toFixed(1)}, most ${most?.toFixed(1)} ms`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >>> 1] + sorted[sorted.length >>> 1]) / 2;
}

const directory = scratchDirectory();
const run = new Run({ warmupMs: WARMUP_MS, measureMs: Number(values.seconds) * 1_000 }, undefined);
try {
  const ledger = await Ledger.start(run.group, {
    shards: Number(values.shards),
    directory,
    profileDir: undefined,
    wallets: Number(values.wallets),
    // Snapshots are taken when this program says so, and never in between.
    settings: { MIZAN_SNAPSHOT_JOURNAL_BYTES: "0", MIZAN_SNAPSHOT_INTERVAL_MS: "0" },
  });
  const [without, during]: [number[], number[]] = [[], []];
  const books = { acceptedTotal: 0, rejectedTotal: 0, firstRejection: "" };
  for (let window = 0; window < 2 * Number(values.rounds); window += 1) {
    const isQuiet = window % 2 === 0;
    if (isQuiet) await untilArchived(ledger);
    const beforeBytes = memoryBytes(ledger.pid);
    const mostBytes = watchMemory(ledger.pid);
    const stop = isQuiet ? async () => 0 : takeSnapshots(ledger);
    const outcome = await run.load(SHAPE, ledger, ledger.wallets);
    const snapshots = await stop();
    const grownBytes = mostBytes() - beforeBytes;
    books.acceptedTotal += outcome.acceptedTotal;
    books.rejectedTotal += outcome.rejectedTotal;
    books.firstRejection ||= outcome.firstRejection;
    const isLost = isDisturbed(measurementOf(outcome, null));
    const { p50Ms, p99Ms, p999Ms } = outcome.latency;
    if (!isLost) (isQuiet ? without : during).push(p999Ms);
    console.log(
      `${isQuiet ? "without" : `${snapshots} snapshots`}: ${Math.round(outcome.commandsPerSecond)} transfers/s, ` +
        `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, p99.9 ${p999Ms.toFixed(1)} ms; ` +
        `generator late by ${outcome.sendLagP99Ms?.toFixed(1)} ms at p99; ` +
        `memory ${Math.round(beforeBytes / MIB)} MiB, at most ${Math.round(grownBytes / MIB)} MiB more` +
        `${isLost ? "; disturbed by other programs, does not count" : ""}`,
    );
  }
  console.log(`p99.9 of ${without.length} windows without snapshots: ${spread(without)}`);
  console.log(`p99.9 of ${during.length} windows with snapshots: ${spread(during)}`);
  console.log(`snapshots add ${(median(during) - median(without)).toFixed(1)} ms to the median p99.9`);
  const pauseMs = 1_000 * (await largest(ledger.endpoint, "mizan_snapshot_pause_seconds"));
  const cpuMs = 1_000 * (await largest(ledger.endpoint, "mizan_snapshot_pause_cpu_seconds"));
  console.log(
    `longest pause of a shard for a snapshot: ${pauseMs.toFixed(1)} ms with waiting for a core, ` +
      `${cpuMs.toFixed(1)} ms of processor time`,
  );
  const failure = await ledger.audit(books);
  console.log(failure ?? "the books agree");
  if (failure !== null) process.exitCode = 1;
} finally {
  await run.end();
  rmSync(directory, { recursive: true, force: true });
}
