/** What becomes of the records of payments: each event is told once, with data as the schema of its type says. */

import { expect, test } from "vitest";
import { openFrame } from "../../engine/journal/frame.ts";
import { RECORD_KIND, recordBytes, recordKind } from "../../engine/journal/record.ts";
import { readObjectRecord } from "../../engine/object/object-record.ts";
import { EVENT_AGGREGATE_NAMES, EVENT_TYPES, type EventType } from "../../protocol/events/event-types.ts";
import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { MemoryJournal } from "../../test/engine-harness.ts";
import { ADMIN_SENDER, MERCHANT_SENDER, PAYING_SENDER, PaymentSession } from "../../test/payment-session.ts";
import { EventBatch, EventHeaders } from "./event-batch.ts";
import { tellPayment } from "./payment-events.ts";

interface Told {
  readonly type: EventType;
  readonly key: string;
  readonly data: Readonly<Record<string, unknown>>;
}

class KeptEvents extends EventBatch {
  readonly told: Told[] = [];

  override add(type: EventType, key: string, data: string): void {
    super.add(type, key, data);
    this.told.push({ type, key, data: JSON.parse(data) as Told["data"] });
  }
}

class KeptJournal extends MemoryJournal {
  readonly frames: Uint8Array[] = [];

  override append(firstSequence: number, frame: Uint8Array): void {
    super.append(firstSequence, frame);
    this.frames.push(frame.slice());
  }
}

/** The shard of the payments. */
const SHARD = 1;

function eventsOf(journal: KeptJournal): readonly Told[] {
  const headers = [0, SHARD].map((shard) => new EventHeaders(`/ledgers/l/shards/${shard}`));
  const batch = new KeptEvents(
    headers,
    EVENT_AGGREGATE_NAMES.map(() => 1),
  );
  for (const bytes of journal.frames) {
    const frame = openFrame(bytes, SHARD);
    if (typeof frame === "string") throw new Error(frame);
    let at = FRAME_HEADER_BYTES >>> 2;
    for (let index = 0; index < frame.recordCount; index += 1) {
      batch.beginRecord(SHARD, frame.firstSequence + index, frame.clockMs);
      const isObject = recordKind(frame.lanes, at) === RECORD_KIND.ObjectChanged;
      const record = isObject ? readObjectRecord(frame.lanes, frame.bytes, at) : undefined;
      if (record?.aggregate === "Payment") tellPayment(record, batch);
      at += recordBytes(frame.lanes, at) >>> 2;
    }
  }
  return batch.told;
}

test("each event of a payment is told with the command that led to it, and its schema takes it", () => {
  const journal = new KeptJournal();
  const session = new PaymentSession({}, [new MemoryJournal(), journal]).opened();
  const fee = { walletId: session.fees, fixedMinor: 10, basisPoints: 0 };
  const expiresAt = new Date(session.nowMs + 60_000).toISOString();
  const facts = { fee, expiresAt, description: "قهوة", ownerId: MERCHANT_SENDER.ownerId };
  const [captured, left, over] = [session.paymentId, session.nextWalletId(SHARD), session.nextWalletId(SHARD)];
  const initiated = session.initiating(facts, ADMIN_SENDER);
  const authorized = session.authorizing();
  session.pay(initiated);
  session.pay(authorized);
  for (const [type, amountMinor] of [
    ["CapturePayment", 400],
    ["CapturePayment", 601],
    ["CapturePayment", 200],
    ["RefundPayment", 100],
    ["RefundPayment", 490],
  ] as const) {
    session.pay(session.command(type, { amountMinor }));
  }
  session.pay(session.initiating({}, ADMIN_SENDER, left));
  session.pay(session.command("AuthorizePayment", {}, ADMIN_SENDER, left));
  session.pay(session.command("VoidPayment", {}, ADMIN_SENDER, left));
  session.pay(session.initiating({ expiresAt }, MERCHANT_SENDER, over));
  session.pay(session.command("AuthorizePayment", {}, PAYING_SENDER, over));
  session.pass(60_000);
  const failed = session.nextWalletId(SHARD);
  session.pay(session.initiating({}, MERCHANT_SENDER, failed));
  session.pay(session.command("FailPayment", { reason: "abandoned" }, MERCHANT_SENDER, failed));
  const events = eventsOf(journal);
  const typesOf = (payment: string): readonly string[] =>
    events.filter(({ key }) => key === payment).map(({ type }) => type.slice("mizan.payment.".length, -".v1".length));
  expect(typesOf(captured)).toEqual([
    "initiated",
    "authorized",
    "partly_captured",
    "captured",
    "partly_refunded",
    "partly_refunded",
  ]);
  expect(typesOf(left)).toEqual(["initiated", "authorized", "voided"]);
  expect(typesOf(over)).toEqual(["initiated", "authorized", "expired"]);
  expect(typesOf(failed)).toEqual(["initiated", "failed"]);
  for (const { type, key, data } of events) {
    expect(EVENT_TYPES.get(type)?.data.safeParse(data).error, `${type} ${JSON.stringify(data)}`).toBeUndefined();
    expect(data.paymentId).toBe(key);
    expect(data.commandId === undefined).toBe(type === "mizan.payment.expired.v1");
  }
  expect(events[0].data).toMatchObject({ commandId: initiated.commandId, ...facts });
  expect(events[1].data).toMatchObject({ commandId: authorized.commandId, payerOwnerId: PAYING_SENDER.ownerId });
  expect(events[2].data).toMatchObject({ amountMinor: 400, feeMinor: 10 });
});
