/**
 * `npm run bench:snapshots -- --wallets 1000000 --rate 100000`: what a snapshot costs the transfers that go on
 * meanwhile. Windows without and with snapshots, one after the other without a pause, take turns. On Linux only.
 */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Ledger } from "./ledger.ts";
import { Run, scratchDirectory } from "./run.ts";
import type { Shape } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    wallets: { type: "string", default: "1000000" },
    rate: { type: "string", default: "100000" },
    shards: { type: "string", default: "1" },
    rounds: { type: "string", default: "3" },
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

/** Takes one snapshot after the other until it is stopped; returns a function that stops it and resolves with how many. */
function takeSnapshots(ledger: Ledger): () => Promise<number> {
  let isWanted = true;
  const taken = (async () => {
    let count = 0;
    for (; isWanted; count += 1) await ledger.snapshot();
    return count;
  })();
  return () => {
    isWanted = false;
    return taken;
  };
}

/** A line of what Linux says about a process's memory. **Units**: bytes. */
function memoryBytes(pid: number, line: "VmRSS" | "VmHWM"): number {
  const [, kilobytes] =
    new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
}

/** Lets the highest use of memory be counted from now on. */
function forgetHighestMemory(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** The longest copy without a break of any shard since the start. */
async function longestPauseMs({ host, port, key }: Ledger["endpoint"]): Promise<number> {
  const response = await fetch(`http://${host}:${port}/metrics`, { headers: { Authorization: `Bearer ${key}` } });
  const pauses = (await response.text()).matchAll(/^mizan_snapshot_pause_seconds\{.*\} (.+)$/gm);
  return Math.max(...Array.from(pauses, ([, seconds]) => Number(seconds))) * 1_000;
}

const directory = scratchDirectory();
const run = new Run({ warmupMs: 2_000, measureMs: Number(values.seconds) * 1_000 }, undefined);
try {
  const ledger = await Ledger.start(run.group, {
    shards: Number(values.shards),
    directory,
    profileDir: undefined,
    wallets: Number(values.wallets),
    // Snapshots are taken when this program says so, and never in between.
    settings: { MIZAN_SNAPSHOT_JOURNAL_BYTES: "0", MIZAN_SNAPSHOT_INTERVAL_MS: "0" },
  });
  for (let round = 0; round < 2 * Number(values.rounds); round += 1) {
    const isQuiet = round % 2 === 0;
    forgetHighestMemory(ledger.pid);
    const beforeBytes = memoryBytes(ledger.pid, "VmRSS");
    const stop = isQuiet ? async () => 0 : takeSnapshots(ledger);
    const outcome = await run.load(SHAPE, ledger, ledger.wallets);
    const snapshots = await stop();
    const grownBytes = memoryBytes(ledger.pid, "VmHWM") - beforeBytes;
    const failure = await ledger.audit(outcome);
    const { p50Ms, p99Ms, p999Ms } = outcome.latency;
    console.log(
      `${isQuiet ? "without" : `${snapshots} snapshots`}: ${Math.round(outcome.commandsPerSecond)} transfers/s, ` +
        `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, p99.9 ${p999Ms.toFixed(1)} ms; ` +
        `generator late by ${outcome.sendLagP99Ms?.toFixed(1)} ms at p99; ` +
        `memory ${Math.round(beforeBytes / MIB)} MiB, at most ${Math.round(grownBytes / MIB)} MiB more; ${failure ?? "the books agree"}`,
    );
    if (failure !== null) process.exitCode = 1;
  }
  console.log(`longest pause of a shard for a snapshot: ${(await longestPauseMs(ledger.endpoint)).toFixed(1)} ms`);
} finally {
  await run.end();
  rmSync(directory, { recursive: true, force: true });
}
