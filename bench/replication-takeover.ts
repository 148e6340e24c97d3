import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { collectOutput } from "./child-group.ts";
import { LatencyHistogram } from "./histogram.ts";
import type { Ledger } from "./ledger.ts";
import { LedgerClient } from "./ledger-client.ts";
import { measuredTogether } from "./measured-together.ts";
import { sequenceIn, sequenceOf, startReplicated, startStandby } from "./replicated-ledger.ts";
import { type Measurement, NO_LOAD } from "./row-result.ts";
import type { Run } from "./run.ts";
import { SteadyClient } from "./steady-client.ts";
import { readTotals } from "./wallets.ts";

const WALLETS = 1_000_000;
const PLANNED = 4;
const KILLED = 3;
/**
 * After a takeover, before the next one: longer than a session of the group of nodes. A node that has just joined takes nobody
 * for gone before it has watched for a session.
 */
const CALM_MS = 4_000;
const POLL_MS = 20;
const PLACE_MS_MAX = 120_000;
const MIZAN = join(import.meta.dirname, "../deploy/mizan.js");

interface Takeovers {
  readonly planned: Measurement;
  readonly killed: Measurement;
}

/** A leader and its standby, which change places with every takeover. */
interface Pair {
  leader: Ledger;
  standby: Ledger;
}

/** What a client sees of takeovers, by command and after `kill -9`, while it sends transfers whose answers wait for Kafka. */
const measureTakeovers = measuredTogether(
  (run: Run): Promise<Takeovers> =>
    run.withBroker(async (broker) => {
      const settings = { MIZAN_ACKS: "replicated" };
      const leader = await startReplicated(run, broker, { settings, wallets: WALLETS });
      const { wallets, endpoint } = leader;
      const before = await totalsAt(leader, wallets);
      const standby = await startStandby(run, broker, leader, settings);
      const pair = { leader, standby };
      await inStep(pair);
      const client = await SteadyClient.start([leader.url, standby.url], endpoint.key, wallets);
      const planned = await repeat(PLANNED, client, pair, () => handOver(run, pair));
      const killed = await repeat(KILLED, client, pair, () => killLeader(pair));
      await client.stop();
      const after = await totalsAt(pair.leader, wallets);
      const applied = (after.versions - before.versions) / 2;
      const failure =
        applied === client.acknowledged && after.postedMinor === before.postedMinor
          ? null
          : `${client.acknowledged} transfers were acknowledged, ${applied} applied`;
      await pair.leader.stop();
      await pair.standby.stop();
      return { planned: { ...planned, failure }, killed: { ...killed, failure } };
    }),
);

/** By `mizan promote`. */
export async function measureHandovers(run: Run): Promise<Measurement> {
  return (await measureTakeovers(run)).planned;
}

/** By the standby itself, when the leader is gone. */
export async function measureKills(run: Run): Promise<Measurement> {
  return (await measureTakeovers(run)).killed;
}

async function repeat(
  times: number,
  client: SteadyClient,
  pair: Pair,
  takeOver: () => Promise<void>,
): Promise<Measurement> {
  const gapsMs: number[] = [];
  const histogram = new LatencyHistogram();
  const startedMs = performance.now();
  const acknowledgedBefore = client.acknowledged;
  for (let time = 0; time < times; time += 1) {
    client.takeLongestMs();
    const acknowledged = client.acknowledged;
    await takeOver();
    // Before the new leader has done something, the former one seems to follow, whether it does or not.
    while (client.acknowledged === acknowledged) await sleep(POLL_MS);
    await inStep(pair);
    await sleep(CALM_MS);
    const gapMs = client.takeLongestMs();
    gapsMs.push(gapMs);
    histogram.record(gapMs);
  }
  const perSecond = (1_000 * (client.acknowledged - acknowledgedBefore)) / (performance.now() - startedMs);
  return {
    ...NO_LOAD,
    rate: perSecond,
    latency: histogram.percentiles(),
    notes: [
      "latency is the longest time without an answer at each takeover",
      `each: ${gapsMs.map((gapMs) => `${Math.round(gapMs)} ms`).join(", ")}`,
    ],
    failure: null,
  };
}

async function handOver(run: Run, pair: Pair): Promise<void> {
  const { leader, standby } = pair;
  const environment = { ...process.env, MIZAN_ADMIN_KEY: standby.endpoint.key };
  const command = run.group.spawnNode([MIZAN, "promote", standby.url], environment);
  const output = collectOutput(command);
  const [exitCode] = await once(command, "close");
  if (exitCode !== 0) throw new Error(`mizan promote ended with ${exitCode}: ${output()}`);
  [pair.leader, pair.standby] = [standby, leader];
}

async function killLeader(pair: Pair): Promise<void> {
  const { leader, standby } = pair;
  await leader.kill();
  await until(standby, ({ role }) => role === "leader", "lead");
  await leader.restart();
  [pair.leader, pair.standby] = [standby, leader];
}

/** Until the standby has what the leader has by now; a former leader that only says so has not begun to follow. */
async function inStep({ leader, standby }: Pair): Promise<void> {
  const wanted = await sequenceOf(leader);
  await until(standby, (place) => place.role === "standby" && sequenceIn(place) >= wanted, `follow to ${wanted}`);
}

type Place = Awaited<ReturnType<Ledger["replication"]>>;

async function until(node: Ledger, isSo: (place: Place) => boolean, what: string): Promise<void> {
  const giveUpAtMs = performance.now() + PLACE_MS_MAX;
  for (;;) {
    // A node that changes its place does not answer for a moment.
    const place = await node.replication().catch(() => undefined);
    if (place !== undefined && isSo(place)) return;
    if (performance.now() > giveUpAtMs) throw new Error(`a node does not ${what}: ${JSON.stringify(place)}`);
    await sleep(POLL_MS);
  }
}

/** Over a connection of its own: who leads has changed since the last one. */
async function totalsAt(node: Ledger, wallets: Uint8Array): ReturnType<typeof readTotals> {
  const client = await LedgerClient.open(node.endpoint);
  try {
    return await readTotals(client, wallets);
  } finally {
    client.close();
  }
}
