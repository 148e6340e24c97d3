/** What a ledger that was stopped has told on Kafka, against what its journal has to lead to. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type CloudEvent, Kafka as KafkaBinding } from "cloudevents";
import { expect } from "vitest";
import type { EngineOptions } from "../engine/engine.ts";
import { startEngine } from "../engine/start-engine.ts";
import { loadConfig } from "../gateway/config.ts";
import { EVENT_AGGREGATE_NAMES, EVENT_AGGREGATES, EVENT_TYPES } from "../protocol/events/event-types.ts";
import { type ReadEvent, readEvents } from "./event-reader.ts";
import { expectedEvents } from "./expected-events.ts";
import type { LedgerProcess } from "./ledger-process.ts";

const RELAYING = fileURLToPath(new URL("./relaying-process.ts", import.meta.url));

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

/** Checks the events of a ledger that was stopped, on a broker: that all of it is told, once, in order and as the schemas say. */
export async function checkEvents(
  broker: string,
  ledger: LedgerProcess,
  prefix: string,
): Promise<readonly ReadEvent[]> {
  const { lines, ledgerId } = await expectedOf(ledger);
  const events = await readEvents(
    broker,
    EVENT_AGGREGATE_NAMES.map((aggregate) => prefix + EVENT_AGGREGATES[aggregate].topic),
    lines.length,
  );
  const told = events.map(({ headers, key }) => `${headers.ce_id} ${headers.ce_type} ${key}`);
  expect(told.sort()).toEqual(lines.sort());
  for (const event of events) checkEvent(event, prefix, ledgerId);
  checkOrder(events);
  checkVersions(events);
  return events;
}

function checkEvent({ topic, key, headers, value }: ReadEvent, prefix: string, ledgerId: string): void {
  const facts = EVENT_TYPES.get(headers.ce_type);
  const aggregate = EVENT_AGGREGATES[facts?.aggregate ?? "wallet"];
  expect(topic).toBe(prefix + aggregate.topic);
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
    data: { position: `${shard}:${sequence}`, [aggregate.key]: key },
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

/** Tells all that is left of a ledger that was stopped. */
export async function tellRest(broker: string, ledger: LedgerProcess, prefix: string): Promise<void> {
  expect(await relay(broker, ledger, prefix, "never", 0)).toBe(0);
}

/** How a relay in a process of its own ended. */
export async function relay(
  broker: string,
  ledger: LedgerProcess,
  prefix: string,
  moment: string,
  commit: number,
): Promise<unknown> {
  const args = [RELAYING, ledger.dataDir, broker, prefix, moment, String(commit)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [code, signal] = await once(child, "exit");
  return signal ?? code;
}
