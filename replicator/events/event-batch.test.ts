/** Records that are encoded here are, to the byte, those that kafkajs makes of the same key, value and headers. */

import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { EVENT_AGGREGATE_NAMES } from "../../protocol/events/event-types.ts";
import { EventBatch, EventHeaders, type TraceContext } from "./event-batch.ts";

type EncodeRecord = (record: object) => { readonly buffer: Buffer };
const encode = createRequire(import.meta.url)("kafkajs/src/protocol/recordBatch/record/v0/index.js") as EncodeRecord;

const KEY = "0193a7b4-5c1e-7f00-8000-1234567890ab";
const TRACE = { traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
const EVENTS: readonly { readonly data: string; readonly trace?: TraceContext }[] = [
  { data: `{"walletId":"${KEY}","position":"2:4711","version":1}` },
  { data: `{"walletId":"${KEY}","metadata":{"note":"${"قهوة".repeat(200)}"}}`, trace: TRACE },
  { data: `{"walletId":"${KEY}","metadata":{"a":1}}`, trace: { ...TRACE, traceState: "a=1,".repeat(100) } },
];

test("three events of one record", () => {
  const batch = new EventBatch(
    [0, 1, 2].map((shard) => new EventHeaders(`/ledgers/l/shards/${shard}`)),
    EVENT_AGGREGATE_NAMES.map(() => 1),
  );
  batch.beginRecord(2, 4_711, 1_763_690_000_123);
  for (const { data, trace } of EVENTS) batch.add("mizan.wallet.frozen.v1", KEY, data, trace);
  const [{ parts, count }] = [...batch.recordsOf(EVENT_AGGREGATE_NAMES.indexOf("wallet"), 0)];
  const expected = EVENTS.map(({ data, trace }, index) => {
    const suffix = index === 0 ? "" : `:${index}`;
    const headers = {
      ce_specversion: "1.0",
      ce_type: "mizan.wallet.frozen.v1",
      ce_source: "/ledgers/l/shards/2",
      ce_dataschema: "urn:mizan:event-schema:mizan.wallet.frozen.v1",
      "content-type": "application/json",
      ce_id: `2:4711${suffix}`,
      ce_time: "2025-11-21T01:53:20.123Z",
      ce_subject: KEY,
      ce_sequence: `0000000000004711${suffix}`,
      ...(trace === undefined ? {} : { ce_traceparent: trace.traceParent }),
      ...(trace?.traceState === undefined ? {} : { ce_tracestate: trace.traceState }),
    };
    return encode({ key: KEY, value: data, headers, offsetDelta: index, timestampDelta: 0 }).buffer;
  });
  expect(count).toBe(EVENTS.length);
  expect(Buffer.concat(parts).toString("hex")).toBe(Buffer.concat(expected).toString("hex"));
});

test("a batch that was cleared begins anew, and a full one says so", () => {
  const batch = new EventBatch(
    [new EventHeaders("/s")],
    EVENT_AGGREGATE_NAMES.map(() => 1),
  );
  let events = 0;
  for (; !batch.isFull; events += 1) {
    batch.beginRecord(0, events + 1, 0);
    batch.add("mizan.wallet.frozen.v1", KEY, `{"walletId":"${KEY}","metadata":{"note":"${"x".repeat(900)}"}}`);
  }
  expect(events).toBeGreaterThan(200);
  const [{ parts, count }] = [...batch.recordsOf(0, 0)];
  expect(count).toBe(events);
  expect(Buffer.concat(parts).byteLength).toBeLessThan(1 << 19);
  batch.clear();
  expect([batch.events, batch.isFull, [...batch.recordsOf(0, 0)]]).toEqual([0, false, []]);
});
