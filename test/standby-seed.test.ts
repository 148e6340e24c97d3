/**
 * A node without data beside a leader, a broker and a network that breaks, all of them real: it begins with a snapshot of the
 * leader's, goes on with the log, and may take over.
 */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { afterEach, beforeAll, expect, test } from "vitest";
import { listBuckets } from "../engine/idempotency/bucket-layout.ts";
import { listArchives } from "../engine/journal/archive-file.ts";
import { JournalReader } from "../engine/journal/journal-reader.ts";
import { listSegments } from "../engine/journal/segment-file.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { listSnapshots, type StoredSnapshot } from "../snapshots/snapshot-directory.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { LogNode } from "./log-node.ts";
import { askMizan } from "./mizan-command.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";
import { WireClient, type WireCommand } from "./wire-client.ts";
import { applyAnswered, checkBooks, openingBalances, openWallets, type Sent, settle } from "./writers.ts";

const TIMEOUT_MS = 180_000;
const WITHIN_MS = 60_000;
const POLL_MS = 20;
const TOPIC = "mizan.journal";
const SHARDS = [0, 1];
const BATCH = 1_000;
const HELD_MINOR = 7;
const ids = new UuidV7();

/** What `GET /api/v1/replication` shows. */
interface NodeView {
  readonly role: string;
  readonly leader?: string;
  readonly behindRecords: number;
  readonly shards: readonly { readonly position: string; readonly replicatedPosition: string }[];
  readonly seed?: { readonly bytes: number; readonly bytesTotal: number; readonly records: number };
}

const disposables: { dispose(): Promise<void> }[] = [];
let broker: TemporaryBroker;

beforeAll(async () => {
  const first = await TemporaryBroker.create();
  await first.start();
  await first.dispose();
}, FIRST_BROKER_WITHIN_MS);

afterEach(async () => {
  for (const disposable of disposables.splice(0).reverse()) await disposable.dispose();
});

async function startBroker(proxies = 0): Promise<void> {
  broker = await TemporaryBroker.create({ proxies });
  disposables.push(broker);
  await broker.start();
}

const common = (): NodeJS.ProcessEnv => ({
  MIZAN_SESSION_TIMEOUT_MS: "2000",
  MIZAN_KAFKA_BROKERS: broker.address,
});

async function newStandby(env: NodeJS.ProcessEnv): Promise<LedgerProcess> {
  const node = await LedgerProcess.create({ ...common(), MIZAN_ROLE: "standby", ...env });
  disposables.push(node);
  return node;
}

/** A leader that other nodes reach through a network which a test may break. */
async function startLeader(more: NodeJS.ProcessEnv): Promise<{ leader: LedgerProcess; network: TcpProxy }> {
  const env: NodeJS.ProcessEnv = { ...common(), MIZAN_SHARDS: String(SHARDS.length), ...more };
  const leader = await LedgerProcess.create(env);
  disposables.push(leader);
  const network = await TcpProxy.open(leader.port);
  disposables.push({ dispose: () => network.close() });
  env.MIZAN_NODE_URL = `http://${network.address}`;
  await leader.start();
  await leads(leader);
  return { leader, network };
}

async function view({ url }: LedgerProcess, key = ADMIN_KEY): Promise<NodeView | undefined> {
  try {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${url}/api/v1/replication`, { headers, signal: AbortSignal.timeout(2_000) });
    return response.ok ? ((await response.json()) as NodeView) : undefined;
  } catch {
    return undefined;
  }
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>, about?: LedgerProcess): Promise<void> {
  const deadlineMs = Date.now() + WITHIN_MS;
  while (!(await isTrue())) {
    if (Date.now() > deadlineMs) throw new Error(`not in time: ${what}\n${about?.output.slice(-6_000)}`);
    await delay(POLL_MS);
  }
}

function positionsOf(seen: NodeView | undefined): string {
  return JSON.stringify(seen?.shards.map(({ position }) => position));
}

async function catchesUp(standby: LedgerProcess, leader: LedgerProcess): Promise<void> {
  const wanted = positionsOf(await view(leader));
  await until(`the standby has ${wanted}`, async () => positionsOf(await view(standby)) === wanted, standby);
}

async function leads(node: LedgerProcess): Promise<void> {
  await until("it leads", async () => (await view(node))?.role === "leader", node);
}

/** Transfers between random wallets, with every answer. */
class Load {
  readonly sent: Sent[] = [];
  readonly held: Sent[] = [];
  readonly wallets: readonly string[];
  #count = 0;

  constructor(wallets: readonly string[]) {
    this.wallets = wallets;
  }

  async write(leader: LedgerProcess, isEnough: () => boolean, batch = BATCH): Promise<void> {
    const client = await WireClient.connect(leader.port, ADMIN_KEY);
    do {
      const commands = Array.from({ length: batch }, () => this.#transfer());
      const results = await client.commands(commands);
      for (const [index, command] of commands.entries()) this.sent.push({ command, result: results[index] });
    } while (!isEnough());
    client.close();
  }

  /** Holds a little of every wallet. */
  async hold(leader: LedgerProcess): Promise<void> {
    const client = await WireClient.connect(leader.port, ADMIN_KEY);
    const commands = this.wallets.map(
      (walletId): WireCommand => ({ operation: "PlaceHold", id: ids.next(), walletId, amountMinor: HELD_MINOR }),
    );
    const results = await client.commands(commands);
    expect(results.map(({ code }) => code)).toEqual(commands.map(() => "ok"));
    for (const [index, command] of commands.entries()) this.held.push({ command, result: results[index] });
    client.close();
  }

  /** Every command sent again gets its first answer, and everything is where these say. */
  async check(leader: LedgerProcess): Promise<void> {
    await settle(leader, [...this.held, ...this.sent]);
    const balances = openingBalances(this.wallets);
    applyAnswered(balances, this.sent);
    await checkBooks(leader, balances);
    const client = await WireClient.connect(leader.port, ADMIN_KEY);
    const wallets = await client.wallets(this.wallets);
    client.close();
    expect(wallets.map(({ heldMinor }) => heldMinor)).toEqual(
      wallets.map(() => (this.held.length > 0 ? HELD_MINOR : 0)),
    );
  }

  /** Nothing that was sent has happened. */
  async checkUntouched(leader: LedgerProcess): Promise<void> {
    await checkBooks(leader, openingBalances(this.wallets));
  }

  #transfer(): WireCommand {
    const at = this.#count;
    this.#count += 1;
    const [walletId, counterpartyId] = [0, 1 + (at % 7)].map((step) => this.wallets[(at + step) % this.wallets.length]);
    return { operation: "Transfer", id: ids.next(), walletId, counterpartyId, amountMinor: 1 + (at % 9) };
  }
}

async function trimLog(): Promise<void> {
  const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(TOPIC);
  const partitions = offsets.map(({ partition, high }) => ({
    partition,
    offset: String(Math.floor(Number(high) / 2)),
  }));
  await admin.deleteTopicRecords({ topic: TOPIC, partitions });
  const left = await admin.fetchTopicOffsets(TOPIC);
  expect(left.map(({ low }) => Number(low) > 0)).toEqual(SHARDS.map(() => true));
  await admin.disconnect();
}

async function balancesOf(node: LedgerProcess, wallets: readonly string[]): Promise<unknown> {
  const client = await WireClient.connect(node.port, ADMIN_KEY);
  const found = await client.wallets(wallets);
  client.close();
  return found;
}

/** The first record that each shard's journal has. */
function firstPositions(node: LedgerProcess): string[] {
  return SHARDS.map((shard) => {
    const directory = shardPath(node, shard);
    const archiveDirectory = join(node.dataDir, "archive", `shard-${shard}`);
    const reader = new JournalReader({ directory, archiveDirectory, shard, control: undefined });
    const { range } = reader;
    reader.close();
    return `${shard}:${range?.first}`;
  });
}

const snapshotsOf = (node: LedgerProcess, shard: number): readonly StoredSnapshot[] =>
  listSnapshots(join(shardPath(node, shard), "snapshots"));
const shardPath = ({ dataDir }: LedgerProcess, shard: number): string => join(dataDir, `shard-${shard}`);
const archived = ({ dataDir }: LedgerProcess, shard: number): number =>
  listArchives(join(dataDir, "archive", `shard-${shard}`)).length;

test("a node without data begins with a snapshot where the log has lost its beginning, and takes over", {
  timeout: TIMEOUT_MS,
}, async () => {
  await startBroker();
  const env = {
    MIZAN_ACKS: "replicated",
    MIZAN_IDEMPOTENCY_IDS_MAX: "65536",
    MIZAN_SNAPSHOT_JOURNAL_BYTES: String(12 << 20),
    MIZAN_SNAPSHOT_KEEP: "1",
  };
  const { leader, network } = await startLeader(env);
  const load = new Load(await openWallets(leader, ids));
  await load.hold(leader);
  await load.write(leader, () =>
    SHARDS.every((shard) => archived(leader, shard) > 0 && listBuckets(shardPath(leader, shard)).length > 0),
  );
  await trimLog();

  const stranger = await newStandby({ ...env, MIZAN_ADMIN_KEY: "another-key-0123456789" });
  expect(await stranger.run()).toBe(1);
  expect(stranger.output).toContain("seed_refused");
  expect(readdirSync(stranger.dataDir).filter((name) => !["node.json"].includes(name))).toEqual([]);

  const standby = await newStandby(env);
  network.delay(150);
  const started = standby.start();
  await until("some of the snapshot has come", async () => ((await view(standby))?.seed?.bytes ?? 0) > 0, standby);
  network.reset();
  await until("some of the journal has come", async () => ((await view(standby))?.seed?.records ?? 0) > 0, standby);
  expect((await fetch(`${standby.url}/readyz`)).status).toBe(503);
  network.reset();
  await network.restore();
  await load.write(leader, () => existsSync(join(standby.dataDir, "mizan.json")), 50);
  await started;
  await catchesUp(standby, leader);
  expect(standby.output).toContain("it is tried again");
  expect(standby.output).toContain("this node begins with a snapshot of the leader's");
  expect((await view(standby))?.behindRecords).toBe(0);
  for (const shard of SHARDS) {
    expect(listBuckets(shardPath(standby, shard)).length).toBeGreaterThan(0);
    expect(listSnapshots(join(shardPath(standby, shard), "snapshots")).length).toBeGreaterThan(0);
  }
  await load.write(leader, () => true);
  await leader.end("SIGKILL");
  await leads(standby);
  await load.check(standby);
  await standby.end("SIGTERM");
  expect(await askMizan(["verify", standby.dataDir])).toMatchObject({ ok: true, problems: [] });
});

test("a node without data follows a log that has everything where no snapshot can be had", {
  timeout: TIMEOUT_MS,
}, async () => {
  await startBroker();
  // So that the journal before the snapshot is no longer needed.
  const env = {
    MIZAN_SEED_LOG_RECORDS: "0",
    MIZAN_IDEMPOTENCY_WINDOW_MS: "1000",
    MIZAN_ID_FUTURE_SKEW_MS: "1000",
  };
  const { leader, network } = await startLeader(env);
  const load = new Load(await openWallets(leader, ids));
  await load.write(leader, () => true);
  const seeded = await newStandby(env);
  await delay(3_000);
  await seeded.start();
  await catchesUp(seeded, leader);
  expect(firstPositions(seeded)).not.toEqual(["0:1", "1:1"]);

  await network.refuse();
  const follower = await newStandby(env);
  const started = follower.start();
  await until("it has given up", () => follower.output.includes("follows the log from its beginning"), follower);
  await started;
  await catchesUp(follower, leader);
  expect(firstPositions(follower)).toEqual(["0:1", "1:1"]);
  await network.restore();
  await load.hold(leader);
  await catchesUp(seeded, leader);
  await catchesUp(follower, leader);
  const hashes = await Promise.all([leader, seeded, follower].map((node) => balancesOf(node, load.wallets)));
  expect(hashes[1]).toEqual(hashes[0]);
  expect(hashes[2]).toEqual(hashes[0]);
});

/** Restored data have no place in the log of their own: the node compares them with it from its beginning. */
test("a restored backup follows the log, and takes over", { timeout: TIMEOUT_MS }, async () => {
  await startBroker();
  const env = { MIZAN_ACKS: "replicated" };
  const { leader } = await startLeader(env);
  const load = new Load(await openWallets(leader, ids));
  await load.write(leader, () => true);
  const standby = await newStandby(env);
  const backup = join(leader.dataDir, "backup");
  expect(await askMizan(["backup", leader.dataDir, backup])).toMatchObject({ ok: true });
  expect(await askMizan(["restore", backup, standby.dataDir])).toMatchObject({ ok: true });
  await load.write(leader, () => true);
  await load.hold(leader);
  await standby.start();
  await catchesUp(standby, leader);
  await leader.end("SIGKILL");
  await leads(standby);
  await load.check(standby);
});

test("a leader that archived nothing but what the log has cuts off the rest, and follows", {
  timeout: TIMEOUT_MS,
}, async () => {
  await startBroker(1);
  const [link] = broker.proxies;
  const env = {
    MIZAN_KAFKA_BROKERS: `127.0.0.1:${link.port}`,
    MIZAN_SNAPSHOT_JOURNAL_BYTES: String(4 << 20),
    MIZAN_SNAPSHOT_KEEP: "1",
    MIZAN_IDEMPOTENCY_IDS_MAX: "65536",
  };
  const { leader } = await startLeader(env);
  const standby = await newStandby({});
  await standby.start();
  const load = new Load(await openWallets(leader, ids));
  await catchesUp(standby, leader);
  link.cut();
  const isFar = (shard: number): boolean => listSegments(shardPath(leader, shard)).length > 3;
  await load.write(leader, () => SHARDS.every(isFar));
  const replicated = (await view(leader))?.shards.map(({ replicatedPosition }) => Number(replicatedPosition.slice(2)));
  const oldestOf = (shard: number): number => snapshotsOf(leader, shard).at(-1)?.sequence ?? 0;
  await until("snapshots are ahead", () => SHARDS.every((shard) => snapshotsOf(leader, shard).length > 0), leader);
  expect(SHARDS.map((shard) => archived(leader, shard))).toEqual([0, 0]);
  expect(SHARDS.every((shard) => oldestOf(shard) > (replicated?.[shard] ?? 0))).toBe(true);
  await leader.end("SIGKILL");
  await leads(standby);
  await link.restore();
  await leader.start();
  await catchesUp(leader, standby);
  await load.checkUntouched(standby);
  for (const shard of SHARDS) {
    expect(readdirSync(shardPath(leader, shard)).filter((name) => name.startsWith("unreplicated-"))).toHaveLength(1);
  }
});

test("a standby of a ledger that never had an API key lets its own admin in, and takes over for it", {
  timeout: TIMEOUT_MS,
}, async () => {
  await startBroker();
  const claimant = await LogNode.start({ broker: broker.address, topic: TOPIC, nodeId: "claimant" });
  disposables.push(claimant);
  expect(await claimant.claim()).toBe("leading");
  const standby = await newStandby({ MIZAN_TAKEOVER: "manual" });
  await standby.start();
  await claimant.stop();
  await until("it has read the claim", async () => (await view(standby))?.leader !== undefined, standby);
  expect(await view(standby, "another-key-0123456789")).toBeUndefined();
  const promoted = await askMizan(["promote", standby.url, "--force"], { MIZAN_ADMIN_KEY: ADMIN_KEY });
  expect(promoted).toMatchObject({ ok: true, epoch: 2 });
  await until("it lets its admin in", async () => (await view(standby)) !== undefined, standby);
  const load = new Load(await openWallets(standby, ids));
  await load.write(standby, () => true);
  await load.check(standby);
});
