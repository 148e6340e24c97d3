import { describe, expect, test } from "vitest";
import { topUpCommand } from "../../protocol/topup/commands.ts";
import { type TopUpEvent, topUpEvent } from "../../protocol/topup/events.ts";
import type { ActorDecision, Sender } from "../actor/actor.ts";
import { beginSaga, evolveSaga, type Saga } from "../saga/saga.ts";
import { CONFIRMATION_GRACE_MS, topUpActor } from "./actor.ts";
import type { AnyTopUpCommand } from "./decide.ts";
import type { TopUpState } from "./topup.ts";

const NOW_MS = Date.parse("2026-03-10T10:00:00Z");
const EXPIRES_MS = NOW_MS + 3_600_000;
const ID = "018f3c6e-0000-7000-8000-0000000000ff";
const WALLET = "018f3c6e-0000-7000-8000-000000000001";
const FLOAT = "018f3c6e-0000-7000-8000-000000000002";
const OWNER: Sender = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a1" };
const STRANGER: Sender = { isAdmin: false, ownerId: "018f3c6e-0000-7000-8000-0000000000a2" };
const ADMIN: Sender = { isAdmin: true, ownerId: "" };

const initiate = topUpCommand.parse({
  type: "InitiateTopUp",
  walletId: WALLET,
  providerWalletId: FLOAT,
  provider: "fawry",
  method: "PAYATFAWRY",
  amountMinor: 1_000,
  currency: "EGP",
  ownerId: OWNER.ownerId,
  expiresAt: new Date(EXPIRES_MS).toISOString(),
});
const paid = { transactionId: "t1", amountMinor: 1_000, currency: "EGP" } as const;
const submit = { type: "SubmitTopUp", reference: "r1", payment: { code: "r1" } } as const;
const confirm = { type: "ConfirmTopUp", ...paid } as const;
const fail = { type: "FailTopUp", reason: "declined" } as const;
const expire = { type: "ExpireTopUp" } as const;
const refund = { type: "RefundTopUp", reason: "asked for" } as const;
const confirmRefund = { type: "ConfirmTopUpRefund", refundId: "f1" } as const;
const failRefund = { type: "FailTopUpRefund", reason: "too late" } as const;
const accept = { type: "ResolveTopUp", transactionId: "t1", decision: "accept", reason: "seen" } as const;
const dismiss = { ...accept, decision: "dismiss" } as const;

const atMs = NOW_MS;
const initiated: TopUpEvent = {
  type: "TopUpInitiated",
  walletId: WALLET,
  providerWalletId: FLOAT,
  provider: "fawry",
  method: "PAYATFAWRY",
  amountMinor: 1_000,
  currency: "EGP",
  ownerId: OWNER.ownerId,
  expiresAtMs: EXPIRES_MS,
  atMs,
};
const submitted: TopUpEvent = { type: "TopUpSubmitted", reference: "r1", payment: { code: "r1" }, atMs };
const completed: TopUpEvent = { type: "TopUpCompleted", ...paid, atMs };
const failed: TopUpEvent = { type: "TopUpFailed", reason: "declined", atMs };
const expired: TopUpEvent = { type: "TopUpExpired", atMs };
const refundBegun: TopUpEvent = { type: "TopUpRefundBegun", reason: "asked for", atMs };
const refunded: TopUpEvent = { type: "TopUpRefunded", refundId: "f1", atMs };
const refundFailed: TopUpEvent = { type: "TopUpRefundFailed", reason: "too late", atMs };
const needsAttention = (
  cause: "late" | "amount_differs" | "moved_twice" | "wallet_refused",
  facts = {},
): TopUpEvent => ({
  type: "TopUpNeedsAttention",
  ...paid,
  ...facts,
  cause,
  atMs,
});
const closed = (decision: "accept" | "dismiss"): TopUpEvent => ({
  type: "TopUpAttentionClosed",
  transactionId: "t1",
  decision,
  reason: "seen",
  atMs,
});
const late = needsAttention("late");

function given(events: readonly TopUpEvent[]): TopUpState | undefined {
  return events.reduce<TopUpState | undefined>(topUpActor.evolve, undefined);
}

function decide(
  events: readonly TopUpEvent[],
  when: AnyTopUpCommand,
  sender: Sender = ADMIN,
  nowMs = NOW_MS,
): ActorDecision<TopUpEvent> {
  return topUpActor.decide(given(events), when, { id: ID, sender, nowMs });
}

const toWallet = (amountMinor: number, refused: string): object => ({
  ask: { operation: "Transfer", walletId: FLOAT, toWalletId: WALLET, amountMinor, currency: 818, forOwnerId: null },
  refused,
});

interface Spec<Expected> {
  readonly name: string;
  readonly given: readonly TopUpEvent[];
  readonly when: AnyTopUpCommand;
  readonly by?: Sender;
  readonly expected: Expected;
}

describe("given what happened, when a command comes, then it happens at once:", () => {
  test.each<Spec<readonly TopUpEvent[]>>([
    { name: "a top-up is initiated", given: [], when: initiate, expected: [initiated] },
    {
      name: "one that names no end lasts a day",
      given: [],
      when: { ...initiate, expiresAt: undefined } as AnyTopUpCommand,
      expected: [{ ...initiated, expiresAtMs: NOW_MS + 86_400_000 }],
    },
    { name: "the provider has taken the order", given: [initiated], when: submit, expected: [submitted] },
    { name: "its answer comes again", given: [initiated, submitted], when: submit, expected: [] },
    { name: "its answer comes after the money", given: [initiated, completed], when: submit, expected: [submitted] },
    { name: "its answer comes after the end", given: [initiated, failed], when: submit, expected: [submitted] },
    { name: "it fails", given: [initiated, submitted], when: fail, expected: [failed] },
    { name: "its owner cancels it", given: [initiated, submitted], when: fail, by: OWNER, expected: [failed] },
    { name: "its time is over", given: [initiated, submitted], when: expire, expected: [expired] },
    { name: "word of its money comes twice", given: [initiated, completed], when: confirm, expected: [] },
    {
      name: "word of other money comes after it",
      given: [initiated, completed],
      when: { ...confirm, transactionId: "t2" },
      expected: [needsAttention("moved_twice", { transactionId: "t2" })],
    },
    { name: "money comes after the end of its time", given: [initiated, expired], when: confirm, expected: [late] },
    { name: "money comes after it failed", given: [initiated, failed], when: confirm, expected: [late] },
    { name: "late money is told twice", given: [initiated, failed, late], when: confirm, expected: [] },
    {
      name: "dismissed money is told again",
      given: [initiated, failed, late, closed("dismiss")],
      when: confirm,
      expected: [],
    },
    {
      name: "another amount was paid",
      given: [initiated, submitted],
      when: { ...confirm, amountMinor: 999 },
      expected: [needsAttention("amount_differs", { amountMinor: 999 })],
    },
    {
      name: "another currency was paid",
      given: [initiated, submitted],
      when: { ...confirm, currency: "USD" },
      expected: [needsAttention("amount_differs", { currency: "USD" })],
    },
    {
      name: "the provider has paid it back",
      given: [initiated, completed, refundBegun],
      when: confirmRefund,
      expected: [refunded],
    },
    {
      name: "that is told twice",
      given: [initiated, completed, refundBegun, refunded],
      when: confirmRefund,
      expected: [],
    },
    {
      name: "an operator dismisses money",
      given: [initiated, failed, late],
      when: dismiss,
      expected: [closed("dismiss")],
    },
  ])("$name", ({ given: events, when, by, expected }) => {
    expect(decide(events, when, by)).toEqual({ code: "ok", events: expected });
    for (const event of expected) expect(topUpEvent.parse(event)).toEqual(event);
    expect(() => expected.reduce<TopUpState | undefined>(topUpActor.evolve, given(events))).not.toThrow();
  });
});

describe("given what happened, when a command comes, then money is asked for:", () => {
  test.each<Spec<object>>([
    { name: "to the wallet", given: [initiated, submitted], when: confirm, expected: toWallet(1_000, "undo") },
    {
      name: "to the wallet, before the provider has answered",
      given: [initiated],
      when: confirm,
      expected: toWallet(1_000, "undo"),
    },
    {
      name: "back to the provider's account, for a refund",
      given: [initiated, completed],
      when: refund,
      expected: {
        ask: {
          operation: "Transfer",
          walletId: WALLET,
          toWalletId: FLOAT,
          amountMinor: 1_000,
          currency: 818,
          forOwnerId: null,
        },
        refused: "undo",
      },
    },
    {
      name: "to the wallet again, where the provider does not refund",
      given: [initiated, completed, refundBegun],
      when: failRefund,
      expected: toWallet(1_000, "retry"),
    },
    {
      name: "to the wallet, as an operator accepts what came",
      given: [initiated, needsAttention("amount_differs", { amountMinor: 900 })],
      when: accept,
      expected: toWallet(900, "undo"),
    },
  ])("$name", ({ given: events, when, expected }) => {
    expect(decide(events, when)).toEqual({ code: "ok", steps: [expected] });
  });
});

describe("given a saga, when it ends, then", () => {
  const end = (
    events: readonly TopUpEvent[],
    when: AnyTopUpCommand,
    code: "ok" | "wallet_closed",
  ): readonly TopUpEvent[] => {
    const decision = decide(events, when);
    if (!("steps" in decision)) throw new Error("there are no steps");
    const saga = evolveSaga(undefined, beginSaga(ID, when.type, decision.steps, NOW_MS)) as Saga;
    const state = given(events) as TopUpState;
    return topUpActor.conclude(state, { command: when, saga, sender: ADMIN, code, askIds: [] });
  };

  test.each<Spec<readonly TopUpEvent[]> & { readonly refused: readonly TopUpEvent[] }>([
    {
      name: "the top-up is completed, or its money waits for an operator",
      given: [initiated, submitted],
      when: confirm,
      expected: [completed],
      refused: [needsAttention("wallet_refused")],
    },
    {
      name: "the provider is to refund, or nothing has happened",
      given: [initiated, completed],
      when: refund,
      expected: [refundBegun],
      refused: [],
    },
    {
      name: "the wallet has its money again",
      given: [initiated, completed, refundBegun],
      when: failRefund,
      expected: [refundFailed],
      refused: [],
    },
    {
      name: "late money counts, or still waits",
      given: [initiated, failed, late],
      when: accept,
      expected: [completed, closed("accept")],
      refused: [],
    },
  ])("$name", ({ given: events, when, expected, refused }) => {
    expect(end(events, when, "ok")).toEqual(expected);
    expect(end(events, when, "wallet_closed")).toEqual(refused);
    for (const event of expected) expect(topUpEvent.parse(event)).toEqual(event);
    expect(() => expected.reduce<TopUpState | undefined>(topUpActor.evolve, given(events))).not.toThrow();
  });
});

describe("given what happened, when a command comes, then it is refused:", () => {
  test.each<Spec<string>>([
    { name: "one that there is", given: [initiated], when: initiate, expected: "topup_exists" },
    {
      name: "one that is over before it begins",
      given: [],
      when: { ...initiate, expiresAt: new Date(NOW_MS).toISOString() } as AnyTopUpCommand,
      expected: "expiry_invalid",
    },
    {
      name: "one of the provider's own account",
      given: [],
      when: { ...initiate, walletId: FLOAT } as AnyTopUpCommand,
      expected: "same_wallet",
    },
    { name: "one that there is not", given: [], when: confirm, expected: "topup_not_found" },
    { name: "a stranger's cancelling", given: [initiated], when: fail, by: STRANGER, expected: "forbidden" },
    {
      name: "another reference",
      given: [initiated, submitted],
      when: { ...submit, reference: "r2" },
      expected: "topup_status_conflict",
    },
    { name: "money that nobody knows of", given: [initiated], when: accept, expected: "attention_not_found" },
    {
      name: "money that was decided on",
      given: [initiated, failed, late, closed("dismiss")],
      when: accept,
      expected: "attention_not_found",
    },
    {
      name: "money of another currency",
      given: [initiated, needsAttention("amount_differs", { currency: "USD" })],
      when: accept,
      expected: "currency_mismatch",
    },
  ])("$name", ({ given: events, when, by, expected }) => {
    expect(decide(events, when, by)).toEqual({ code: expected });
  });

  test.each([initiate, submit, confirm, expire, refund, confirmRefund, failRefund, accept])(
    "$type of anybody but an admin",
    (when) => expect(decide([initiated], when, OWNER)).toEqual({ code: "forbidden" }),
  );

  const STATUSES: Readonly<Record<string, TopUpEvent[]>> = {
    INITIATED: [initiated],
    PENDING: [initiated, submitted],
    COMPLETED: [initiated, submitted, completed],
    REFUNDING: [initiated, submitted, completed, refundBegun],
    REFUNDED: [initiated, submitted, completed, refundBegun, refunded],
    FAILED: [initiated, submitted, failed],
    EXPIRED: [initiated, submitted, expired],
  };
  const TAKEN: Readonly<Record<string, readonly string[]>> = {
    FailTopUp: ["INITIATED", "PENDING"],
    ExpireTopUp: ["INITIATED", "PENDING"],
    RefundTopUp: ["COMPLETED"],
    // Told again, it changes nothing.
    ConfirmTopUpRefund: ["REFUNDING", "REFUNDED"],
    FailTopUpRefund: ["REFUNDING"],
    ConfirmTopUp: Object.keys(STATUSES),
  };
  const pairs = [fail, expire, refund, confirmRefund, failRefund, confirm].flatMap((when) =>
    Object.entries(STATUSES).map(([status, events]) => ({ when, status, events })),
  );

  test.each(pairs)("or taken: $when.type of a top-up that is $status", ({ when, status, events }) => {
    expect(given(events)?.status).toBe(status);
    const isTaken = TAKEN[when.type].includes(status);
    expect(decide(events, when).code).toBe(isTaken ? "ok" : "topup_status_conflict");
  });
});

test("accepted late money completes a top-up, and further money changes no status", () => {
  const state = given([initiated, failed, late, completed, closed("accept")]);
  expect(state).toMatchObject({ status: "COMPLETED", transactionId: "t1", paidMinor: 1_000, creditedMinor: 1_000 });
  const twice: TopUpEvent = { type: "TopUpCompleted", transactionId: "t2", amountMinor: 500, currency: "EGP", atMs };
  expect(given([initiated, completed, refundBegun, refunded, twice])).toMatchObject({
    status: "REFUNDED",
    transactionId: "t1",
    creditedMinor: 1_500,
  });
});

test("entries for operators are bounded", () => {
  const many = Array.from({ length: 40 }, (_, index) => needsAttention("late", { transactionId: `t${index}` }));
  expect(given([initiated, failed, ...many])?.attention).toHaveLength(16);
});

test("an event that cannot happen is a broken journal", () => {
  expect(() => given([submitted])).toThrow("not initiated");
  expect(() => given([initiated, initiated])).toThrow("initiated twice");
  expect(() => given([initiated, refundBegun])).toThrow("TopUpRefundBegun cannot happen to a top-up that is INITIATED");
});

test("an unpaid top-up is due some time after its end, and its owner and admins see it", () => {
  const due = (events: TopUpEvent[]): number => topUpActor.dueAtMs(given(events) as TopUpState);
  expect([due([initiated]), due([initiated, submitted])]).toEqual(Array(2).fill(EXPIRES_MS + CONFIRMATION_GRACE_MS));
  expect([due([initiated, completed]), due([initiated, failed])]).toEqual(Array(2).fill(Number.POSITIVE_INFINITY));
  const seen = [ADMIN, OWNER, STRANGER].map((sender) => topUpActor.mayRead(given([initiated]) as TopUpState, sender));
  expect(seen).toEqual([true, true, false]);
});
