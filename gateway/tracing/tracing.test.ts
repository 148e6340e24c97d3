/** Traces of a real ledger, as a real collector gets them. */

import { afterEach, expect, test, vi } from "vitest";
import { shardOfUuid, UuidV7 } from "../../protocol/ids.ts";
import { JsonSocket } from "../../test/json-socket.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";
import { OtlpReceiver, type ReceivedSpan } from "../../test/otlp-receiver.ts";
import { scrape } from "../../test/scrape.ts";
import { WireClient } from "../../test/wire-client.ts";

const OWNER = "01900000-0000-7000-8000-000000000001";
const SPAN = "b7ad6b7169203331";
const WITHIN = { timeout: 60_000, interval: 20 };
vi.setConfig({ testTimeout: 180_000 });
const KIND_SERVER = 2;

const ids = new UuidV7();
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

let nextTrace = 0;
function newTrace(): string {
  nextTrace += 1;
  return nextTrace.toString(16).padStart(32, "a");
}

async function receiver(): Promise<OtlpReceiver> {
  const opened = await OtlpReceiver.open();
  ended.push(() => opened.close());
  return opened;
}

async function start(env: NodeJS.ProcessEnv): Promise<LedgerProcess> {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", MIZAN_TRACE_SAMPLE_RATIO: "0", ...env });
  ended.push(() => ledger.dispose());
  await ledger.start();
  return ledger;
}

function post(url: string, path: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/api/v1/${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "idempotency-key": ids.next(),
      ...headers,
    },
    body: JSON.stringify(body),
  });
}

/** An active wallet on a shard, with some money. */
async function wallet(url: string, shard: number): Promise<string> {
  let id = ids.next();
  while (shardOfUuid(id, 2) !== shard) id = ids.next();
  expect((await post(url, "wallets", { id, ownerId: OWNER, currency: "EGP" })).status).toBe(201);
  expect((await post(url, `wallets/${id}/activate`, {})).status).toBe(200);
  expect((await post(url, `wallets/${id}/credit`, { amountMinor: 1_000 })).status).toBe(200);
  return id;
}

/** The spans of a trace once there are so many, by name. */
async function spansOf(otlp: OtlpReceiver, traceId: string, count: number): Promise<Map<string, ReceivedSpan>> {
  await expect.poll(() => otlp.trace(traceId).length, WITHIN).toBe(count);
  const spans = new Map(otlp.trace(traceId).map((span) => [span.name, span]));
  expect(spans.size).toBe(count);
  return spans;
}

function get(spans: ReadonlyMap<string, ReceivedSpan>, name: string): ReceivedSpan {
  const span = spans.get(name);
  if (span === undefined) throw new Error(`there is no span ${name}, but ${[...spans.keys()].join(", ")}`);
  return span;
}

/** Each span begins when the one before it ends, or later, within the precision of the clock. */
function expectRow(spans: ReadonlyMap<string, ReceivedSpan>, names: readonly string[]): void {
  let endUs = 0;
  for (const name of names) {
    const span = get(spans, name);
    expect(span.startUs).toBeGreaterThanOrEqual(endUs - 2);
    expect(span.endUs).toBeGreaterThanOrEqual(span.startUs);
    ({ endUs } = span);
  }
}

/** Spans of a command that one shard decided. */
const ON_ONE_SHARD = ["gateway", "queue", "decide", "sync", "reply"];

function expectStages(spans: ReadonlyMap<string, ReceivedSpan>, root: ReceivedSpan, shard: number): void {
  for (const name of ON_ONE_SHARD) expect([name, get(spans, name).parentSpanId]).toEqual([name, root.spanId]);
  for (const name of ["queue", "decide", "sync"]) expect(get(spans, name).attributes).toEqual({ "mizan.shard": shard });
  expectRow(spans, ON_ONE_SHARD);
  expect(get(spans, "gateway").startUs).toBe(root.startUs);
  expect(get(spans, "reply").endUs).toBe(root.endUs);
}

test("a command is traced from the socket to the reply, over REST, JSON and binary alike", async () => {
  const otlp = await receiver();
  const ledger = await start({
    MIZAN_OTLP_ENDPOINT: otlp.url,
    OTEL_SERVICE_NAME: "ledger-of-the-test",
    OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=9",
  });
  const [from, to] = [await wallet(ledger.url, 1), await wallet(ledger.url, 1)];
  const [rest, json, binary, carried] = [newTrace(), newTrace(), newTrace(), newTrace()];
  const transfer = { fromWalletId: from, toWalletId: to, amountMinor: 5 };

  const headers = { traceparent: `00-${rest}-${SPAN}-01`, tracestate: "vendor=1" };
  const { position } = (await (await post(ledger.url, "transfers", transfer, headers)).json()) as { position: string };
  const socket = await JsonSocket.open(ledger.url);
  ended.push(() => socket.close());
  const traceparent = `00-${json}-${SPAN}-03`;
  expect(await socket.ask({ type: "Transfer", id: ids.next(), ...transfer, traceparent })).toMatchObject({ ok: true });
  const wire = await WireClient.connect(ledger.port, ADMIN_KEY);
  ended.push(() => wire.close());
  const context = Buffer.from(`${binary}${SPAN}01${"00".repeat(7)}`, "hex");
  const sent = { operation: "Transfer", id: ids.next(), walletId: from, counterpartyId: to, amountMinor: 5 } as const;
  expect(await wire.commands([sent], context)).toMatchObject([{ code: "ok" }]);
  const metadata = { traceparent: `00-${carried}-${SPAN}-01` };
  expect(await socket.ask({ type: "Transfer", id: ids.next(), ...transfer, metadata })).toMatchObject({ ok: true });

  for (const [traceId, protocol] of [
    [rest, "rest"],
    [json, "json"],
    [binary, "binary"],
    [carried, "json"],
  ] as const) {
    const spans = await spansOf(otlp, traceId, 1 + ON_ONE_SHARD.length);
    const root = get(spans, "Transfer");
    expect(root).toMatchObject({ parentSpanId: SPAN, kind: KIND_SERVER, statusCode: 0 });
    const { "mizan.sequence": sequence, ...attributes } = root.attributes;
    expect(attributes).toEqual({
      "mizan.type": "Transfer",
      "mizan.protocol": protocol,
      "mizan.result": "ok",
      "mizan.shard": 1,
    });
    if (traceId === rest) expect(`1:${sequence}`).toBe(position);
    expect(root.traceState).toBe(traceId === rest ? "vendor=1" : "");
    expectStages(spans, root, 1);
  }
  expect(otlp.resource).toMatchObject({ "service.name": "ledger-of-the-test", "mizan.ledger": expect.any(String) });
  expect(otlp.headers).toMatchObject({ "x-tenant": "9" });
  await expect.poll(async () => spanCount(await scrape(ledger.url, ADMIN_KEY), "sent"), WITHIN).toBe(24);
});

test("a transfer between shards shows its steps, and a refused one its refund", async () => {
  const otlp = await receiver();
  const ledger = await start({ MIZAN_OTLP_ENDPOINT: otlp.url });
  const [from, to] = [await wallet(ledger.url, 0), await wallet(ledger.url, 1)];
  const moved = newTrace();
  const body = { fromWalletId: from, toWalletId: to, amountMinor: 5 };
  const answer = await post(ledger.url, "transfers", body, { traceparent: `00-${moved}-${SPAN}-01` });
  expect(answer.status).toBe(201);
  const names = ["gateway", "queue", "decide", "sync", "credit", "complete", "reply"];
  const spans = await spansOf(otlp, moved, 2 + names.length);
  const [root, debit] = [get(spans, "Transfer"), get(spans, "debit")];
  expect(root.attributes).toMatchObject({ "mizan.result": "ok", "mizan.shard": 0 });
  for (const name of ["gateway", "debit", "credit", "complete", "reply"]) {
    expect([name, get(spans, name).parentSpanId]).toEqual([name, root.spanId]);
  }
  for (const name of ["queue", "decide", "sync"]) expect(get(spans, name).parentSpanId).toBe(debit.spanId);
  expect(get(spans, "credit").attributes).toEqual({ "mizan.shard": 1, "mizan.result": "ok" });
  expect(get(spans, "complete").attributes).toEqual({ "mizan.shard": 0 });
  expectRow(spans, names);

  expect((await post(ledger.url, `wallets/${to}/freeze`, {})).status).toBe(200);
  const refused = newTrace();
  const refusal = await post(ledger.url, "transfers", body, { traceparent: `00-${refused}-${SPAN}-01` });
  expect(((await refusal.json()) as { code: string }).code).toBe("destination_frozen");
  const refundSpans = await spansOf(otlp, refused, 2 + names.length);
  expect(get(refundSpans, "Transfer").attributes).toMatchObject({ "mizan.result": "destination_frozen" });
  expect(get(refundSpans, "credit").attributes).toMatchObject({ "mizan.result": "destination_frozen" });
  expect(get(refundSpans, "refund").attributes).toEqual({ "mizan.shard": 0 });
});

test("a batch is one trace, a replayed command has waited for no frame, and a refusal has its code", async () => {
  const otlp = await receiver();
  const ledger = await start({ MIZAN_OTLP_ENDPOINT: otlp.url });
  const [here, there] = [await wallet(ledger.url, 0), await wallet(ledger.url, 1)];
  const batch = newTrace();
  const commands = [here, there].map((walletId) => ({ type: "Credit", id: ids.next(), walletId, amountMinor: 1 }));
  const poor = { type: "Debit", id: ids.next(), walletId: here, amountMinor: 1_000_000 };
  await post(ledger.url, "batches", { commands: [...commands, poor] }, { traceparent: `00-${batch}-${SPAN}-01` });
  await expect.poll(() => otlp.trace(batch).length, WITHIN).toBe(1 + 2 + 2 * 3);
  const root = otlp.trace(batch).find(({ name }) => name === "Batch");
  expect(root?.attributes).toMatchObject({ "mizan.type": "Batch", "mizan.commands": 3, "mizan.refused": 1 });
  const shards = otlp.trace(batch).filter(({ name }) => name === "sync");
  expect(shards.map(({ attributes }) => attributes["mizan.shard"]).sort()).toEqual([0, 1]);

  const again = newTrace();
  const key = { "idempotency-key": ids.next() };
  const credit = { amountMinor: 1 };
  await post(ledger.url, `wallets/${here}/credit`, credit, key);
  await post(ledger.url, `wallets/${here}/credit`, credit, { ...key, traceparent: `00-${again}-${SPAN}-01` });
  const spans = await spansOf(otlp, again, 3);
  expect(get(spans, "Credit").attributes).toMatchObject({ "mizan.replayed": true, "mizan.result": "ok" });

  const refused = newTrace();
  const debit = { amountMinor: 1_000_000 };
  await post(ledger.url, `wallets/${here}/debit`, debit, { traceparent: `00-${refused}-${SPAN}-01` });
  const refusal = get(await spansOf(otlp, refused, 6), "Debit");
  expect(refusal).toMatchObject({ statusCode: 0, attributes: { "mizan.result": "insufficient_funds" } });
});

test("without a sampled parent the ratio decides, and what is not well formed counts as no parent", async () => {
  const otlp = await receiver();
  const none = await start({ MIZAN_OTLP_ENDPOINT: otlp.url });
  const walletId = await wallet(none.url, 0);
  const credit = (url: string, traceparent: string): Promise<Response> =>
    post(url, `wallets/${walletId}/credit`, { amountMinor: 1 }, { traceparent });
  const wrong = [
    "",
    "00",
    `ff-${newTrace()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${newTrace()}-${"0".repeat(16)}-01`,
    `00-${newTrace()}-${SPAN}-01-more`,
    `00-${newTrace().toUpperCase()}-${SPAN}-01`,
  ];
  for (const traceparent of [...wrong, `00-${newTrace()}-${SPAN}-00`]) {
    expect((await credit(none.url, traceparent)).status).toBe(200);
  }
  const socket = await JsonSocket.open(none.url);
  ended.push(() => socket.close());
  for (const traceparent of [7, null, {}, "?"]) {
    const request = { type: "Credit", id: ids.next(), walletId, amountMinor: 1, traceparent, tracestate: [] };
    expect(await socket.ask(request)).toMatchObject({ ok: true });
  }
  const wire = await WireClient.connect(none.port, ADMIN_KEY);
  ended.push(() => wire.close());
  const command = { operation: "Credit", id: ids.next(), walletId, amountMinor: 1 } as const;
  expect(await wire.commands([command], Buffer.alloc(32))).toMatchObject([{ code: "ok" }]);
  // The one that is asked for comes after all others.
  const last = newTrace();
  await credit(none.url, `00-${last}-${SPAN}-01`);
  await spansOf(otlp, last, 6);
  expect(otlp.spans.length).toBe(6);

  const all = await start({ MIZAN_OTLP_ENDPOINT: otlp.url, MIZAN_TRACE_SAMPLE_RATIO: "1" });
  await wallet(all.url, 0);
  await expect.poll(() => otlp.spans.length, WITHIN).toBe(6 + 3 * 6);
  const roots = otlp.spans.filter(({ kind, traceId }) => kind === KIND_SERVER && traceId !== last);
  expect(roots.map(({ parentSpanId }) => parentSpanId)).toEqual(["", "", ""]);
  expect(new Set(roots.map(({ traceId }) => traceId)).size).toBe(3);
});

function spanCount(metrics: string, result: string): number {
  return Number(new RegExp(`^mizan_spans_total\\{result="${result}"\\} (\\d+)$`, "m").exec(metrics)?.[1]);
}

test.each(["gone", "fails", "hangs"] as const)(
  "a collector that %s costs spans, which are counted, and no command",
  async (mood) => {
    const otlp = await receiver();
    if (mood === "gone") {
      ended.pop();
      await otlp.close();
    } else otlp.mood = mood;
    const url = mood === "gone" ? "http://127.0.0.1:9" : otlp.url;
    const ledger = await start({ MIZAN_OTLP_ENDPOINT: url, MIZAN_TRACE_SAMPLE_RATIO: "1", MIZAN_SHARDS: "1" });
    const walletId = await wallet(ledger.url, 0);
    const socket = await JsonSocket.open(ledger.url);
    ended.push(() => socket.close());
    // More spans than are kept: 6 each.
    const rounds = 20;
    for (let round = 0; round < rounds; round += 1) {
      const asked = Array.from({ length: 100 }, () =>
        socket.send({ type: "Credit", id: ids.next(), walletId, amountMinor: 1 }),
      );
      for (const requestId of asked) expect(await socket.answered(requestId)).toMatchObject({ ok: true });
    }
    const lost = async (): Promise<number> => {
      const metrics = await scrape(ledger.url, ADMIN_KEY);
      const skipped = Number(/^mizan_traces_skipped_total (\d+)$/m.exec(metrics)?.[1]);
      expect(spanCount(metrics, "sent")).toBe(0);
      return spanCount(metrics, "dropped") + skipped;
    };
    await expect.poll(lost, WITHIN).toBeGreaterThan(mood === "hangs" ? 0 : 1_000);
    expect(await ledger.end("SIGTERM")).toBe(0);
  },
);
