/** What the metrics say of a real log that stands still, and of one that keeps up. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { scrape } from "./scrape.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";
import { WireClient } from "./wire-client.ts";

const OWNER = "01900000-0000-7000-8000-000000000001";
const CREDITS = 1_500;
const WITHIN = { timeout: 60_000, interval: 50 };
/** A plain posting; a frame has a head besides. */
const RECORD_BYTES = 64;

let broker: TemporaryBroker;
beforeAll(async () => {
  broker = await TemporaryBroker.create();
  await broker.start();
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => broker.dispose());

test("a broker that stands still shows as lag in records, bytes and seconds, and the lag goes when it is made up", {
  timeout: 180_000,
}, async () => {
  const ledger = await LedgerProcess.create({
    MIZAN_SHARDS: "1",
    MIZAN_KAFKA_BROKERS: broker.address,
    MIZAN_EVENTS: "on",
    MIZAN_REPLICATION_LAG_RECORDS_MAX: "1000",
    MIZAN_REPLICATION_LAG_ACTION: "go_on",
    MIZAN_SHUTDOWN_GRACE_MS: "500",
  });
  try {
    await ledger.start();
    const value = async (name: string): Promise<number> => {
      const text = await scrape(ledger.url, ADMIN_KEY);
      return Number(new RegExp(`^${name}(?:\\{shard="0"\\})? (\\S+)$`, "m").exec(text)?.[1]);
    };
    const lag = (): Promise<number> => value("mizan_replication_lag_records");
    const untold = async (): Promise<number> =>
      (await value("mizan_journal_sequence")) - (await value("mizan_events_told_sequence"));
    const ids = new UuidV7();
    const wire = await WireClient.connect(ledger.port, ADMIN_KEY);
    const walletId = ids.next();
    const opened = await wire.commands([
      { operation: "CreateWallet", id: ids.next(), walletId, counterpartyId: OWNER },
      { operation: "ActivateWallet", id: ids.next(), walletId },
    ]);
    expect(opened.map(({ code }) => code)).toEqual(["ok", "ok"]);
    await expect.poll(lag, WITHIN).toBe(0);
    await expect.poll(untold, WITHIN).toBe(0);
    expect(await value("mizan_replication_lag_bytes")).toBe(0);
    expect(await value("mizan_replication_lag_seconds")).toBe(0);
    const before = await value("mizan_replicated_sequence");

    broker.freeze();
    const credits = Array.from({ length: CREDITS }, () => ({ operation: "Credit", walletId, amountMinor: 1 }) as const);
    const results = await wire.commands(credits.map((credit) => ({ ...credit, id: ids.next() })));
    expect(results.every(({ code }) => code === "ok")).toBe(true);
    await expect.poll(lag, WITHIN).toBe(CREDITS);
    await expect.poll(untold, WITHIN).toBe(CREDITS);
    expect(await value("mizan_replicated_sequence")).toBe(before);
    expect(await value("mizan_replication_lag_bytes")).toBeGreaterThan(CREDITS * RECORD_BYTES);
    // It is the age of what is missing: it grows as long as that stays so.
    await expect.poll(() => value("mizan_replication_lag_seconds"), WITHIN).toBeGreaterThan(1);
    await expect.poll(() => value("mizan_replication_lag_seconds"), WITHIN).toBeGreaterThan(5);
    const ready = await fetch(`${ledger.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { reasons: ["log_behind"] }]);
    expect(await value("mizan_ready")).toBe(0);

    broker.thaw();
    for (const name of ["lag_records", "lag_bytes", "lag_seconds"]) {
      await expect.poll(() => value(`mizan_replication_${name}`), WITHIN).toBe(0);
    }
    await expect.poll(untold, WITHIN).toBe(0);
    expect(await value("mizan_replicated_sequence")).toBe(before + CREDITS);
    expect(await value("mizan_ready")).toBe(1);
    wire.close();
  } finally {
    await ledger.dispose();
  }
});
