import { describe, expect, test } from "vitest";
import type { PaymentCommand } from "../../protocol/payment/commands.ts";
import { type PaymentEvent, paymentEvent } from "../../protocol/payment/events.ts";
import type { ActorDecision, Sender } from "../actor/actor.ts";
import { beginSaga, evolveSaga, type Saga, type WalletAsk } from "../saga/saga.ts";
import { paymentActor } from "./actor.ts";
import type { AnyPaymentCommand } from "./decide.ts";
import type { PaymentState } from "./payment.ts";

const NOW_MS = Date.parse("2026-03-01T10:00:00Z");
const ID = "018f3c6e-0000-7000-8000-0000000000ff";
const PAYER = "018f3c6e-0000-7000-8000-000000000001";
const SHOP = "018f3c6e-0000-7000-8000-000000000002";
const FEES = "018f3c6e-0000-7000-8000-000000000003";
const HOLD = "018f3c6e-0000-7000-8000-000000000004";
const ADMIN: Sender = { isAdmin: true, ownerId: "" };
const MERCHANT: Sender = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a1" };
const PAYING: Sender = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a2" };
const LATER_MS = NOW_MS + 60_000;

type Initiate = Extract<PaymentCommand, { type: "InitiatePayment" }>;
type Initiated = Extract<PaymentEvent, { type: "PaymentInitiated" }>;
const FACTS = { payerWalletId: PAYER, merchantWalletId: SHOP, amountMinor: 1_000, currency: "EGP" } as Omit<
  Initiate,
  "type" | "merchantWalletId" | "splits"
> & { merchantWalletId: NonNullable<Initiate["merchantWalletId"]> };
const FEE = { walletId: FEES, fixedMinor: 10, basisPoints: 250 } as NonNullable<Initiate["fee"]>;
const initiate = { ...FACTS, type: "InitiatePayment" } as const;
const authorize = { type: "AuthorizePayment" } as const;
const capture = { type: "CapturePayment" } as const;
const voiding = { type: "VoidPayment" } as const;
const refund = { type: "RefundPayment" } as const;
const fail = { type: "FailPayment", reason: "abandoned" } as const;
const expire = { type: "ExpirePayment" } as const;

const initiated: Initiated = {
  type: "PaymentInitiated",
  ...FACTS,
  ownerId: MERCHANT.ownerId,
  initiatedAtMs: NOW_MS,
};
const withFee: Initiated = { ...initiated, fee: FEE };
const expiring: Initiated = { ...initiated, expiresAtMs: LATER_MS };
const authorized: PaymentEvent = { type: "PaymentAuthorized", holdId: HOLD, payerOwnerId: PAYING.ownerId };
const partly: PaymentEvent = { type: "PaymentPartlyCaptured", amountMinor: 400, feeMinor: 0 };
const captured: PaymentEvent = { type: "PaymentCaptured", amountMinor: 600, feeMinor: 0 };
const partlyRefunded: PaymentEvent = { type: "PaymentPartlyRefunded", amountMinor: 300 };
const refunded: PaymentEvent = { type: "PaymentRefunded", amountMinor: 600 };
const voided: PaymentEvent = { type: "PaymentVoided", releasedMinor: 1_000 };
const expired: PaymentEvent = { type: "PaymentExpired", releasedMinor: 1_000 };
const failed: PaymentEvent = { type: "PaymentFailed", reason: "abandoned" };

function given(events: readonly PaymentEvent[]): PaymentState | undefined {
  return events.reduce<PaymentState | undefined>(paymentActor.evolve, undefined);
}

function decide(
  events: readonly PaymentEvent[],
  when: AnyPaymentCommand,
  sender: Sender = MERCHANT,
  nowMs = NOW_MS,
): ActorDecision<PaymentEvent> {
  return paymentActor.decide(given(events), when, { id: ID, sender, nowMs });
}

const asked = { currency: 818, forOwnerId: null, walletId: PAYER };
const held = { ...asked, holdId: HOLD };

describe("given what happened, when a command comes, then it happens at once:", () => {
  test.each<{ name: string; given: PaymentEvent[]; when: AnyPaymentCommand; by?: Sender; expected: PaymentEvent }>([
    { name: "a payment is initiated by its merchant", given: [], when: initiate, expected: initiated },
    {
      name: "a payment is initiated by an admin, for an owner and with a fee",
      given: [],
      when: { ...initiate, fee: FEE, ownerId: MERCHANT.ownerId.toUpperCase() },
      by: ADMIN,
      expected: withFee,
    },
    {
      name: "a payment may have an end",
      given: [],
      when: { ...initiate, expiresAt: new Date(LATER_MS).toISOString() },
      expected: expiring,
    },
    {
      name: "a payment without a hold is voided",
      given: [initiated],
      when: voiding,
      expected: { type: "PaymentVoided", releasedMinor: 0 },
    },
    {
      name: "a payment without a hold expires",
      given: [expiring],
      when: expire,
      expected: { type: "PaymentExpired", releasedMinor: 0 },
    },
    { name: "a payment without a hold fails", given: [initiated], when: fail, expected: failed },
  ])("$name", ({ given: events, when, by, expected }) => {
    expect(decide(events, when, by)).toEqual({ code: "ok", events: [expected] });
  });
});

describe("given what happened, when a command comes, then wallets are asked:", () => {
  test.each<{ name: string; given: PaymentEvent[]; when: AnyPaymentCommand; by?: Sender; expected: WalletAsk[] }>([
    {
      name: "authorising holds the amount, with the right of whoever authorises",
      given: [initiated],
      when: authorize,
      by: PAYING,
      expected: [{ ...asked, operation: "PlaceHold", amountMinor: 1_000, forOwnerId: PAYING.ownerId }],
    },
    {
      name: "capturing takes all of it",
      given: [initiated, authorized],
      when: capture,
      expected: [{ ...held, operation: "CaptureHold", toWalletId: SHOP, amountMinor: 1_000 }],
    },
    {
      name: "capturing takes a part, and more may follow",
      given: [initiated, authorized],
      when: { ...capture, amountMinor: 400 },
      expected: [{ ...held, operation: "CaptureHold", toWalletId: SHOP, amountMinor: 400 }],
    },
    {
      name: "the last capture takes what is left",
      given: [initiated, authorized, partly],
      when: capture,
      expected: [{ ...held, operation: "CaptureHold", toWalletId: SHOP, amountMinor: 600 }],
    },
    {
      name: "a final capture releases the rest",
      given: [initiated, authorized],
      when: { ...capture, amountMinor: 400, final: true },
      expected: [
        { ...held, operation: "CaptureHold", toWalletId: SHOP, amountMinor: 400 },
        { ...held, operation: "VoidHold", amountMinor: 0 },
      ],
    },
    {
      name: "the fee is taken out of what is captured, after the merchant's part",
      given: [withFee, authorized],
      when: capture,
      expected: [
        { ...held, operation: "CaptureHold", toWalletId: SHOP, amountMinor: 965 },
        { ...held, operation: "CaptureHold", toWalletId: FEES, amountMinor: 35 },
      ],
    },
    {
      name: "a fee takes no more than there is",
      given: [withFee, authorized],
      when: { ...capture, amountMinor: 8 },
      expected: [{ ...held, operation: "CaptureHold", toWalletId: FEES, amountMinor: 8 }],
    },
    {
      name: "voiding releases the hold",
      given: [initiated, authorized],
      when: voiding,
      expected: [{ ...held, operation: "VoidHold", amountMinor: 0 }],
    },
    {
      name: "expiring releases what was not captured",
      given: [expiring, authorized, partly],
      when: expire,
      expected: [{ ...held, operation: "VoidHold", amountMinor: 0 }],
    },
    {
      name: "refunding brings all of it back, with the merchant's right",
      given: [initiated, authorized, partly],
      when: refund,
      expected: [
        {
          operation: "Transfer",
          walletId: SHOP,
          toWalletId: PAYER,
          amountMinor: 400,
          currency: 818,
          forOwnerId: MERCHANT.ownerId,
        },
      ],
    },
    {
      name: "an admin refunds what is left",
      given: [initiated, authorized, partly, captured, partlyRefunded],
      when: refund,
      by: ADMIN,
      expected: [
        {
          operation: "Transfer",
          walletId: SHOP,
          toWalletId: PAYER,
          amountMinor: 700,
          currency: 818,
          forOwnerId: null,
        },
      ],
    },
  ])("$name", ({ given: events, when, by, expected }) => {
    const decision = decide(events, when, by);
    if (!("steps" in decision)) throw new Error(`decided ${JSON.stringify(decision)}`);
    expect(decision.steps.map(({ ask }) => ask)).toEqual(expected);
    expect(decision.steps[0].refused).toBe(expected[0].operation === "VoidHold" ? "retry" : "undo");
    expect(() => beginSaga(ID, when.type, decision.steps, NOW_MS)).not.toThrow();
  });
});

describe("given what happened, when a command comes, then it is refused:", () => {
  const over = { nowMs: LATER_MS };
  test.each<{
    name: string;
    given: PaymentEvent[];
    when: AnyPaymentCommand;
    by?: Sender;
    nowMs?: number;
    expected: string;
  }>([
    { name: "a payment that exists", given: [initiated], when: initiate, expected: "payment_exists" },
    {
      name: "a fee that an admin did not set",
      given: [],
      when: { ...initiate, fee: FEE },
      expected: "forbidden",
    },
    {
      name: "a payment for another owner",
      given: [],
      when: { ...initiate, ownerId: PAYING.ownerId },
      expected: "forbidden",
    },
    {
      name: "an end that is over",
      given: [],
      when: { ...initiate, expiresAt: new Date(NOW_MS).toISOString() },
      expected: "expiry_invalid",
    },
    {
      name: "a merchant that pays itself",
      given: [],
      when: { ...initiate, merchantWalletId: FACTS.payerWalletId },
      expected: "same_wallet",
    },
    {
      name: "a fee for the payer",
      given: [],
      when: { ...initiate, fee: { ...FEE, walletId: FACTS.payerWalletId } },
      by: ADMIN,
      expected: "same_wallet",
    },
    ...[authorize, capture, voiding, refund, fail, expire].map((when) => ({
      name: `${when.type} of a payment that there is not`,
      given: [],
      when,
      expected: "payment_not_found",
    })),
    ...[capture, voiding, refund, fail].map((when) => ({
      name: `${when.type} by somebody else`,
      given: [initiated, authorized],
      when,
      by: PAYING,
      expected: "forbidden",
    })),
    { name: "authorising too late", given: [expiring], when: authorize, ...over, expected: "payment_expired" },
    { name: "capturing too late", given: [expiring, authorized], when: capture, ...over, expected: "payment_expired" },
    {
      name: "capturing more than is authorised",
      given: [initiated, authorized],
      when: { ...capture, amountMinor: 1_001 },
      expected: "payment_amount_exceeded",
    },
    {
      name: "capturing more than is left",
      given: [initiated, authorized, partly],
      when: { ...capture, amountMinor: 601 },
      expected: "payment_amount_exceeded",
    },
    {
      name: "refunding more than was captured",
      given: [initiated, authorized, partly],
      when: { ...refund, amountMinor: 401 },
      expected: "payment_amount_exceeded",
    },
    {
      name: "refunding what was refunded in parts",
      given: [initiated, authorized, partly, { ...partlyRefunded, amountMinor: 400 }],
      when: refund,
      expected: "payment_amount_exceeded",
    },
  ])("$name", ({ given: events, when, by, nowMs, expected }) => {
    expect(decide(events, when, by, nowMs)).toEqual({ code: expected });
  });

  const STATUSES: Readonly<Record<string, PaymentEvent[]>> = {
    INITIATED: [initiated],
    AUTHORIZED: [initiated, authorized],
    PARTIALLY_CAPTURED: [initiated, authorized, partly],
    CAPTURED: [initiated, authorized, partly, captured],
    REFUNDED: [initiated, authorized, { ...captured }, { ...refunded }],
    VOIDED: [initiated, authorized, voided],
    EXPIRED: [initiated, authorized, expired],
    FAILED: [initiated, failed],
  };
  const TAKEN: Readonly<Record<string, readonly string[]>> = {
    AuthorizePayment: ["INITIATED"],
    CapturePayment: ["AUTHORIZED", "PARTIALLY_CAPTURED"],
    VoidPayment: ["INITIATED", "AUTHORIZED", "PARTIALLY_CAPTURED"],
    RefundPayment: ["PARTIALLY_CAPTURED", "CAPTURED"],
    FailPayment: ["INITIATED"],
    ExpirePayment: ["INITIATED", "AUTHORIZED", "PARTIALLY_CAPTURED"],
  };
  const pairs = [authorize, capture, voiding, refund, fail, expire].flatMap((when) =>
    Object.entries(STATUSES).map(([status, events]) => ({ when, status, events })),
  );

  test.each(pairs)("$when.type of a payment that is $status", ({ when, status, events }) => {
    expect(given(events)?.status).toBe(status);
    const isTaken = TAKEN[when.type].includes(status);
    expect(decide(events, when).code).toBe(isTaken ? "ok" : "payment_status_conflict");
  });
});

describe("given a saga, when it ends, then", () => {
  function sagaOf(events: readonly PaymentEvent[], when: AnyPaymentCommand): Saga {
    const decision = decide(events, when);
    if (!("steps" in decision)) throw new Error("there are no steps");
    return evolveSaga(undefined, beginSaga(ID, when.type, decision.steps, NOW_MS)) as Saga;
  }

  test.each<{ name: string; given: PaymentEvent[]; when: AnyPaymentCommand; expected: PaymentEvent }>([
    { name: "a payment is authorised", given: [initiated], when: authorize, expected: authorized },
    {
      name: "a part is captured",
      given: [initiated, authorized],
      when: { ...capture, amountMinor: 400 },
      expected: partly,
    },
    { name: "the rest is captured", given: [initiated, authorized, partly], when: capture, expected: captured },
    {
      name: "what is captured says what of it is the fee",
      given: [withFee, authorized],
      when: capture,
      expected: { type: "PaymentCaptured", amountMinor: 1_000, feeMinor: 35 },
    },
    { name: "a payment is voided", given: [initiated, authorized], when: voiding, expected: voided },
    {
      name: "what was not captured expires",
      given: [expiring, authorized, partly],
      when: expire,
      expected: { type: "PaymentExpired", releasedMinor: 600 },
    },
    {
      name: "a part is refunded",
      given: [initiated, authorized, partly, captured],
      when: { ...refund, amountMinor: 300 },
      expected: partlyRefunded,
    },
    {
      name: "all that was captured is refunded",
      given: [initiated, authorized, captured],
      when: refund,
      expected: refunded,
    },
    {
      name: "what was captured so far is refunded, and more may be captured",
      given: [initiated, authorized, partly],
      when: refund,
      expected: { type: "PaymentPartlyRefunded", amountMinor: 400 },
    },
  ])("$name", ({ given: events, when, expected }) => {
    const state = given(events) as PaymentState;
    const end = { command: when, saga: sagaOf(events, when), sender: PAYING, askIds: [HOLD] };
    expect(paymentActor.conclude(state, { ...end, code: "ok" })).toEqual([expected]);
    expect(paymentActor.conclude(state, { ...end, code: "insufficient_funds" })).toEqual([]);
    expect(paymentEvent.parse(expected)).toEqual(expected);
    expect(() => paymentActor.evolve(state, expected)).not.toThrow();
  });
});

test("an event that cannot happen is a broken journal", () => {
  expect(() => given([authorized])).toThrow("not initiated");
  expect(() => given([initiated, initiated])).toThrow("initiated twice");
  expect(() => given([initiated, captured])).toThrow("PaymentCaptured cannot happen to a payment that is INITIATED");
  expect(() => given([initiated, failed, authorized])).toThrow("FAILED");
});

test("a payment is seen by an admin, its merchant and whoever authorised it", () => {
  const seen = (events: PaymentEvent[]): boolean[] =>
    [ADMIN, MERCHANT, PAYING].map((sender) => paymentActor.mayRead(given(events) as PaymentState, sender));
  expect(seen([initiated])).toEqual([true, true, false]);
  expect(seen([initiated, authorized])).toEqual([true, true, true]);
});

test("a payment that may still be captured is due at its end", () => {
  const due = (events: PaymentEvent[]): number => paymentActor.dueAtMs(given(events) as PaymentState);
  expect(due([initiated])).toBe(Number.POSITIVE_INFINITY);
  expect([due([expiring]), due([expiring, authorized]), due([expiring, authorized, partly])]).toEqual(
    Array(3).fill(LATER_MS),
  );
  expect(due([expiring, authorized, captured])).toBe(Number.POSITIVE_INFINITY);
});
