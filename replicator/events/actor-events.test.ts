/** What becomes of the records of actors: each event is told once, with data as the schema of its type says. */

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { actorOf } from "../../engine/actor/registry.ts";
import { openFrame } from "../../engine/journal/frame.ts";
import { RECORD_KIND, recordBytes, recordKind } from "../../engine/journal/record.ts";
import { readObjectRecord } from "../../engine/object/object-record.ts";
import { fromRecord } from "../../protocol/events/actor-events.ts";
import { ACTOR_EVENTS, EVENT_AGGREGATE_NAMES, EVENT_TYPES, type EventType } from "../../protocol/events/event-types.ts";
import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { MemoryJournal } from "../../test/engine-harness.ts";
import { untimedId } from "../../test/ledger-command.ts";
import { ISSUING_SENDER, MedCardSession } from "../../test/medcard-session.ts";
import { ADMIN_SENDER, MERCHANT_SENDER, PAYING_SENDER, PaymentSession } from "../../test/payment-session.ts";
import { tellActor } from "./actor-events.ts";
import { EventBatch, EventHeaders } from "./event-batch.ts";

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

/** The shard of the actors. */
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
      if (record !== undefined) tellActor(record, batch);
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

test("each event of a medical card is told, and neither free text nor how persons are related", () => {
  const journal = new KeptJournal();
  const session = new MedCardSession({}, [new MemoryJournal(), journal]).opened().withCard();
  const [claimId, refusedId, filedId, leftId] = [1, 2, 3, 4].map((number) => untimedId(0xe0 + number));
  const beneficiaryId = untimedId(0xc7);
  const said = { reason: "he is ill" };
  const filing = { beneficiaryId: PAYING_SENDER.ownerId, category: "CONSULTATION", amountMinor: 70 };
  const day = 86_400_000;
  for (const command of [
    session.card("AddBeneficiary", { beneficiaryId, relation: "CHILD" }, ADMIN_SENDER),
    session.card("RemoveBeneficiary", { beneficiaryId }, ADMIN_SENDER),
    session.card("UpdateMonthlyLimit", { monthlyLimitMinor: 2_500 }),
    session.card("UpgradeTier", { tier: "GOLD" }),
    session.card("DowngradeTier", { tier: "SILVER" }),
    session.claiming(claimId, 100),
    session.card("ReversePrescription", { claimId, ...said }, MERCHANT_SENDER),
    session.claiming(refusedId, 100_000),
    session.card("FileInsuranceClaim", { claimId: filedId, ...filing }, PAYING_SENDER),
    session.card("ApproveInsuranceClaim", { claimId: filedId, approvedMinor: 60 }),
    session.card("PayInsuranceClaim", { claimId: filedId }),
    session.card("FileInsuranceClaim", { claimId: leftId, ...filing }, PAYING_SENDER),
    session.card("RejectInsuranceClaim", { claimId: leftId, ...said }),
    session.card("SuspendCard", said),
    session.card("ReactivateCard"),
  ]) {
    session.pay(command);
  }
  session.pass(401 * day);
  session.pay(session.card("RenewCard", { expiresAt: new Date(session.nowMs + day).toISOString() }));
  session.pay(session.card("CloseCard", said));
  const events = eventsOf(journal);
  const prefix = "mizan.medcard.";
  expect(events.map(({ type }) => type.slice(prefix.length, -".v1".length))).toEqual([
    "issued",
    "activated",
    "beneficiary_added",
    "beneficiary_removed",
    "limit_updated",
    "tier_upgraded",
    "tier_downgraded",
    "prescription_claimed",
    "prescription_paid",
    "prescription_reversed",
    "prescription_claimed",
    "prescription_refused",
    "insurance_claim_filed",
    "insurance_claim_approved",
    "insurance_claim_paid",
    "insurance_claim_filed",
    "insurance_claim_rejected",
    "suspended",
    "reactivated",
    "expired",
    "renewed",
    "closed",
  ]);
  const toldTypes = Object.keys(ACTOR_EVENTS.get("MedCard")?.types ?? {});
  expect(new Set(events.map(({ type }) => type as string))).toEqual(new Set(toldTypes));
  for (const { type, key, data } of events) {
    expect(EVENT_TYPES.get(type)?.data.safeParse(data).error, `${type} ${JSON.stringify(data)}`).toBeUndefined();
    expect([key, data.medCardId]).toEqual([session.cardId, session.cardId]);
    expect(data.commandId === undefined).toBe(type === "mizan.medcard.expired.v1");
  }
  expect(JSON.stringify(events)).not.toMatch(/ill|CHILD|reason|relation/);
  expect(events[0].data).toMatchObject({ ownerId: ISSUING_SENDER.ownerId, currency: "EGP", tier: "SILVER" });
  expect(events[7].data).toMatchObject({ claimId, coveredMinor: 80, copaymentMinor: 20, category: "MEDICATION" });
});

describe.each([...ACTOR_EVENTS])("what is told of %s", (name, { key, types }) => {
  const schema = actorOf(name)?.events;
  if (!(schema instanceof z.ZodDiscriminatedUnion)) throw new Error(`the events of ${name} are no union`);
  const journaled = schema.options as readonly z.ZodObject[];
  const nameOf = ({ shape }: z.ZodObject): string => [...(shape.type as z.ZodLiteral<string>).values][0];

  test("is each of its events, once", () => {
    expect(Object.values(types).map(({ of }) => of)).toEqual(journaled.map(nameOf));
  });

  test("is in its events, where they must say it as where they may", () => {
    for (const [type, { of, data }] of Object.entries(types)) {
      const shape = journaled.find((event) => nameOf(event) === of)?.shape ?? {};
      for (const [field, schema] of Object.entries(data.shape as Record<string, z.ZodType>)) {
        if (field === key || field in fromRecord) continue;
        const from = shape[field.endsWith("At") ? `${field}Ms` : field] as z.ZodType | undefined;
        expect(from, `${type} ${field}`).toBeDefined();
        const mayBeNone = from?.isOptional() === true || (from?.safeParse("").success && !schema.safeParse("").success);
        if (mayBeNone) expect(schema.isOptional(), `${type} ${field}`).toBe(true);
      }
    }
  });
});
