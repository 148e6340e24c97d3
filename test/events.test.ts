/**
 * Events on a real broker: every record of a random program leads to its events, none missing and none twice for whoever
 * reads committed records, whatever is killed: the ledger, the relay in the middle of a transaction, the broker.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type CloudEvent, Kafka as KafkaBinding } from "cloudevents";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Mizan, MizanError } from "../client/index.ts";
import type { EngineOptions } from "../engine/engine.ts";
import { startEngine } from "../engine/start-engine.ts";
import { loadConfig } from "../gateway/config.ts";
import { EVENT_TYPES } from "../protocol/events/event-types.ts";
import { type ReadEvent, readEvents } from "./event-reader.ts";
import { beginStory, continueStory, type Story } from "./event-story.ts";
import { expectedEvents } from "./expected-events.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";
import { randomFrom } from "./writers.ts";

const RELAYING = fileURLToPath(new URL("./relaying-process.ts", import.meta.url));
const SHARDS = 2;
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);

let broker: TemporaryBroker;
beforeAll(async () => {
  broker = await TemporaryBroker.create();
  await broker.start();
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => broker.dispose());

const ledgers: LedgerProcess[] = [];
const clients: Mizan[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const ledger of ledgers.splice(0)) await ledger.dispose();
});

async function startLedger(env: NodeJS.ProcessEnv): Promise<LedgerProcess> {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: String(SHARDS), ...env });
  ledgers.push(ledger);
  await ledger.start();
  return ledger;
}

async function connect(ledger: LedgerProcess): Promise<Mizan> {
  const client = await Mizan.connect({ url: ledger.url, apiKey: ADMIN_KEY });
  clients.push(client);
  return client;
}

async function goOn(mizan: Mizan, story: Story, random: () => number, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch += 1) await continueStory(mizan, story, random, 40);
}

/** What the journal of a stopped ledger has to lead to. */
async function expectedOf(ledger: LedgerProcess): Promise<{ readonly lines: string[]; readonly ledgerId: string }> {
  const options: EngineOptions = loadConfig({
    MIZAN_DATA_DIR: ledger.dataDir,
    MIZAN_JOURNAL_SEGMENT_BYTES: String(16 << 20),
  });
  const engine = await startEngine(options, { log: () => {}, onWake: () => {}, onFailure: () => {} });
  const lines = expectedEvents(engine.journals, engine.columns);
  await engine.stop();
  return { lines, ledgerId: engine.ledgerId };
}

/** Checks the events of a ledger that was stopped, and that all of it is told. */
async function checkEvents(ledger: LedgerProcess, prefix: string): Promise<readonly ReadEvent[]> {
  const { lines, ledgerId } = await expectedOf(ledger);
  const events = await readEvents(broker.address, [`${prefix}wallet-events`, `${prefix}transfer-events`], lines.length);
  const told = events.map(({ headers, key }) => `${headers.ce_id} ${headers.ce_type} ${key}`);
  expect(told.sort()).toEqual(lines.sort());
  for (const event of events) checkEvent(event, prefix, ledgerId);
  checkOrder(events);
  checkVersions(events);
  return events;
}

function checkEvent({ topic, key, headers, value }: ReadEvent, prefix: string, ledgerId: string): void {
  const facts = EVENT_TYPES.get(headers.ce_type);
  expect(topic).toBe(`${prefix}${facts?.aggregate}-events`);
  expect(facts?.data.safeParse(JSON.parse(value)).error, `${headers.ce_type} ${value}`).toBeUndefined();
  const record = { key, value, headers, body: value, timestamp: "" };
  const event = KafkaBinding.toEvent(record) as CloudEvent<object>;
  expect(event.validate()).toBe(true);
  const [shard, sequence] = event.id.split(":");
  expect(event).toMatchObject({
    specversion: "1.0",
    source: `/ledgers/${ledgerId}/shards/${shard}`,
    subject: key,
    datacontenttype: "application/json",
    dataschema: `urn:mizan:event-schema:${event.type}`,
    data: { position: `${shard}:${sequence}`, [facts?.aggregate === "wallet" ? "walletId" : "transferId"]: key },
  });
  const { metadata } = JSON.parse(value) as { readonly metadata?: { readonly traceparent?: string } };
  expect(event.traceparent).toBe(metadata?.traceparent);
}

/** In a partition the events of one source come in the order in which they happened. */
function checkOrder(events: readonly ReadEvent[]): void {
  const last = new Map<string, string>();
  for (const { topic, partition, headers } of events) {
    const place = `${topic} ${partition} ${headers.ce_source}`;
    expect(headers.ce_sequence > (last.get(place) ?? ""), `${place} ${headers.ce_sequence}`).toBe(true);
    last.set(place, headers.ce_sequence);
  }
}

/** Each version of a wallet is told once, in order. */
function checkVersions(events: readonly ReadEvent[]): void {
  const versions = new Map<string, number>();
  for (const { key, headers, value } of events) {
    if (!headers.ce_type.startsWith("mizan.wallet.") || headers.ce_type.includes("stripe_")) continue;
    const { version } = JSON.parse(value) as { readonly version: number };
    expect(version).toBe((versions.get(key) ?? 0) + 1);
    versions.set(key, version);
  }
}

test(`the ledger and the broker are killed: each record is told once (seed ${seed})`, { timeout: 90_000 }, async () => {
  const random = randomFrom(seed);
  const prefix = "killed.";
  const ledger = await startLedger({
    MIZAN_EVENTS: "on",
    MIZAN_KAFKA_BROKERS: broker.address,
    MIZAN_EVENTS_TOPIC_PREFIX: prefix,
  });
  const story = await beginStory(await connect(ledger));
  for (const kill of ["ledger", "broker", "ledger"] as const) {
    const writing = goOn(await connect(ledger), story, random, 30).catch((error: unknown) => {
      // The ledger is gone for longer than a client that is being closed waits.
      if (!(error instanceof MizanError)) throw error;
    });
    await delay(200 + random() * 600);
    if (kill === "ledger") {
      await ledger.end("SIGKILL");
      await ledger.start();
    } else {
      await broker.kill();
      await broker.start();
    }
    await writing;
  }
  const wallets = await (await connect(ledger)).getWallets(story.wallets);
  await delay(1_000);
  await ledger.end("SIGTERM");
  await finish(ledger, prefix);
  const events = await checkEvents(ledger, prefix);
  for (const [index, found] of wallets.entries()) {
    const last = events.findLast(
      ({ key, headers }) => key === story.wallets[index] && /^mizan\.wallet\.(?!stripe_)/.test(headers.ce_type),
    );
    const told = JSON.parse(last?.value ?? "{}") as { readonly version: number; readonly postedMinor: number };
    if (found.ok) expect(told.version).toBeGreaterThanOrEqual(found.version);
  }
});

test(`relays are killed in transactions, and two at once tell nothing twice (seed ${seed})`, {
  timeout: 90_000,
}, async () => {
  const random = randomFrom(seed + 1);
  const prefix = "relayed.";
  const ledger = await startLedger({});
  const mizan = await connect(ledger);
  const story = await beginStory(mizan);
  await goOn(mizan, story, random, 25);
  await mizan.close();
  await ledger.end("SIGTERM");
  for (const [moment, commit] of [
    ["before", 1],
    ["before", 3 + Math.floor(random() * 6)],
    ["after", 3 + Math.floor(random() * 6)],
    ["before", 4],
  ] as const) {
    expect(await relay(ledger, prefix, moment, commit)).toBe("SIGKILL");
  }
  expect(await relay(ledger, prefix, "twice", 0)).toBe(0);
  await checkEvents(ledger, prefix);
});

/** Tells all that is left. */
async function finish(ledger: LedgerProcess, prefix: string): Promise<void> {
  expect(await relay(ledger, prefix, "never", 0)).toBe(0);
}

/** How a relay in a process of its own ended. */
async function relay(ledger: LedgerProcess, prefix: string, moment: string, commit: number): Promise<unknown> {
  const args = [RELAYING, ledger.dataDir, broker.address, prefix, moment, String(commit)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [code, signal] = await once(child, "exit");
  return signal ?? code;
}
