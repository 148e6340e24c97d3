import { describe, expect, test } from "vitest";
import { initiatePaymentBody } from "../../protocol/payment/commands.ts";
import { type PaymentEvent, paymentEvent } from "../../protocol/payment/events.ts";
import type { ActorDecision, Found } from "../actor/actor.ts";
import { MERCHANT_TERMS } from "../merchant/merchant.ts";
import { beginSaga, evolveSaga, type Saga } from "../saga/saga.ts";
import { paymentActor } from "./actor.ts";
import type { AnyPaymentCommand } from "./decide.ts";
import type { PaymentState } from "./payment.ts";

const NOW_MS = Date.parse("2026-03-01T10:00:00Z");
const ID = "018f3c6e-0000-7000-8000-0000000000ff";
const PAYER = "018f3c6e-0000-7000-8000-000000000001";
const SHOP = "018f3c6e-0000-7000-8000-000000000002";
const FEE = { walletId: "018f3c6e-0000-7000-8000-000000000003", fixedMinor: 10, basisPoints: 250 };
const HOLD = "018f3c6e-0000-7000-8000-000000000004";
const MERCHANT = "018f3c6e-0000-7000-8000-000000000005";
const OWNER = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a1" };
const TERMS = { ownerId: OWNER.ownerId, walletId: SHOP, currency: "EGP", fee: FEE, status: "ACTIVE" };
const FACTS = { payerWalletId: PAYER, merchantId: MERCHANT, amountMinor: 1_000, currency: "EGP" };

function command(facts: object = {}): AnyPaymentCommand {
  return { type: "InitiatePayment", ...initiatePaymentBody.parse({ ...FACTS, ...facts }) };
}

function decide(when: AnyPaymentCommand, found?: Found, state?: PaymentState): ActorDecision<PaymentEvent> {
  const context = { id: ID, sender: OWNER, nowMs: NOW_MS };
  return paymentActor.decide(state, when, found === undefined ? context : { ...context, found });
}

function termsOf(changes: object = {}): Found {
  return { code: "ok", facts: { ...TERMS, ...changes } };
}

describe("a payment to a registered merchant", () => {
  test("depends on it, and one to a wallet on nobody", () => {
    expect(paymentActor.dependsOn?.(command())).toEqual({
      aggregate: "Merchant",
      id: MERCHANT,
      fields: MERCHANT_TERMS,
    });
    const direct = command({ merchantId: undefined, merchantWalletId: SHOP });
    expect(paymentActor.dependsOn?.(direct)).toBeUndefined();
    expect(paymentActor.dependsOn?.({ type: "VoidPayment" })).toBeUndefined();
  });

  test("takes wallet, owner and fee as they are then", () => {
    const { type: _, ...facts } = command() as typeof FACTS & { type: string };
    const { walletId: merchantWalletId, ownerId, fee } = TERMS;
    const initiated = { type: "PaymentInitiated", ...facts, merchantWalletId, ownerId, fee, initiatedAtMs: NOW_MS };
    const decision = decide(command(), termsOf());
    expect(decision).toEqual({ code: "ok", events: [initiated] });
    expect(paymentEvent.parse(initiated)).toEqual(initiated);
    const free = decide(command(), termsOf({ fee: undefined }));
    expect("events" in free ? free.events?.[0] : free).not.toHaveProperty("fee");
  });

  test.each<{ name: string; found?: Found; facts?: object; code: string }>([
    { name: "nobody has looked for", code: "merchant_not_found" },
    { name: "there is not", found: { code: "merchant_not_found" }, code: "merchant_not_found" },
    { name: "somebody else has", found: { code: "forbidden" }, code: "forbidden" },
    { name: "is suspended", found: termsOf({ status: "SUSPENDED" }), code: "merchant_status_conflict" },
    { name: "is closed", found: termsOf({ status: "CLOSED" }), code: "merchant_status_conflict" },
    { name: "takes another currency", found: termsOf({ currency: "USD" }), code: "currency_mismatch" },
    { name: "pays itself", found: termsOf({ walletId: PAYER }), code: "same_wallet" },
    {
      name: "gives away more than its fee leaves",
      found: termsOf(),
      facts: { splits: [{ walletId: HOLD, amountMinor: 966 }] },
      code: "splits_exceeded",
    },
  ])("that $name is refused", ({ found, facts, code }) => {
    expect(decide(command(facts), found)).toEqual({ code });
  });

  test.each([{ merchantWalletId: SHOP }, { fee: FEE }, { ownerId: OWNER.ownerId }, { merchantId: undefined }])(
    "says nothing that its merchant says: %j",
    (facts) => {
      expect(() => command(facts)).toThrow("expected either merchantId");
    },
  );

  test("tells the merchant's wallet what its part is part of", () => {
    const splits = [{ walletId: HOLD, amountMinor: 100 }];
    const initiated = decide(command({ splits }), termsOf());
    const authorized: PaymentEvent = { type: "PaymentAuthorized", holdId: HOLD, payerOwnerId: "" };
    const events = [...("events" in initiated ? (initiated.events ?? []) : []), authorized];
    const state = events.reduce<PaymentState | undefined>(paymentActor.evolve, undefined) as PaymentState;
    const capture = { type: "CapturePayment" } as const;
    const captured = decide(capture, undefined, state);
    if (!("steps" in captured)) throw new Error("nothing is captured");
    expect(captured.steps.map(({ ask }) => ask.metadata)).toEqual([
      undefined,
      { merchantId: MERCHANT, capturedMinor: 1_000, feeMinor: 35, splitsMinor: 100 },
      undefined,
      undefined,
    ]);
    const saga = evolveSaga(undefined, beginSaga(ID, capture.type, captured.steps, NOW_MS)) as Saga;
    const end = { command: capture, saga, sender: OWNER, code: "ok", askIds: [] } as const;
    const after = paymentActor.conclude(state, end).reduce(paymentActor.evolve, state);
    const refunded = decide({ type: "RefundPayment", amountMinor: 500 }, undefined, after);
    const told = { merchantId: MERCHANT, refundedMinor: 500, splitsMinor: 50 };
    expect("steps" in refunded ? refunded.steps.map(({ ask }) => ask.metadata) : refunded).toEqual([
      undefined,
      undefined,
      told,
      told,
    ]);
  });
});
