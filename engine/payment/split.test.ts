import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type InitiatePayment, initiatePaymentBody } from "../../protocol/payment/commands.ts";
import { type PaymentEvent, paymentEvent } from "../../protocol/payment/events.ts";
import { settings } from "../../test/property-settings.ts";
import type { ActorDecision } from "../actor/actor.ts";
import { beginSaga, evolveSaga, type Saga } from "../saga/saga.ts";
import { paymentActor } from "./actor.ts";
import type { AnyPaymentCommand } from "./decide.ts";
import type { PaymentState } from "./payment.ts";
import { apportion, sumOf } from "./split.ts";

const NOW_MS = Date.parse("2026-03-01T10:00:00Z");
const PAYMENT = idOf(0xff);
const PAYER = idOf(1);
const SHOP = idOf(2);
const FEES = idOf(3);
const HOLD = idOf(4);
const COURIER = idOf(5);
const TAX = idOf(6);
const MERCHANT = { isAdmin: false, ownerId: idOf(0xa1) };
const ADMIN = { isAdmin: true, ownerId: "" };
const AUTHORIZED: PaymentEvent = { type: "PaymentAuthorized", holdId: HOLD, payerOwnerId: "" };
const SPLITS = [
  { walletId: COURIER, amountMinor: 150 },
  { walletId: TAX, basisPoints: 1_400 },
];

/** What moves money, and does not only ask for it or hold it. */
const MOVES: ReadonlySet<string> = new Set(["CaptureHold", "Transfer"]);

function idOf(number: number): string {
  return `018f3c6e-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

function initiating(facts: object = {}): InitiatePayment {
  const command = { payerWalletId: PAYER, merchantWalletId: SHOP, amountMinor: 1_000, currency: "EGP", ...facts };
  return { type: "InitiatePayment", ...initiatePaymentBody.parse(command) };
}

function decide(state: PaymentState | undefined, when: AnyPaymentCommand, sender = ADMIN): ActorDecision<PaymentEvent> {
  return paymentActor.decide(state, when, { id: PAYMENT, sender, nowMs: NOW_MS });
}

/** A payment after commands whose wallets do what they are asked for. */
function given(facts: object, ...commands: readonly AnyPaymentCommand[]): PaymentState {
  const initiated = decide(undefined, initiating(facts));
  if (!("events" in initiated)) throw new Error("no payment was initiated");
  const events = [...(initiated.events ?? []), AUTHORIZED];
  const state = events.reduce<PaymentState | undefined>(paymentActor.evolve, undefined) as PaymentState;
  return commands.reduce((before, command) => done(before, command), state);
}

function done(state: PaymentState, command: AnyPaymentCommand): PaymentState {
  const saga = evolveSaga(undefined, beginSaga(PAYMENT, command.type, stepsOf(state, command), NOW_MS)) as Saga;
  const end = { command, saga, sender: ADMIN, code: "ok", askIds: [] } as const;
  const events = paymentActor.conclude(state, end);
  for (const event of events) expect(paymentEvent.parse(event)).toEqual(event);
  return events.reduce(paymentActor.evolve, state);
}

function stepsOf(state: PaymentState, command: AnyPaymentCommand, sender = ADMIN): Saga["steps"] {
  const decision = decide(state, command, sender);
  if (!("steps" in decision)) throw new Error(`${command.type} is refused: ${decision.code}`);
  return decision.steps;
}

const capture = (amountMinor?: number): AnyPaymentCommand => ({
  type: "CapturePayment",
  ...(amountMinor === undefined ? {} : { amountMinor }),
});
const refund = (amountMinor?: number): AnyPaymentCommand => ({
  type: "RefundPayment",
  ...(amountMinor === undefined ? {} : { amountMinor }),
});

describe("a payment with parts of others", () => {
  test("keeps the parts as amounts, and drops those that come to nothing", () => {
    const splits = [...SPLITS, { walletId: idOf(7), basisPoints: 4 }];
    expect(given({ splits }).splits).toEqual([
      { walletId: COURIER, amountMinor: 150, capturedMinor: 0, refundedMinor: 0 },
      { walletId: TAX, amountMinor: 140, capturedMinor: 0, refundedMinor: 0 },
    ]);
  });

  test.each([
    { name: "the payer", splits: [{ walletId: PAYER, amountMinor: 1 }], code: "same_wallet" },
    { name: "the merchant", splits: [{ walletId: SHOP, amountMinor: 1 }], code: "same_wallet" },
    { name: "somebody twice", splits: [...SPLITS, { walletId: TAX, amountMinor: 1 }], code: "same_wallet" },
    { name: "more than there is", splits: [...SPLITS, { walletId: FEES, amountMinor: 700 }], code: "splits_exceeded" },
  ])("is refused where a part is for $name", ({ splits, code }) => {
    const fee = { walletId: FEES, fixedMinor: 11, basisPoints: 0 };
    expect(decide(undefined, initiating({ fee, splits }))).toEqual({ code });
  });

  test.each([
    { walletId: TAX },
    { walletId: TAX, amountMinor: 1, basisPoints: 1 },
    { walletId: TAX, basisPoints: 10_001 },
    { walletId: TAX, amountMinor: 0 },
  ])("says of each part either an amount or a share: %j", (split) => {
    expect(() => initiating({ splits: [split] })).toThrow();
  });

  test("is captured into every wallet out of one hold, the merchant first and the fee last", () => {
    const fee = { walletId: FEES, fixedMinor: 10, basisPoints: 0 };
    const state = given({ fee, splits: SPLITS });
    const steps = stepsOf(state, capture());
    const asks = steps.map(({ ask, refused }) => [
      ask.operation,
      ask.toWalletId ?? ask.walletId,
      ask.amountMinor,
      refused,
    ]);
    expect(asks).toEqual([
      ["CheckCredit", COURIER, 150, "undo"],
      ["CheckCredit", TAX, 140, "undo"],
      ["CaptureHold", SHOP, 700, "undo"],
      ["CaptureHold", COURIER, 150, "retry"],
      ["CaptureHold", TAX, 140, "retry"],
      ["CaptureHold", FEES, 10, "retry"],
    ]);
    expect(done(state, capture())).toMatchObject({
      status: "CAPTURED",
      feesMinor: 10,
      splits: [{ capturedMinor: 150 }, { capturedMinor: 140 }],
    });
  });

  test("is refunded from all of them or none: everybody holds his part first", () => {
    const state = given({ splits: SPLITS }, capture());
    const steps = stepsOf(state, refund(100));
    const asks = steps.map(({ ask }) => [ask.operation, ask.walletId, ask.amountMinor, ask.holdOf]);
    expect(asks).toEqual([
      ["PlaceHold", SHOP, 71, undefined],
      ["PlaceHold", COURIER, 15, undefined],
      ["PlaceHold", TAX, 14, undefined],
      ["CaptureHold", SHOP, 71, 0],
      ["CaptureHold", COURIER, 15, 1],
      ["CaptureHold", TAX, 14, 2],
    ]);
    expect(steps.map(({ undo }) => undo?.holdOf)).toEqual([0, 1, 2, undefined, undefined, undefined]);
    expect(steps.map(({ refused }) => refused)).toEqual(["undo", "undo", "undo", "undo", "retry", "retry"]);
    expect(steps.every(({ ask }) => ask.toWalletId === PAYER)).toBe(true);
    expect(done(state, refund())).toMatchObject({
      status: "REFUNDED",
      splits: [{ refundedMinor: 150 }, { refundedMinor: 140 }],
    });
  });

  test("is refunded with the merchant's right to its own wallet only", () => {
    const state = { ...given({ splits: SPLITS }, capture()), ownerId: MERCHANT.ownerId };
    expect(stepsOf(state, refund(), MERCHANT).map(({ ask }) => ask.forOwnerId)).toEqual([
      MERCHANT.ownerId,
      ...Array(5).fill(null),
    ]);
  });

  test("is refunded in one transfer where one wallet has it all", () => {
    const state = given({ splits: [{ walletId: TAX, amountMinor: 1_000 }] }, capture());
    expect(stepsOf(state, refund()).map(({ ask }) => [ask.operation, ask.walletId])).toEqual([["Transfer", TAX]]);
  });
});

test("an amount is apportioned exactly, and nobody gets more than he claims", () => {
  const claims = fc.array(fc.integer({ min: 0, max: 2 ** 49 }), { minLength: 1, maxLength: 11 });
  const plans = claims.chain((claimsMinor) =>
    fc.record({ claimsMinor: fc.constant(claimsMinor), amountMinor: fc.integer({ min: 0, max: sumOf(claimsMinor) }) }),
  );
  fc.assert(
    fc.property(plans, ({ claimsMinor, amountMinor }) => {
      const parts = apportion(amountMinor, claimsMinor);
      expect(sumOf(parts)).toBe(amountMinor);
      const total = BigInt(sumOf(claimsMinor));
      for (const [index, part] of parts.entries()) {
        expect(part).toBeGreaterThanOrEqual(0);
        expect(part).toBeLessThanOrEqual(claimsMinor[index]);
        const exact = BigInt(claimsMinor[index]) * BigInt(amountMinor);
        const isNear = BigInt(part) * total > exact - total && BigInt(part) * total < exact + total;
        expect(isNear || total === 0n).toBe(true);
      }
    }),
    settings(300),
  );
});

test("however a payment is captured and refunded, its parts come to the whole, never shrink, and end as one would have", () => {
  const plans = fc.record({
    fee: fc.record({ fixedMinor: fc.integer({ min: 0, max: 300 }), basisPoints: fc.integer({ min: 0, max: 5_000 }) }),
    splits: fc.array(
      fc.oneof(
        fc.record({ amountMinor: fc.integer({ min: 1, max: 400 }) }),
        fc.record({ basisPoints: fc.integer({ min: 0, max: 2_500 }) }),
      ),
      { minLength: 1, maxLength: 10 },
    ),
    captures: fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 8 }),
    refunds: fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 0, maxLength: 6 }),
  });
  fc.assert(
    fc.property(plans, ({ fee, splits, captures, refunds }) => {
      const facts = {
        amountMinor: sumOf(captures),
        fee: { walletId: FEES, ...fee },
        splits: splits.map((split, index) => ({ walletId: idOf(0x100 + index), ...split })),
      };
      fc.pre(decide(undefined, initiating(facts)).code === "ok");
      const moneys = new Map<string, number>();
      const move = (state: PaymentState, command: AnyPaymentCommand, amountMinor: number): PaymentState => {
        const moves = stepsOf(state, command).filter(({ ask }) => MOVES.has(ask.operation));
        expect(sumOf(moves.map(({ ask }) => ask.amountMinor))).toBe(amountMinor);
        for (const { ask } of moves) {
          expect(ask.amountMinor).toBeGreaterThan(0);
          for (const [id, sign] of [
            [ask.walletId, -1],
            [ask.toWalletId ?? "", 1],
          ] as const) {
            moneys.set(id, (moneys.get(id) ?? 0) + sign * ask.amountMinor);
          }
        }
        return done(state, command);
      };
      const whole = given(facts);
      let state = whole;
      for (const part of captures) state = move(state, capture(part), part);
      const once = done(whole, capture());
      expect({ ...state, status: once.status }).toEqual(once);
      expect(state.splits?.every((split) => split.capturedMinor === split.amountMinor) ?? true).toBe(true);
      for (const wanted of refunds) {
        const amountMinor = Math.min(wanted, state.capturedMinor - state.refundedMinor);
        if (amountMinor > 0) state = move(state, refund(amountMinor), amountMinor);
      }
      for (const split of state.splits ?? []) {
        expect(moneys.get(split.walletId)).toBe(split.capturedMinor - split.refundedMinor);
        expect(split.refundedMinor).toBeLessThanOrEqual(split.capturedMinor);
      }
      expect(moneys.get(FEES) ?? 0).toBe(state.feesMinor);
      expect(moneys.get(PAYER)).toBe(state.refundedMinor - state.capturedMinor);
    }),
    settings(200),
  );
});
