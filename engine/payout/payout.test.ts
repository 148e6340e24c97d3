import { describe, expect, test } from "vitest";
import { type PayoutCommand, payoutCommand } from "../../protocol/payout/commands.ts";
import { type PayoutEvent, payoutEvent } from "../../protocol/payout/events.ts";
import type { ActorDecision, Sender } from "../actor/actor.ts";
import { beginSaga, evolveSaga, type Saga } from "../saga/saga.ts";
import { payoutActor } from "./actor.ts";
import type { PayoutState } from "./payout.ts";

const NOW_MS = Date.parse("2026-03-10T10:00:00Z");
const ID = "018f3c6e-0000-7000-8000-0000000000ff";
const WALLET = "018f3c6e-0000-7000-8000-000000000001";
const FLOAT = "018f3c6e-0000-7000-8000-000000000002";
const OWNER: Sender = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a1" };
const STRANGER: Sender = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a2" };
const ADMIN: Sender = { isAdmin: true, ownerId: "" };

const facts = {
  walletId: WALLET,
  providerWalletId: FLOAT,
  provider: "paymob",
  method: "bank_wallet",
  amountMinor: 700,
  currency: "EGP",
  ownerId: OWNER.ownerId,
} as const;
const initiate = payoutCommand.parse({ type: "InitiatePayout", ...facts });
const paidFacts = { transactionId: "t1", amountMinor: 700, currency: "EGP" } as const;
const submit = { type: "SubmitPayout", reference: "r1" } as const;
const confirm = { type: "ConfirmPayout", ...paidFacts } as const;
const fail = { type: "FailPayout", reason: "no such account" } as const;
const accept = { type: "ResolvePayout", transactionId: "t1", decision: "accept", reason: "seen" } as const;
const dismiss = { ...accept, decision: "dismiss" } as const;

const atMs = NOW_MS;
const initiated: PayoutEvent = { type: "PayoutInitiated", ...facts, atMs };
const reserved: PayoutEvent = { type: "PayoutReserved", atMs };
const submitted: PayoutEvent = { type: "PayoutSubmitted", reference: "r1", atMs };
const paid: PayoutEvent = { type: "PayoutPaid", transactionId: "t1", atMs };
const failed: PayoutEvent = { type: "PayoutFailed", reason: "no such account", atMs };
const attention = (cause: "late" | "amount_differs" | "moved_twice", changed = {}): PayoutEvent => ({
  type: "PayoutNeedsAttention",
  ...paidFacts,
  ...changed,
  cause,
  atMs,
});
const closed = (decision: "accept" | "dismiss"): PayoutEvent => ({
  type: "PayoutAttentionClosed",
  transactionId: "t1",
  decision,
  reason: "seen",
  atMs,
});
const pending = [initiated, reserved, submitted];

function given(events: readonly PayoutEvent[]): PayoutState | undefined {
  return events.reduce<PayoutState | undefined>(payoutActor.evolve, undefined);
}

function decide(
  events: readonly PayoutEvent[],
  when: PayoutCommand,
  sender: Sender = ADMIN,
): ActorDecision<PayoutEvent> {
  return payoutActor.decide(given(events), when, { id: ID, sender, nowMs: NOW_MS });
}

interface Spec<Expected> {
  readonly name: string;
  readonly given: readonly PayoutEvent[];
  readonly when: PayoutCommand;
  readonly expected: Expected;
}

const toFloat = (amountMinor: number, forOwnerId: string | null): object => ({
  ask: { operation: "Transfer", walletId: WALLET, toWalletId: FLOAT, amountMinor, currency: 818, forOwnerId },
  refused: "undo",
});

describe("given what happened, when a command comes, then it happens at once:", () => {
  test.each<Spec<readonly PayoutEvent[]>>([
    { name: "the provider has taken it", given: [initiated, reserved], when: submit, expected: [submitted] },
    { name: "its answer comes again", given: pending, when: submit, expected: [] },
    {
      name: "its answer comes after the money",
      given: [initiated, reserved, paid],
      when: submit,
      expected: [submitted],
    },
    { name: "it is paid", given: pending, when: confirm, expected: [paid] },
    {
      name: "it is paid before the provider has answered",
      given: [initiated, reserved],
      when: confirm,
      expected: [paid],
    },
    { name: "that is told twice", given: [...pending, paid], when: confirm, expected: [] },
    {
      name: "it is paid twice",
      given: [...pending, paid],
      when: { ...confirm, transactionId: "t2" },
      expected: [attention("moved_twice", { transactionId: "t2" })],
    },
    { name: "it is paid after it failed", given: [...pending, failed], when: confirm, expected: [attention("late")] },
    { name: "that is told twice", given: [...pending, failed, attention("late")], when: confirm, expected: [] },
    {
      name: "another amount is paid",
      given: pending,
      when: { ...confirm, amountMinor: 699 },
      expected: [attention("amount_differs", { amountMinor: 699 })],
    },
    {
      name: "an operator accepts another amount",
      given: [...pending, attention("amount_differs", { amountMinor: 699 })],
      when: accept,
      expected: [paid, closed("accept")],
    },
    {
      name: "an operator dismisses late money",
      given: [...pending, failed, attention("late")],
      when: dismiss,
      expected: [closed("dismiss")],
    },
  ])("$name", ({ given: events, when, expected }) => {
    expect(decide(events, when)).toEqual({ code: "ok", events: expected });
    for (const event of expected) expect(payoutEvent.parse(event)).toEqual(event);
    expect(() => expected.reduce<PayoutState | undefined>(payoutActor.evolve, given(events))).not.toThrow();
  });
});

describe("given what happened, when a command comes, then money is asked for:", () => {
  test("from the wallet, with its owner's right", () => {
    expect(decide([], initiate)).toEqual({ code: "ok", events: [initiated], steps: [toFloat(700, OWNER.ownerId)] });
    const own = { ...initiate, ownerId: "" } as PayoutCommand;
    expect(decide([], own)).toMatchObject({ code: "ok", steps: [toFloat(700, null)] });
  });

  test("back to the wallet, where the provider has not paid", () => {
    const ask = {
      operation: "Transfer",
      walletId: FLOAT,
      toWalletId: WALLET,
      amountMinor: 700,
      currency: 818,
      forOwnerId: null,
    };
    for (const events of [[initiated, reserved], pending]) {
      expect(decide(events, fail)).toEqual({ code: "ok", steps: [{ ask, refused: "retry" }] });
    }
  });

  test("from the wallet again, where an operator accepts that it was paid after all", () => {
    expect(decide([...pending, failed, attention("late")], accept)).toEqual({
      code: "ok",
      steps: [toFloat(700, null)],
    });
  });
});

describe("given a saga, when it ends, then", () => {
  const end = (
    events: readonly PayoutEvent[],
    when: PayoutCommand,
    code: "ok" | "insufficient_funds",
  ): readonly PayoutEvent[] => {
    const decision = decide(events, when);
    if (!("steps" in decision)) throw new Error("there are no steps");
    const saga = evolveSaga(undefined, beginSaga(ID, when.type, decision.steps, NOW_MS)) as Saga;
    const state = [...events, ...(decision.events ?? [])].reduce<PayoutState | undefined>(
      payoutActor.evolve,
      undefined,
    );
    return payoutActor.conclude(state as PayoutState, { command: when, saga, sender: ADMIN, code, askIds: [] });
  };

  test("the money is reserved, or the payout has failed", () => {
    expect(end([], initiate, "ok")).toEqual([reserved]);
    expect(end([], initiate, "insufficient_funds")).toEqual([{ ...failed, reason: "insufficient_funds" }]);
  });

  test("the money is back", () => {
    expect(end(pending, fail, "ok")).toEqual([failed]);
    expect(end(pending, fail, "insufficient_funds")).toEqual([]);
  });

  test("accepted money counts", () => {
    expect(end([...pending, failed, attention("late")], accept, "ok")).toEqual([paid, closed("accept")]);
    expect(end([...pending, failed, attention("late")], accept, "insufficient_funds")).toEqual([]);
    const twice = [...pending, { ...paid, transactionId: "t0" } as PayoutEvent, attention("moved_twice")];
    expect(end(twice, accept, "ok")).toEqual([closed("accept")]);
  });
});

describe("given what happened, when a command comes, then it is refused:", () => {
  test.each<Spec<string>>([
    { name: "one that there is", given: [initiated], when: initiate, expected: "payout_exists" },
    {
      name: "one of the provider's own account",
      given: [],
      when: { ...initiate, walletId: FLOAT } as PayoutCommand,
      expected: "same_wallet",
    },
    { name: "one that there is not", given: [], when: confirm, expected: "payout_not_found" },
    {
      name: "another reference",
      given: pending,
      when: { ...submit, reference: "r2" },
      expected: "payout_status_conflict",
    },
    {
      name: "an answer before the money is reserved",
      given: [initiated],
      when: submit,
      expected: "payout_status_conflict",
    },
    { name: "money that nobody knows of", given: pending, when: dismiss, expected: "attention_not_found" },
    {
      name: "money of another currency",
      given: [...pending, attention("amount_differs", { currency: "USD" })],
      when: accept,
      expected: "currency_mismatch",
    },
  ])("$name", ({ given: events, when, expected }) => {
    expect(decide(events, when)).toEqual({ code: expected });
  });

  test.each([initiate, submit, confirm, fail, accept])("$type of anybody but an admin", (when) => {
    expect(decide(pending, when, OWNER)).toEqual({ code: "forbidden" });
  });

  test.each([
    { status: "INITIATED", events: [initiated], isTaken: false },
    { status: "RESERVED", events: [initiated, reserved], isTaken: true },
    { status: "PENDING", events: pending, isTaken: true },
    { status: "PAID", events: [...pending, paid], isTaken: false },
    { status: "FAILED", events: [...pending, failed], isTaken: false },
  ])("or taken: FailPayout of one that is $status", ({ status, events, isTaken }) => {
    expect(given(events)?.status).toBe(status);
    expect(decide(events, fail).code).toBe(isTaken ? "ok" : "payout_status_conflict");
    expect(decide(events, confirm).code).toBe("ok");
  });
});

test("an event that cannot happen is a broken journal", () => {
  expect(() => given([reserved])).toThrow("not initiated");
  expect(() => given([initiated, initiated])).toThrow("initiated twice");
  expect(() => given([initiated, paid])).toThrow("PayoutPaid cannot happen to a payout that is INITIATED");
});

test("its owner and admins see a payout, and it is never due by itself", () => {
  const state = given([initiated]) as PayoutState;
  expect([ADMIN, OWNER, STRANGER].map((sender) => payoutActor.mayRead(state, sender))).toEqual([true, true, false]);
  expect(payoutActor.dueAtMs(state)).toBe(Number.POSITIVE_INFINITY);
});
