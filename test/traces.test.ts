/** A traced movement on a real broker: telling its events is a span of the trace, on the node that tells them. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { JsonSocket } from "./json-socket.ts";
import { LedgerProcess } from "./ledger-process.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "./temporary-broker.ts";

const OWNER = "01900000-0000-7000-8000-000000000001";
const SPAN = "b7ad6b7169203331";
const KIND_PRODUCER = 4;

let broker: TemporaryBroker;
beforeAll(async () => {
  broker = await TemporaryBroker.create();
  await broker.start();
}, FIRST_BROKER_WITHIN_MS);
afterAll(() => broker.dispose());

test("what a traced command did is told within its trace", { timeout: 90_000 }, async () => {
  const ids = new UuidV7();
  const otlp = await OtlpReceiver.open();
  const ledger = await LedgerProcess.create({
    MIZAN_SHARDS: "2",
    MIZAN_KAFKA_BROKERS: broker.address,
    MIZAN_EVENTS: "on",
    MIZAN_OTLP_ENDPOINT: otlp.url,
    MIZAN_TRACE_SAMPLE_RATIO: "0",
  });
  try {
    await ledger.start();
    const socket = await JsonSocket.open(ledger.url);
    const walletId = ids.next();
    const opening = { type: "CreateWallet", walletId, ownerId: OWNER, currency: "EGP" };
    expect(await socket.ask({ ...opening, id: ids.next() })).toMatchObject({ ok: true });
    expect(await socket.ask({ type: "ActivateWallet", id: ids.next(), walletId })).toMatchObject({ ok: true });
    const credit = { type: "Credit", walletId, amountMinor: 5 };
    const traces = ["a".repeat(32), "b".repeat(32)];
    const traced = { traceparent: `00-${traces[0]}-${SPAN}-01` };
    const positions: unknown[] = [];
    for (const more of [traced, { metadata: { traceparent: `00-${traces[1]}-${SPAN}-01` } }]) {
      const answer = await socket.ask({ ...credit, id: ids.next(), ...more });
      positions.push((answer.result as { readonly position: string }).position);
    }
    socket.close();
    for (const [index, traceId] of traces.entries()) {
      const spanNamed = (name: string) => otlp.trace(traceId).find((span) => span.name === name);
      await expect.poll(() => spanNamed("publish"), { timeout: 60_000, interval: 50 }).toBeDefined();
      const [root, publish] = [spanNamed("Credit"), spanNamed("publish")];
      expect(publish).toMatchObject({ kind: KIND_PRODUCER, parentSpanId: root?.spanId });
      const {
        "messaging.system": system,
        "mizan.shard": shard,
        "mizan.sequence": sequence,
      } = publish?.attributes ?? {};
      expect([system, `${shard}:${sequence}`]).toEqual(["kafka", positions[index]]);
      // Events are told once their record is durable.
      expect(publish?.startUs).toBeGreaterThan(spanNamed("decide")?.endUs ?? Number.POSITIVE_INFINITY);
      expect(publish?.endUs).toBeGreaterThan(publish?.startUs ?? 0);
    }
  } finally {
    await ledger.dispose();
    await otlp.close();
  }
});
