/** What describes the events is true, and is what the standards ask for. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EVENT_AGGREGATE_NAMES, EVENT_AGGREGATES, EVENT_TYPES, eventSchema } from "../protocol/events/event-types.ts";
import { balancesMessage } from "../protocol/json-stream.ts";
import { DELTA, DELTA_BYTES, DELTA_FLAG } from "../protocol/result-record.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { asyncApiDocument } from "./asyncapi.ts";
import { deltasText } from "./json-view.ts";

let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1", MIZAN_EVENTS_TOPIC_PREFIX: "test." });
  await ledger.start();
});
afterAll(() => ledger.dispose());

async function get(path: string): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
  const response = await fetch(`${ledger.url}${path}`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

test("the AsyncAPI document is valid, and the one that is served", async () => {
  const schemas = createRequire(import.meta.url).resolve("@asyncapi/specs/schemas/3.0.0-without-$id.json");
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(
    JSON.parse(readFileSync(schemas, "utf8")),
  );
  const document = JSON.parse(JSON.stringify(asyncApiDocument("test.")));
  validate(document);
  expect(validate.errors).toBeNull();
  expect(await get("/api/v1/asyncapi.json")).toEqual({ status: 200, json: document });
});

test("every reference of the AsyncAPI document leads somewhere", () => {
  const document = JSON.parse(JSON.stringify(asyncApiDocument("")));
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/((?:channels|components|servers)\/[^"]+)"/g)];
  expect(references.length).toBeGreaterThan(2 * EVENT_TYPES.size);
  for (const [, path] of references) {
    const found = path
      .split("/")
      .reduce<Record<string, unknown> | undefined>(
        (node, name) => node?.[name] as Record<string, unknown> | undefined,
        document,
      );
    expect(found, path).toBeDefined();
  }
});

test("every type has a topic, a key among its data, and a schema that is served", async () => {
  for (const [type, { aggregate }] of EVENT_TYPES) {
    expect(type).toMatch(/^mizan\.[a-z]+\.[a-z_]+\.v\d+$/);
    const schema = eventSchema(type);
    expect(schema.properties).toHaveProperty(EVENT_AGGREGATES[aggregate].key);
    new Ajv2020({ strict: true, validateFormats: false, allowUnionTypes: true }).compile(schema);
    expect(await get(`/api/v1/event-schemas/${type}`)).toEqual({ status: 200, json: schema });
  }
  expect(EVENT_AGGREGATE_NAMES.map((aggregate) => EVENT_AGGREGATES[aggregate].topic)).toEqual([
    "wallet-events",
    "transfer-events",
    "payment-events",
    "topup-events",
    "payout-events",
    "merchant-events",
    "medcard-events",
  ]);
  expect((await get("/api/v1/event-schemas/mizan.wallet.lost.v1")).status).toBe(404);
});

test("balance streams are as their schema says", () => {
  const delta = new DataView(new ArrayBuffer(DELTA_BYTES));
  delta.setBigUint64(DELTA.version, 3n, true);
  delta.setUint16(DELTA.currency, 818, true);
  delta.setUint8(DELTA.status, 2);
  delta.setUint8(DELTA.flags, DELTA_FLAG.state | DELTA_FLAG.reset);
  const text = `{"type":"Balances","deltas":[${deltasText(new Uint8Array(delta.buffer), 1)}]}`;
  expect(balancesMessage.parse(JSON.parse(text)).deltas[0]).toMatchObject({
    kind: "state",
    reset: true,
    currency: "EGP",
  });
});
