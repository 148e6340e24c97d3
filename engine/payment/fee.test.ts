import fc from "fast-check";
import { expect, test } from "vitest";
import type { PaymentEvent } from "../../protocol/payment/events.ts";
import { settings } from "../../test/property-settings.ts";
import { beginSaga, evolveSaga, type Saga } from "../saga/saga.ts";
import { paymentActor } from "./actor.ts";
import type { PaymentState } from "./payment.ts";

const NOW_MS = Date.parse("2026-03-01T10:00:00Z");
const ID = "018f3c6e-0000-7000-8000-0000000000ff";
const FEES = "018f3c6e-0000-7000-8000-000000000003";
const MERCHANT = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a1" };
const INITIATED: Extract<PaymentEvent, { type: "PaymentInitiated" }> = {
  type: "PaymentInitiated",
  payerWalletId: "018f3c6e-0000-7000-8000-000000000001",
  merchantWalletId: "018f3c6e-0000-7000-8000-000000000002",
  amountMinor: 1,
  currency: "EGP",
  ownerId: MERCHANT.ownerId,
  initiatedAtMs: NOW_MS,
};
const AUTHORIZED: PaymentEvent = {
  type: "PaymentAuthorized",
  holdId: "018f3c6e-0000-7000-8000-000000000004",
  payerOwnerId: "",
};
const capture = { type: "CapturePayment" } as const;

test("however a payment is captured, its fee comes to the same and its parts to the whole", () => {
  const plans = fc.record({
    fee: fc.record({ fixedMinor: fc.integer({ min: 0, max: 300 }), basisPoints: fc.integer({ min: 0, max: 10_000 }) }),
    parts: fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 8 }),
  });
  fc.assert(
    fc.property(plans, ({ fee, parts }) => {
      const amountMinor = parts.reduce((sum, part) => sum + part, 0);
      const start = { ...INITIATED, amountMinor, fee: { walletId: FEES, ...fee } as typeof INITIATED.fee };
      const whole = [start, AUTHORIZED].reduce<PaymentState | undefined>(
        paymentActor.evolve,
        undefined,
      ) as PaymentState;
      let state = whole;
      for (const part of parts) {
        const decision = paymentActor.decide(
          state,
          { ...capture, amountMinor: part },
          { id: ID, sender: MERCHANT, nowMs: NOW_MS },
        );
        if (!("steps" in decision)) throw new Error("nothing is captured");
        expect(decision.steps.reduce((sum, { ask }) => sum + ask.amountMinor, 0)).toBe(part);
        const saga = evolveSaga(undefined, beginSaga(ID, "CapturePayment", decision.steps, NOW_MS)) as Saga;
        const end = {
          command: { ...capture, amountMinor: part },
          saga,
          sender: MERCHANT,
          code: "ok",
          askIds: [],
        } as const;
        state = paymentActor.conclude(state, end).reduce(paymentActor.evolve, state);
        expect(state.feesMinor).toBeLessThanOrEqual(state.capturedMinor);
      }
      expect(state.status).toBe("CAPTURED");
      const once = paymentActor.decide(whole, capture, { id: ID, sender: MERCHANT, nowMs: NOW_MS });
      const fees = "steps" in once ? once.steps.filter(({ ask }) => ask.toWalletId === FEES) : [];
      expect(state.feesMinor).toBe(fees[0]?.ask.amountMinor ?? 0);
    }),
    settings(200),
  );
});
