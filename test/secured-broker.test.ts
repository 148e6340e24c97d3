/** A broker that is reached over TLS alone, by those who know the password: the journal, the events, and who reads them. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BrokerAccess, EventConsumer } from "../client/events.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { LedgerProcess } from "./ledger-process.ts";
import { makeCertificate } from "./loopback-certificate.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";
import { openWallets } from "./writers.ts";

const USERNAME = "mizan";
const PASSWORD = "a-password-of-tests";

const scratch = mkdtempSync(join(tmpdir(), "mizan-secured-"));
const { storeFile, storePassword, caFile } = makeCertificate(scratch);
const ledgers: LedgerProcess[] = [];
let broker: TemporaryBroker;
let address: string;

beforeAll(async () => {
  const listener = "listener.name.proxied0";
  broker = await TemporaryBroker.create({
    proxies: 1,
    settings: {
      "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED0:SASL_SSL",
      [`${listener}.ssl.keystore.type`]: "PKCS12",
      [`${listener}.ssl.keystore.location`]: storeFile,
      [`${listener}.ssl.keystore.password`]: storePassword,
      [`${listener}.sasl.enabled.mechanisms`]: "PLAIN",
      [`${listener}.plain.sasl.jaas.config`]: `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USERNAME}="${PASSWORD}";`,
    },
  });
  await broker.start();
  address = broker.proxies[0].address;
}, FIRST_BROKER_WITHIN_MS);

afterAll(async () => {
  for (const ledger of ledgers) await ledger.dispose();
  await broker.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

async function newLedger(env: NodeJS.ProcessEnv): Promise<LedgerProcess> {
  const ledger = await LedgerProcess.create({
    MIZAN_SHARDS: "1",
    MIZAN_KAFKA_BROKERS: address,
    MIZAN_KAFKA_TLS: "on",
    MIZAN_KAFKA_CA_FILE: caFile,
    MIZAN_KAFKA_USERNAME: USERNAME,
    MIZAN_KAFKA_PASSWORD: PASSWORD,
    ...env,
  });
  ledgers.push(ledger);
  return ledger;
}

test("journal and events go through TLS with a password, and are read that way", { timeout: 60_000 }, async () => {
  const ledger = await newLedger({ MIZAN_ACKS: "replicated", MIZAN_EVENTS: "on" });
  await ledger.start();
  // Each of these answers waited for the log.
  const wallets = await openWallets(ledger, new UuidV7());
  // By then the topics are there.
  while (!ledger.output.includes("telling events")) await delay(20);
  const created = new Set<string>();
  const sasl = { mechanism: "plain", username: USERNAME, password: PASSWORD } as const;
  const kafka: BrokerAccess = { brokers: [address], tls: { ca: readFileSync(caFile, "utf8") }, sasl };
  const consumer = await EventConsumer.start({
    kafka,
    groupId: "secured",
    topics: ["wallet-events"],
    handle: ({ type, subject }) => {
      if (type === "mizan.wallet.created.v1") created.add(subject);
    },
  });
  while (created.size < wallets.length) await delay(20);
  await consumer.stop();
  expect(created).toEqual(new Set(wallets));
});

test("who has the wrong password, or does not know who vouches for the broker, waits and says why", {
  timeout: 60_000,
}, async () => {
  for (const [env, reason] of [
    [{ MIZAN_KAFKA_PASSWORD: "another-password" }, /SASL PLAIN authentication failed/],
    [{ MIZAN_KAFKA_CA_FILE: undefined }, /self.signed certificate/],
  ] as const) {
    const ledger = await newLedger(env);
    ledger.spawn();
    while (!reason.test(ledger.output)) await delay(20);
    expect(ledger.output).toContain("the log cannot be read; waiting for it");
    expect(ledger.output).not.toContain("another-password");
    await ledger.end("SIGKILL");
  }
});

test("a file without certificates is no start", async () => {
  const ledger = await newLedger({ MIZAN_KAFKA_CA_FILE: join(scratch, "broker.p12") });
  expect(await ledger.run()).toBe(1);
  expect(ledger.output).toContain("kafka_ca_unreadable");
});
