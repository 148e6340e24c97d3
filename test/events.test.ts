/**
 * Events on a real broker: every record of a random program leads to its events, none missing and none twice for whoever
 * reads committed records, whatever is killed: the ledger, the relay in the middle of a transaction, the broker.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Mizan, MizanError } from "../client/index.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { beginStory, continueStory, type Story } from "./event-story.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { MedCardParty } from "./medcard-party.ts";
import { PaymentStory } from "./payment-writer.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";
import { checkEvents, relay, tellRest } from "./told-events.ts";
import { openWallets, randomFrom } from "./writers.ts";

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
  await tellRest(broker.address, ledger, prefix);
  const events = await checkEvents(broker.address, ledger, prefix);
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
    expect(await relay(broker.address, ledger, prefix, moment, commit)).toBe("SIGKILL");
  }
  expect(await relay(broker.address, ledger, prefix, "twice", 0)).toBe(0);
  await checkEvents(broker.address, ledger, prefix);
});

test(`payments are told on a topic of their own (seed ${seed})`, { timeout: 90_000 }, async () => {
  const prefix = "paid.";
  const ledger = await startLedger({
    MIZAN_EVENTS: "on",
    MIZAN_KAFKA_BROKERS: broker.address,
    MIZAN_EVENTS_TOPIC_PREFIX: prefix,
    MIZAN_JOURNAL_TOPIC: `${prefix}journal`,
  });
  const ids = new UuidV7();
  const wallets = await openWallets(ledger, ids);
  const [feesWallet] = await openWallets(ledger, ids);
  const payments = new PaymentStory(wallets, feesWallet, ids, randomFrom(seed + 3));
  await payments.write(ledger, () => payments.answered < 60);
  await ledger.end("SIGTERM");
  await tellRest(broker.address, ledger, prefix);
  const events = await checkEvents(broker.address, ledger, prefix);
  const types = new Set(
    events.filter(({ topic }) => topic === `${prefix}payment-events`).map(({ headers }) => headers.ce_type),
  );
  expect([...types]).toEqual(expect.arrayContaining(["mizan.payment.authorized.v1", "mizan.payment.captured.v1"]));
});

test("medical cards are told on a topic of their own, and nothing of what is said about persons", {
  timeout: 90_000,
}, async () => {
  const prefix = "carded.";
  const ledger = await startLedger({
    MIZAN_EVENTS: "on",
    MIZAN_KAFKA_BROKERS: broker.address,
    MIZAN_EVENTS_TOPIC_PREFIX: prefix,
    MIZAN_JOURNAL_TOPIC: `${prefix}journal`,
  });
  const party = await MedCardParty.meet(ledger);
  const card = await party.issue();
  await party.claim(card, 1_000);
  const claimId = await party.claim(card, 500);
  await ledger.end("SIGKILL");
  await ledger.start();
  await party.command(card, { type: "ReversePrescription", claimId, reason: "he is well again" });
  await party.command(card, { type: "AddBeneficiary", beneficiaryId: party.newId(), relation: "CHILD" });
  party.leave();
  await ledger.end("SIGTERM");
  await tellRest(broker.address, ledger, prefix);
  const events = await checkEvents(broker.address, ledger, prefix);
  const told = events.filter(({ topic }) => topic === `${prefix}medcard-events`);
  expect(told.map(({ headers }) => headers.ce_type.slice("mizan.medcard.".length))).toEqual([
    "issued.v1",
    "activated.v1",
    "prescription_claimed.v1",
    "prescription_paid.v1",
    "prescription_claimed.v1",
    "prescription_paid.v1",
    "prescription_reversed.v1",
    "beneficiary_added.v1",
  ]);
  expect(told.every(({ key, headers }) => key === card && headers.ce_subject === card)).toBe(true);
  expect(told.map(({ value }) => value).join()).not.toMatch(/well|CHILD/);
});

test(`a stop does not wait for a broker that stands still (seed ${seed})`, { timeout: 90_000 }, async () => {
  const random = randomFrom(seed + 2);
  const prefix = "frozen.";
  const ledger = await startLedger({
    MIZAN_EVENTS: "on",
    MIZAN_KAFKA_BROKERS: broker.address,
    MIZAN_EVENTS_TOPIC_PREFIX: prefix,
    MIZAN_JOURNAL_TOPIC: `${prefix}journal`,
    MIZAN_SHUTDOWN_GRACE_MS: "500",
  });
  const mizan = await connect(ledger);
  const story = await beginStory(mizan);
  broker.freeze();
  await goOn(mizan, story, random, 2);
  await mizan.close();
  expect(await ledger.end("SIGTERM")).toBe(0);
  broker.thaw();
  await tellRest(broker.address, ledger, prefix);
  await checkEvents(broker.address, ledger, prefix);
});
