/**
 * A ledger on two nodes and a broker, all of them real processes that are killed, frozen and cut off under load.
 *
 * What must hold after each of it:
 * 1. every command that was acknowledged as replicated is on the survivor: sent again, it gets the same answer;
 * 2. no command is applied twice or by half: the balances equal the sum of what was answered `ok`;
 * 3. the books balance, with nothing left in transit;
 * 4. who led before shows nothing that the survivor does not know, cuts off what the log does not have, and follows.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { LedgerCluster } from "./ledger-cluster.ts";
import { ADMIN_KEY, type LedgerProcess } from "./ledger-process.ts";
import { askMizan } from "./mizan-command.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";
import {
  applyAnswered,
  checkBooks,
  openingBalances,
  openWallets,
  randomFrom,
  type Sent,
  settle,
  write,
} from "./writers.ts";

const WRITERS = 3;
const LOAD_MS = 700;
const TIMEOUT_MS = 120_000;
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);

let cluster: LedgerCluster | undefined;

beforeAll(async () => {
  const broker = await TemporaryBroker.create();
  await broker.start();
  await broker.dispose();
}, FIRST_BROKER_WITHIN_MS);

afterEach(async () => {
  await cluster?.dispose();
  cluster = undefined;
});

/** A leader that hands over refuses commands for a moment. */
function ifNotHandingOver(error: unknown): void {
  if (!(error instanceof Error && error.message === "overloaded")) throw error;
}

/** Files of records that a node has cut off. */
function asideIn({ dataDir }: LedgerProcess): string[] {
  return [0, 1]
    .flatMap((shard) => readdirSync(join(dataDir, `shard-${shard}`)))
    .filter((name) => name.startsWith("unreplicated-"));
}

/** Wallets of a cluster, and what was sent about them. */
class Load {
  readonly sent: Sent[] = [];
  readonly #ids = new UuidV7();
  readonly #random = randomFrom(seed);
  readonly #balances: Map<string, number>;
  readonly #wallets: readonly string[];
  #writers: Promise<unknown>[] = [];

  private constructor(wallets: readonly string[]) {
    this.#wallets = wallets;
    this.#balances = openingBalances(wallets);
  }

  static async open(leader: LedgerProcess): Promise<Load> {
    return new Load(await openWallets(leader, new UuidV7()));
  }

  /** Begins to write to a node, until its connections break. */
  begin(node: LedgerProcess): void {
    for (let writer = 0; writer < WRITERS; writer += 1) {
      this.#writers.push(write(node, this.#wallets, this.#ids, this.#random, this.sent).catch(ifNotHandingOver));
    }
  }

  /** Resolves when no writer is connected any more. */
  async ended(): Promise<void> {
    await Promise.all(this.#writers);
    this.#writers = [];
  }

  /** Sends everything again to whoever leads now, and compares the books. */
  async check(leader: LedgerProcess): Promise<void> {
    // What was refused by a node that did not lead, or not confirmed in time, is open.
    for (const one of this.sent) {
      if (["not_leader", "replication_pending", "shutting_down", "overloaded"].includes(one.result?.code ?? ""))
        one.result = undefined;
    }
    await settle(leader, this.sent);
    const balances = new Map(this.#balances);
    applyAnswered(balances, this.sent);
    await checkBooks(leader, balances);
  }

  /** Compares the books with what they were before anything was written. */
  async checkUntouched(leader: LedgerProcess): Promise<void> {
    await checkBooks(leader, this.#balances);
  }

  /** How many were acknowledged. */
  get acknowledged(): number {
    return this.sent.filter(({ result }) => result?.code === "ok").length;
  }
}

const ENV = { MIZAN_ACKS: "replicated", MIZAN_SHARDS: "2" };

test.each(["1", "2"])(
  `the leader of %s shards is killed: the standby takes over, and the former leader follows (seed ${seed})`,
  {
    timeout: TIMEOUT_MS,
  },
  async (shards) => {
    cluster = await LedgerCluster.start({ ...ENV, MIZAN_SHARDS: shards });
    const [first, second] = cluster.nodes;
    const load = await Load.open(first);
    load.begin(first);
    await delay(LOAD_MS);
    await first.end("SIGKILL");
    await load.ended();
    expect(load.acknowledged).toBeGreaterThan(0);
    await cluster.leads(second);
    await load.check(second);
    await first.start();
    await cluster.follows(first);
    await cluster.catchesUp(first, second);
    await load.check(second);
  },
);

test(`the leader is frozen, and thawed after the takeover: it shows nothing more (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  cluster = await LedgerCluster.start(ENV);
  const [first, second] = cluster.nodes;
  const load = await Load.open(first);
  load.begin(first);
  await delay(LOAD_MS);
  process.kill(first.pid, "SIGSTOP");
  await cluster.leads(second);
  process.kill(first.pid, "SIGCONT");
  await load.ended();
  await load.check(second);
  await cluster.follows(first);
  await cluster.catchesUp(first, second);
});

test(`both nodes are killed, and the broker too: who led last leads again (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  cluster = await LedgerCluster.start(ENV);
  const [first, second] = cluster.nodes;
  const load = await Load.open(first);
  load.begin(first);
  await delay(LOAD_MS);
  await Promise.all([first.end("SIGKILL"), second.end("SIGKILL"), cluster.broker.kill()]);
  await load.ended();
  await cluster.broker.start();
  await Promise.all([first.start(), second.start()]);
  await cluster.leads(first);
  await load.check(first);
  await cluster.catchesUp(second, first);
});

test(`the broker is killed and started again under load, then the leader ends (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  cluster = await LedgerCluster.start(ENV);
  const [first, second] = cluster.nodes;
  const load = await Load.open(first);
  load.begin(first);
  await delay(LOAD_MS);
  await cluster.broker.kill();
  await cluster.broker.start();
  await delay(LOAD_MS);
  await first.end("SIGTERM");
  await load.ended();
  await cluster.leads(second);
  await load.check(second);
});

test(`the leader is cut off from the broker: the standby takes over, and who led knows at once when it is back (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  cluster = await LedgerCluster.start(ENV, { proxies: 1 });
  const [first, second] = cluster.nodes;
  const load = await Load.open(first);
  load.begin(first);
  await delay(LOAD_MS);
  cluster.broker.proxies[0].cut();
  await cluster.leads(second);
  await cluster.broker.proxies[0].restore();
  await load.ended();
  await load.check(second);
  await cluster.follows(first);
  await cluster.catchesUp(first, second);
});

test(`the broker is frozen for ten seconds under load (seed ${seed})`, { timeout: TIMEOUT_MS }, async () => {
  cluster = await LedgerCluster.start(ENV);
  const [first, second] = cluster.nodes;
  const load = await Load.open(first);
  load.begin(first);
  await delay(LOAD_MS);
  cluster.broker.freeze();
  await delay(10_000);
  cluster.broker.thaw();
  await delay(LOAD_MS);
  await first.end("SIGKILL");
  await load.ended();
  await cluster.leads(second);
  await load.check(second);
});

test(`the standby is killed while it catches up, twice (seed ${seed})`, { timeout: TIMEOUT_MS }, async () => {
  cluster = await LedgerCluster.start(ENV);
  const [first, second] = cluster.nodes;
  const load = await Load.open(first);
  load.begin(first);
  for (let kill = 0; kill < 2; kill += 1) {
    await delay(LOAD_MS);
    await second.end("SIGKILL");
    await delay(LOAD_MS);
    await second.start();
  }
  await cluster.follows(second);
  await first.end("SIGKILL");
  await load.ended();
  await cluster.leads(second);
  await load.check(second);
});

test(`mizan promote: the leader hands over under load, and follows (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  cluster = await LedgerCluster.start(ENV);
  const [first, second] = cluster.nodes;
  const load = await Load.open(first);
  load.begin(first);
  await delay(LOAD_MS);
  const promoted = await askMizan(["promote", second.url], { MIZAN_ADMIN_KEY: ADMIN_KEY });
  expect(promoted).toMatchObject({ command: "promote", ok: true, exitCode: 0, epoch: 2 });
  await cluster.leads(second);
  await load.ended();
  await load.check(second);
  await cluster.follows(first);
  await cluster.catchesUp(first, second);
  // Nothing was only on the former leader, so nothing had to be cut off.
  expect(asideIn(first)).toEqual([]);
  expect(await askMizan(["promote", second.url], { MIZAN_ADMIN_KEY: ADMIN_KEY })).toMatchObject({
    epoch: 2,
    tookMs: 0,
  });
});

test(`acknowledged here only, the lag is lost with the leader, whole and reported (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  cluster = await LedgerCluster.start({ MIZAN_ACKS: "local", MIZAN_SHARDS: "2" }, { proxies: 1 });
  const [first, second] = cluster.nodes;
  const load = await Load.open(first);
  await cluster.catchesUp(second, first);
  cluster.broker.proxies[0].cut();
  load.begin(first);
  await delay(LOAD_MS);
  await first.end("SIGKILL");
  await load.ended();
  await cluster.leads(second);
  await load.checkUntouched(second);
  cluster.broker.proxies[0].restore();
  await first.start();
  await cluster.follows(first);
  await cluster.catchesUp(first, second);
  expect(asideIn(first).length).toBeGreaterThan(0);
});
