/**
 * A leader, a standby and a Kafka broker on this machine, under load, and what happens when the leader is killed.
 *
 * `npm run demo:replicated`. Everything is in a scratch directory, and ends with it.
 */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Mizan } from "../../client/index.ts";
import { UuidV7 } from "../../protocol/ids.ts";
import { freePorts } from "../kafka/free-ports.ts";
import { KafkaBroker } from "../kafka/kafka-broker.ts";
import { NodeProcess, type Place } from "./node-process.ts";

const WALLETS = 100;
const BATCH = 50;
const LOAD_MS = 4_000;
const OPENING_MINOR = 1_000_000;

/** One transfer that was acknowledged, as it was sent. */
interface Acknowledged {
  readonly fromWalletId: string;
  readonly toWalletId: string;
  readonly amountMinor: number;
  readonly commandId: string;
}

const startedMs = performance.now();

function say(line: string): void {
  process.stdout.write(`${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
}

const isLeader = ({ role }: Place): boolean => role === "leader";
const isInStep = ({ role, leader, behindRecords }: Place): boolean =>
  role === "standby" && leader !== undefined && behindRecords === 0;

async function run(scratch: string): Promise<void> {
  const kafkaPort = await freePorts(2);
  const httpPort = await freePorts(2);
  const broker = new KafkaBroker({ dataDir: join(scratch, "kafka"), port: kafkaPort });
  const key = randomBytes(16).toString("hex");
  const nodes = (["leader", "standby"] as const).map(
    (role, index) =>
      new NodeProcess(httpPort + index, key, {
        MIZAN_DATA_DIR: join(scratch, role),
        MIZAN_ROLE: role,
        MIZAN_ACKS: "replicated",
        MIZAN_KAFKA_BROKERS: broker.address,
        MIZAN_SESSION_TIMEOUT_MS: "2000",
      }),
  );
  const [first, second] = nodes as [NodeProcess, NodeProcess];
  try {
    say("a Kafka broker starts (the first time it is fetched)");
    await broker.start((line) => say(line));
    say(`broker on ${broker.address}`);
    const place = await first.start(isLeader);
    say(`${first.url} leads, in epoch ${place.epoch}`);
    await second.start(isInStep);
    say(`${second.url} follows, and has everything`);
    await killUnderLoad(first, second, key);
  } finally {
    await Promise.all([first.kill(), second.kill()]);
    await broker.kill();
  }
}

async function killUnderLoad(first: NodeProcess, second: NodeProcess, key: string): Promise<void> {
  const mizan = await Mizan.connect({ urls: [first.url, second.url], apiKey: key, timeoutMs: 30_000 });
  const wallets = await openWallets(mizan);
  const acknowledged: Acknowledged[] = [];
  let isOver = false;
  let lastMs = performance.now();
  let longestMs = 0;
  const load = (async () => {
    while (!isOver) {
      acknowledged.push(...(await transferOnce(mizan, wallets)));
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    }
  })();
  const ticker = setInterval(
    () => say(`${acknowledged.length} transfers acknowledged, each of them in the log`),
    1_000,
  );
  say("transfers begin, 50 a message, each answered once Kafka has it");
  await delay(LOAD_MS);
  await first.kill();
  say(`kill -9 of the leader, with ${acknowledged.length} transfers acknowledged`);
  const { epoch } = await second.when(isLeader);
  say(`${second.url} leads, in epoch ${epoch}; the client goes on with what was not answered`);
  await delay(LOAD_MS);
  await first.start(isInStep);
  say(`${first.url} is back: it has cut off what the log did not have, and follows`);
  isOver = true;
  await load;
  clearInterval(ticker);
  say(`longest time without an answer: ${Math.round(longestMs)} ms`);
  await check(mizan, wallets, acknowledged);
  await mizan.close();
}

async function openWallets(mizan: Mizan): Promise<readonly string[]> {
  const ids = new UuidV7();
  const ownerId = ids.next();
  const wallets = Array.from({ length: WALLETS }, () => ids.next());
  const commands = wallets.flatMap((walletId) => [
    { type: "CreateWallet" as const, walletId, ownerId, currency: "EGP" as const },
    { type: "ActivateWallet" as const, walletId },
    { type: "Credit" as const, walletId, amountMinor: OPENING_MINOR },
  ]);
  const results = await mizan.batch(commands);
  if (results.some(({ ok }) => !ok)) throw new Error("the wallets could not be opened");
  return wallets;
}

async function transferOnce(mizan: Mizan, wallets: readonly string[]): Promise<readonly Acknowledged[]> {
  const ids = new UuidV7();
  const pick = (): number => Math.floor(Math.random() * wallets.length);
  const transfers = Array.from({ length: BATCH }, () => {
    const from = pick();
    const to = (from + 1 + Math.floor(Math.random() * (wallets.length - 1))) % wallets.length;
    return {
      fromWalletId: wallets[from] as string,
      toWalletId: wallets[to] as string,
      amountMinor: 1 + Math.floor(Math.random() * 100),
      commandId: ids.next(),
    };
  });
  const results = await mizan.batch(transfers.map((transfer) => ({ type: "Transfer" as const, ...transfer })));
  return transfers.filter((_, index) => results[index]?.ok === true);
}

async function check(mizan: Mizan, wallets: readonly string[], acknowledged: readonly Acknowledged[]): Promise<void> {
  const balances = new Map(wallets.map((walletId) => [walletId, OPENING_MINOR]));
  for (const { fromWalletId, toWalletId, amountMinor } of acknowledged) {
    balances.set(fromWalletId, (balances.get(fromWalletId) ?? 0) - amountMinor);
    balances.set(toWalletId, (balances.get(toWalletId) ?? 0) + amountMinor);
  }
  const found = await mizan.getWallets(wallets);
  const wrong = found.filter((wallet) => !wallet.ok || wallet.postedMinor !== balances.get(wallet.walletId));
  const books = await mizan.trialBalance();
  const isBalanced = books.ok && books.lines.every(({ sumMinor }) => sumMinor === "0");
  say(`${acknowledged.length} acknowledged transfers; wallets whose balance is not exactly their sum: ${wrong.length}`);
  say(`books ${isBalanced ? "balanced: every currency sums to zero" : "NOT balanced"}`);
  if (wrong.length > 0 || !isBalanced) process.exitCode = 1;
}

const scratch = mkdtempSync(join(tmpdir(), "mizan-demo-"));
try {
  await run(scratch);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
