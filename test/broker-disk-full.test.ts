/**
 * The disk of the broker is full while a leader and a standby work on it, and later has room again.
 *
 * What must hold: `local` goes on up to the limit for the lag, `replicated` answers `replication_pending`; once there is room
 * everything catches up, every acknowledged command is on the survivor once, and the events have neither gaps nor doubles.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, expect, test } from "vitest";
import { Mizan, MizanError } from "../client/index.ts";
import { prepareKafka } from "../deploy/kafka/installation.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { ClusterLoad } from "./cluster-load.ts";
import { LedgerCluster } from "./ledger-cluster.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { FIRST_BROKER_WITHIN_MS } from "./temporary-broker.ts";
import { checkEvents, tellRest } from "./told-events.ts";
import { WireClient } from "./wire-client.ts";
import { openWallets } from "./writers.ts";

const TIMEOUT_MS = 400_000;
/** As small as the broker can start with. */
const ROOM_BYTES = 11 << 20;
/** With this each command takes a kibibyte of the log. */
const METADATA = { note: "x".repeat(1_000) };
const COMMANDS_OF_BATCH = 400;
const LAG_RECORDS_MAX = 3_000;
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);
const ids = new UuidV7();

let cluster: LedgerCluster | undefined;

beforeAll(() => prepareKafka(), FIRST_BROKER_WITHIN_MS);

afterEach(async () => {
  await cluster?.dispose();
  cluster = undefined;
});

async function startCluster(env: NodeJS.ProcessEnv): Promise<LedgerCluster> {
  const common = { MIZAN_SHARDS: "2", MIZAN_EVENTS: "on", ...env };
  return LedgerCluster.start(common, { fileBytesMax: ROOM_BYTES });
}

/** Records of the shard that is furthest behind that the log does not have. */
async function lagRecords(seen: LedgerCluster, leader: LedgerProcess): Promise<number> {
  const view = await seen.view(leader);
  return Math.max(0, ...(view?.shards.map((shard) => shard.lagRecords) ?? []));
}

/** Writes until the disk of the broker is full, which ends it; the log is a batch behind at most. */
async function fillDisk(filled: LedgerCluster, leader: LedgerProcess): Promise<void> {
  const { broker } = filled;
  const [walletId] = await openWallets(leader, ids);
  const client = await Mizan.connect({ url: leader.url, apiKey: ADMIN_KEY, timeoutMs: 2_000 });
  try {
    while (broker.pid !== undefined) {
      const credit = { type: "Credit", walletId, amountMinor: 1, metadata: METADATA } as const;
      await client.batch(Array.from({ length: COMMANDS_OF_BATCH }, () => credit)).catch((error: unknown) => {
        if (!(error instanceof MizanError)) throw error;
      });
      while (broker.pid !== undefined && (await lagRecords(filled, leader)) > 0) await delay(5);
    }
  } finally {
    await client.close();
  }
}

/** What a node answers to a command of an unknown wallet, which would be refused otherwise. */
async function answerOf(node: LedgerProcess): Promise<string> {
  const client = await WireClient.connect(node.port, ADMIN_KEY);
  try {
    const command = { operation: "Credit", id: ids.next(), walletId: ids.next(), amountMinor: 1 } as const;
    const [result] = await client.commands([command]);
    return result.code;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    client.close();
  }
}

/** Gives the broker room, and checks that the log, the survivor of the leader's end and the events have everything once. */
async function checkCaughtUp(load: ClusterLoad): Promise<void> {
  if (cluster === undefined) throw new Error("there is no cluster");
  const { broker } = cluster;
  const [first, second] = cluster.nodes;
  broker.fileBytesMax = undefined;
  await broker.start();
  while ((await answerOf(first)) !== "wallet_not_found") await delay(50);
  await load.check(first);
  await cluster.isConfirmed(first);
  await cluster.catchesUp(second, first);
  await first.end("SIGKILL");
  await cluster.leads(second);
  await load.check(second);
  await second.end("SIGTERM");
  await tellRest(broker.address, second, "");
  await checkEvents(broker.address, second, "");
}

test(`replicated: what the log cannot take is pending, and done once it can (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  cluster = await startCluster({ MIZAN_ACKS: "replicated", MIZAN_REPLICATION_TIMEOUT_MS: "1000" });
  const [first] = cluster.nodes;
  const load = await ClusterLoad.open(first, seed);
  load.begin(first);
  await fillDisk(cluster, first);
  expect(await answerOf(first)).toBe("replication_pending");
  await load.end();
  expect(load.acknowledged).toBeGreaterThan(0);
  await checkCaughtUp(load);
});

test(`local: commands go on up to the limit for the lag, and again once the log keeps up (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  cluster = await startCluster({
    MIZAN_ACKS: "local",
    MIZAN_REPLICATION_LAG_RECORDS_MAX: String(LAG_RECORDS_MAX),
  });
  const [first] = cluster.nodes;
  const load = await ClusterLoad.open(first, seed);
  await fillDisk(cluster, first);
  const before = await cluster.view(first);
  load.begin(first);
  // Until they are refused.
  await load.ended();
  expect(load.acknowledged).toBeGreaterThan(0);
  expect(await answerOf(first)).toBe("overloaded");
  const after = await cluster.view(first);
  expect(after?.shards.map(({ replicatedPosition }) => replicatedPosition)).toEqual(
    before?.shards.map(({ replicatedPosition }) => replicatedPosition),
  );
  expect(await lagRecords(cluster, first)).toBeGreaterThan(LAG_RECORDS_MAX);
  await checkCaughtUp(load);
});
