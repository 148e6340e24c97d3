import { once } from "node:events";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import { shardOf } from "../../protocol/ids.ts";
import { collectOutput } from "../child-group.ts";
import { knownPercentiles, type Percentiles } from "../histogram.ts";
import { Ledger } from "../ledger.ts";
import type { LoadOutcome } from "../load/workload.ts";
import { describeMachine } from "../machine.ts";
import { memoryBytes } from "../process-memory.ts";
import type { Run } from "../run.ts";
import { formatMs } from "../table.ts";
import type { Shape } from "../workloads.ts";
import type { RatePoint, ScalingResult } from "./scaling-result.ts";

const GIB = 2 ** 30;
/** What a ledger and whoever opens its wallets take for each of them, with room to spare. */
const FREE_BYTES_PER_WALLET = 600;
/** With fewer wallets, what a server's memory grows by says more about its heap. */
const MEMORY_WALLETS_MIN = 100_000;
const ID_LANES = 4;
const CLOSED = { pairing: "uniform", messagesPerSecond: null, transport: "binary" } as const;
const HUNDRED: Shape = { ...CLOSED, connections: 8, depth: 8, commandsPerMessage: 100 };

/** Which values are swept. */
export interface ScalingPlan {
  readonly shards: readonly number[];
  readonly connections: readonly number[];
  readonly batch: readonly number[];
  readonly wallets: readonly number[];
}

export const FULL_PLAN: ScalingPlan = {
  shards: [1, 2, 4],
  connections: [1, 2, 4, 8, 16, 32, 64],
  batch: [1, 8, 64, 512, 4_096, 8_190],
  wallets: [10_000, 100_000, 1_000_000, 10_000_000],
};
export const QUICK_PLAN: ScalingPlan = {
  ...FULL_PLAN,
  connections: [1, 4, 16, 64],
  wallets: [10_000, 100_000, 1_000_000],
};

interface Sweep {
  readonly name: string;
  readonly points: RatePoint[];
}

/** Sweeps one thing after the other in closed loops, and holds the books against the answers after each point. */
export async function runScaling(run: Run, plan: ScalingPlan, say: (line: string) => void): Promise<ScalingResult> {
  const startedAt = new Date().toISOString();
  const measure = async (sweep: string, ledger: Ledger, loads: readonly Load[], x: number): Promise<RatePoint> => {
    const point = await measurePoint(run, ledger, loads, x);
    const rate = Math.round(point.transfersPerSecond).toLocaleString("en-US");
    say(
      `${sweep} ${x.toLocaleString("en-US")}: ${rate} transfers/s, p99 ${formatMs(point.p99Ms ?? undefined)} ms${failed(point)}`,
    );
    return point;
  };
  const skipped: string[] = [];
  const batch = await sweepOf("4 connections × 4 messages in flight", plan.batch, async (commandsPerMessage) => {
    const ledger = await run.ledger(1);
    const shape = { ...CLOSED, connections: 4, depth: 4, commandsPerMessage };
    return measure("transfers a message", ledger, [{ shape, wallets: ledger.wallets }], commandsPerMessage);
  });
  const connectionsOf = (name: string, depth: number, commandsPerMessage: number): Promise<Sweep> =>
    sweepOf(name, plan.connections, async (connections) => {
      const ledger = await run.ledger(1);
      const shape = { ...CLOSED, connections, depth, commandsPerMessage };
      return measure(`${name}: connections`, ledger, [{ shape, wallets: ledger.wallets }], connections);
    });
  const connections = [
    await connectionsOf("1 a message, 64 in flight each", 64, 1),
    await connectionsOf("100 a message, 8 in flight each", 8, 100),
  ];
  const anyPair = await sweepOf("between any two wallets", plan.shards, async (shards) => {
    const ledger = await run.ledger(shards);
    return measure("any two wallets: shards", ledger, [{ shape: HUNDRED, wallets: ledger.wallets }], shards);
  });
  const onePair = await sweepOf("between wallets of one shard", plan.shards, async (shards) => {
    const ledger = await run.ledger(shards);
    const shape = { ...HUNDRED, connections: Math.max(1, Math.floor(HUNDRED.connections / shards)) };
    const loads = byShard(ledger.wallets, shards).map((wallets) => ({ shape, wallets }));
    return measure("two wallets of a shard: shards", ledger, loads, shards);
  });
  const memory = await measureMemory(run, plan.wallets, skipped, (ledger, wallets) =>
    measure("wallets", ledger, [{ shape: HUNDRED, wallets: ledger.wallets }], wallets),
  );
  for (const line of skipped) say(line);
  return {
    format: "mizan.scaling.v1",
    startedAt,
    environment: { ...describeMachine(), memoryBytes: totalmem() },
    ...run.pace,
    shards: [anyPair, onePair],
    connections,
    batch: [batch],
    ...memory,
    skipped,
  };
}

/** Transfers between some wallets by a generator of their own. */
interface Load {
  readonly shape: Shape;
  readonly wallets: Uint8Array;
}

function failed({ failure }: RatePoint): string {
  return failure === null ? "" : `; FAILED: ${failure}`;
}

async function sweepOf(
  name: string,
  values: readonly number[],
  measure: (value: number) => Promise<RatePoint>,
): Promise<Sweep> {
  const points: RatePoint[] = [];
  for (const value of values) points.push(await measure(value));
  return { name, points };
}

async function measurePoint(run: Run, ledger: Ledger, loads: readonly Load[], x: number): Promise<RatePoint> {
  const outcomes = await Promise.all(loads.map(({ shape, wallets }) => run.load(shape, ledger, wallets)));
  const sum = (value: (outcome: LoadOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + value(outcome), 0);
  const most = (name: keyof Percentiles): number => Math.max(...outcomes.map(({ latency }) => latency[name]));
  return {
    x,
    transfersPerSecond: sum(({ commandsPerSecond }) => commandsPerSecond),
    ...knownPercentiles({ p50Ms: most("p50Ms"), p99Ms: most("p99Ms"), p999Ms: most("p999Ms") }),
    generatorCores: sum(({ generatorCores }) => generatorCores),
    failure: await ledger.audit({
      acceptedTotal: sum(({ acceptedTotal }) => acceptedTotal),
      rejectedTotal: sum(({ rejectedTotal }) => rejectedTotal),
      firstRejection: outcomes.map(({ firstRejection }) => firstRejection).find((reason) => reason !== "") ?? "",
    }),
  };
}

/** The wallets of each shard. */
function byShard(wallets: Uint8Array, shardCount: number): Uint8Array[] {
  const lanes = new Uint32Array(wallets.slice().buffer);
  const ids: Uint8Array[][] = Array.from({ length: shardCount }, () => []);
  for (let at = 0; at < lanes.length; at += ID_LANES) {
    ids[shardOf(lanes, at, shardCount)].push(wallets.subarray(at * 4, (at + ID_LANES) * 4));
  }
  return ids.map((some) => new Uint8Array(Buffer.concat(some)));
}

/** Sweeps how many wallets there are: the rate, and what the server grew by over one that has none. */
async function measureMemory(
  run: Run,
  counts: readonly number[],
  skipped: string[],
  measure: (ledger: Ledger, wallets: number) => Promise<RatePoint>,
): Promise<Pick<ScalingResult, "wallets" | "memory">> {
  const rates: RatePoint[] = [];
  const server: { x: number; bytes: number }[] = [];
  const columns: { x: number; bytes: number }[] = [];
  const emptyBytes = await withLedger(run, 0, async ({ pid }) => memoryBytes(pid));
  for (const count of counts) {
    if (freemem() < count * FREE_BYTES_PER_WALLET) {
      const wanted = ((count * FREE_BYTES_PER_WALLET) / GIB).toFixed(1);
      const free = (freemem() / GIB).toFixed(1);
      skipped.push(`skipped: ${count.toLocaleString("en-US")} wallets, which need ${wanted} GiB; ${free} GiB are free`);
      continue;
    }
    columns.push({ x: count, bytes: await columnBytes(run, count) });
    await withLedger(run, count, async (ledger) => {
      if (count >= MEMORY_WALLETS_MIN) server.push({ x: count, bytes: (memoryBytes(ledger.pid) - emptyBytes) / count });
      rates.push(await measure(ledger, count));
    });
  }
  return {
    wallets: [{ name: "100 a message, 8 connections × 8 in flight", points: rates }],
    memory: [
      { name: "all that the server grew by, three command ids a wallet included", points: server },
      { name: "columns and index alone", points: columns },
    ],
  };
}

/** A ledger that takes no snapshots of its own accord, whose memory they would be in. */
async function withLedger<T>(run: Run, wallets: number, use: (ledger: Ledger) => Promise<T>): Promise<T> {
  const ledger = await Ledger.start(run.group, {
    shards: 1,
    directory: run.directory("wallets-"),
    profileDir: undefined,
    wallets,
    settings: { MIZAN_SNAPSHOT_JOURNAL_BYTES: "0", MIZAN_SNAPSHOT_INTERVAL_MS: "0" },
  });
  try {
    return await use(ledger);
  } finally {
    await ledger.stop();
  }
}

/** What wallets take in the engine's columns, measured in a process of their own. */
async function columnBytes(run: Run, wallets: number): Promise<number> {
  const module = join(import.meta.dirname, "../wallet-memory.ts");
  const child = run.group.spawnNode([module, "--wallets", String(wallets), "--json"], process.env);
  const output = collectOutput(child);
  await once(child, "close");
  const { bytesPerWallet } = JSON.parse(output()) as { readonly bytesPerWallet: number };
  return bytesPerWallet;
}
