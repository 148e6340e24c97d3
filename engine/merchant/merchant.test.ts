import { describe, expect, test } from "vitest";
import { type MerchantCommand, merchantCommand } from "../../protocol/merchant/commands.ts";
import { type MerchantEvent, merchantEvent } from "../../protocol/merchant/events.ts";
import type { ActorDecision, Sender } from "../actor/actor.ts";
import type { StepAnswer } from "../actor/messages.ts";
import { beginSaga, evolveSaga, type Saga } from "../saga/saga.ts";
import { merchantActor } from "./actor.ts";
import { BATCHES_KEPT, type MerchantState } from "./merchant.ts";

const NOW_MS = Date.parse("2026-03-01T10:00:00Z");
/** The next midnight in Cairo. */
const NEXT_MS = Date.parse("2026-03-01T22:00:00Z");
const HOUR_MS = 3_600_000;
const ID = idOf(0xff);
const SHOP = idOf(1);
const BANK = idOf(2);
const PAYOUT_ID = idOf(4);
const ADMIN: Sender = { isAdmin: true, ownerId: "" };
const OWNER: Sender = { isAdmin: false, ownerId: idOf(0xa1) };
const STRANGER: Sender = { isAdmin: false, ownerId: idOf(0xa2) };
const FEE = { walletId: idOf(3), fixedMinor: 10, basisPoints: 250 };
const SETTLEMENT = { every: "day", hour: 0, timeZone: "Africa/Cairo" } as const;
const REGISTER = {
  type: "RegisterMerchant",
  name: "Koshary",
  ownerId: OWNER.ownerId,
  walletId: SHOP,
  payoutWalletId: BANK,
  currency: "EGP",
  settlement: SETTLEMENT,
};

function idOf(number: number): string {
  return `018f3c6e-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

const checked = (command: object): MerchantCommand => merchantCommand.parse(command);
const register = checked(REGISTER);
const changeFee = checked({ type: "ChangeFeeRule", fee: FEE });
const changeSettlement = checked({ type: "ChangeSettlement", minimumPayoutMinor: 500 });
const suspend = checked({ type: "SuspendMerchant", reason: "looked at" });
const reactivate = checked({ type: "ReactivateMerchant" });
const close = checked({ type: "CloseMerchant", reason: "moved away" });
const closeBatch = checked({ type: "CloseBatch" });
const OTHERS = [changeFee, changeSettlement, suspend, reactivate, close, closeBatch];

const registered = merchantEvent.parse({
  ...REGISTER,
  type: "MerchantRegistered",
  minimumPayoutMinor: 1,
  nextBatchAtMs: NEXT_MS,
  registeredAtMs: NOW_MS,
});
const suspended: MerchantEvent = { type: "MerchantSuspended", reason: "looked at" };
const closed: MerchantEvent = { type: "MerchantClosed", reason: "moved away" };
const begun: MerchantEvent = { type: "BatchBegun", number: 1, begunAtMs: NOW_MS, nextBatchAtMs: NEXT_MS };
const settled: MerchantEvent = {
  type: "BatchClosed",
  number: 1,
  payoutMinor: 700,
  payoutId: PAYOUT_ID,
  position: "1:42",
  walletVersion: 7,
  closedAtMs: NOW_MS,
};
const refused: MerchantEvent = { type: "BatchRefused", number: 1, code: "destination_frozen" };

function given(events: readonly MerchantEvent[]): MerchantState | undefined {
  return events.reduce<MerchantState | undefined>(merchantActor.evolve, undefined);
}

function decide(
  events: readonly MerchantEvent[],
  when: MerchantCommand,
  sender: Sender = ADMIN,
): ActorDecision<MerchantEvent> {
  return merchantActor.decide(given(events), when, { id: ID, sender, nowMs: NOW_MS });
}

describe("given what happened, when a command comes, then it happens at once:", () => {
  const terms = { payoutWalletId: BANK, settlement: SETTLEMENT, minimumPayoutMinor: 1, nextBatchAtMs: NEXT_MS };
  const weekly = { every: "week", hour: 6, timeZone: "UTC" } as const;
  test.each<{ name: string; given?: MerchantEvent[]; when: MerchantCommand; by?: Sender; expected: MerchantEvent }>([
    { name: "a merchant is registered", given: [], when: register, expected: registered },
    {
      name: "a merchant is registered with a fee and a least payout",
      given: [],
      when: checked({ ...REGISTER, fee: FEE, minimumPayoutMinor: 500 }),
      expected: { ...registered, fee: FEE, minimumPayoutMinor: 500 } as MerchantEvent,
    },
    { name: "its fee changes", when: changeFee, expected: { type: "FeeRuleChanged", fee: FEE } as MerchantEvent },
    { name: "its fee ends", when: checked({ type: "ChangeFeeRule" }), expected: { type: "FeeRuleChanged" } },
    {
      name: "its least payout changes, by its owner",
      when: changeSettlement,
      by: OWNER,
      expected: { type: "SettlementChanged", ...terms, minimumPayoutMinor: 500 },
    },
    {
      name: "its calendar and its wallet for payouts change",
      given: [registered, suspended],
      when: checked({ type: "ChangeSettlement", payoutWalletId: idOf(9), settlement: weekly }),
      expected: {
        type: "SettlementChanged",
        ...terms,
        payoutWalletId: idOf(9),
        settlement: weekly,
        nextBatchAtMs: Date.parse("2026-03-02T06:00:00Z"),
      },
    },
    { name: "it is suspended", when: suspend, expected: suspended },
    {
      name: "it is reactivated",
      given: [registered, suspended],
      when: reactivate,
      expected: { type: "MerchantReactivated" },
    },
  ])("$name", ({ given: events = [registered], when, by, expected }) => {
    expect(decide(events, when, by)).toEqual({ code: "ok", events: [expected] });
    expect(merchantEvent.parse(expected)).toEqual(expected);
    expect(() => merchantActor.evolve(given(events), expected)).not.toThrow();
  });
});

describe("given what happened, when a batch is to be closed, then the wallet is asked for what is free:", () => {
  const ask = { operation: "SweepBalance", walletId: SHOP, toWalletId: BANK, currency: 818, forOwnerId: null };
  test.each<{ name: string; given: MerchantEvent[]; when: MerchantCommand; number?: number; leastMinor: number }>([
    { name: "the first batch", given: [registered], when: closeBatch, leastMinor: 1 },
    { name: "the next one", given: [registered, begun, settled], when: closeBatch, number: 2, leastMinor: 1 },
    { name: "one that was refused", given: [registered, begun, refused], when: closeBatch, leastMinor: 1 },
    {
      name: "at least what the merchant wants",
      given: [{ ...registered, minimumPayoutMinor: 500 } as MerchantEvent],
      when: closeBatch,
      leastMinor: 500,
    },
    {
      name: "the last batch, however little there is",
      given: [{ ...registered, minimumPayoutMinor: 500 } as MerchantEvent, suspended],
      when: close,
      leastMinor: 1,
    },
    { name: "what came after the end", given: [registered, closed], when: closeBatch, leastMinor: 1 },
  ])("$name", ({ given: events, when, number = 1, leastMinor }) => {
    expect(decide(events, when)).toEqual({
      code: "ok",
      events: [{ ...begun, number }],
      steps: [{ ask: { ...ask, amountMinor: leastMinor }, refused: "undo", doneBy: ["insufficient_funds"] }],
    });
  });
});

describe("given what happened, when a command comes, then it is refused:", () => {
  test.each<{ name: string; given?: MerchantEvent[]; when: MerchantCommand; by?: Sender; expected: string }>([
    { name: "registering by its owner", given: [], when: register, by: OWNER, expected: "forbidden" },
    { name: "registering twice", when: register, expected: "merchant_exists" },
    {
      name: "a wallet that pays out to itself",
      given: [],
      when: checked({ ...REGISTER, payoutWalletId: SHOP }),
      expected: "same_wallet",
    },
    {
      name: "a fee for the merchant itself",
      given: [],
      when: checked({ ...REGISTER, fee: { ...FEE, walletId: SHOP } }),
      expected: "same_wallet",
    },
    {
      name: "a new fee for the merchant itself",
      when: checked({ type: "ChangeFeeRule", fee: { ...FEE, walletId: SHOP } }),
      expected: "same_wallet",
    },
    {
      name: "payouts to the wallet that they come from",
      when: checked({ type: "ChangeSettlement", payoutWalletId: SHOP }),
      expected: "same_wallet",
    },
    ...OTHERS.map((when) => ({
      name: `${when.type} of a merchant that there is not`,
      given: [],
      when,
      expected: "merchant_not_found",
    })),
    ...OTHERS.map((when) => ({ name: `${when.type} by somebody else`, when, by: STRANGER, expected: "forbidden" })),
    ...OTHERS.filter((when) => when !== changeSettlement).map((when) => ({
      name: `${when.type} by its owner`,
      when,
      by: OWNER,
      expected: "forbidden",
    })),
  ])("$name", ({ given: events = [registered], when, by, expected }) => {
    expect(decide(events, when, by)).toEqual({ code: expected });
  });

  const STATUSES: Readonly<Record<string, MerchantEvent[]>> = {
    ACTIVE: [registered],
    SUSPENDED: [registered, suspended],
    CLOSED: [registered, closed],
  };
  const TAKEN: Readonly<Record<string, readonly string[]>> = {
    ChangeFeeRule: ["ACTIVE", "SUSPENDED"],
    ChangeSettlement: ["ACTIVE", "SUSPENDED"],
    SuspendMerchant: ["ACTIVE"],
    ReactivateMerchant: ["SUSPENDED"],
    CloseMerchant: ["ACTIVE", "SUSPENDED"],
    CloseBatch: ["ACTIVE", "CLOSED"],
  };
  const pairs = OTHERS.flatMap((when) =>
    Object.entries(STATUSES).map(([status, events]) => ({ when, status, events })),
  );

  test.each(pairs)("$when.type of a merchant that is $status", ({ when, status, events }) => {
    expect(given(events)?.status).toBe(status);
    expect(decide(events, when).code).toBe(TAKEN[when.type].includes(status) ? "ok" : "merchant_status_conflict");
  });
});

describe("given a batch that is being closed, when the wallet has answered, then", () => {
  const ok: StepAnswer = { code: "ok", shard: 1, sequence: 42, version: 7, amountMinor: 700 };
  const tooLittle: StepAnswer = { ...ok, code: "insufficient_funds", amountMinor: 1 };
  const nothing: MerchantEvent = {
    type: "BatchClosed",
    number: 1,
    payoutMinor: 0,
    position: "1:42",
    walletVersion: 7,
    closedAtMs: NOW_MS,
  };

  test.each<{ name: string; when?: MerchantCommand; answer: StepAnswer; expected: MerchantEvent[] }>([
    { name: "it has been paid out", answer: ok, expected: [settled] },
    { name: "there was too little, which stays for the next one", answer: tooLittle, expected: [nothing] },
    { name: "it was the last one", when: close, answer: ok, expected: [settled, closed] },
    { name: "it was the last one, and empty", when: close, answer: tooLittle, expected: [nothing, closed] },
  ])("$name", ({ when = closeBatch, answer, expected }) => {
    expect(concluded(when, "ok", answer)).toEqual(expected);
    const state = [begun, ...expected].reduce(merchantActor.evolve, given([registered]));
    expect(state).toMatchObject({ batches: [{ number: 1, position: "1:42" }] });
    expect(state?.closing).toBeUndefined();
  });

  test("it was refused, and is tried again after an hour, or by its calendar where that comes first", () => {
    for (const when of [closeBatch, close]) {
      const answer: StepAnswer = { ...ok, code: "destination_frozen" };
      expect(concluded(when, "destination_frozen", answer)).toEqual([refused]);
    }
    const dueAfter = (nextBatchAtMs: number): number =>
      merchantActor.dueAtMs(
        given([registered, { ...begun, nextBatchAtMs } as MerchantEvent, refused]) as MerchantState,
      );
    expect([dueAfter(NEXT_MS), dueAfter(NOW_MS + 60_000)]).toEqual([NOW_MS + HOUR_MS, NOW_MS + 60_000]);
    expect(given([registered, begun, refused])).toMatchObject({ refusal: "destination_frozen", status: "ACTIVE" });
    expect(given([registered, begun, refused, begun, settled])).not.toHaveProperty("refusal");
  });

  function concluded(
    when: MerchantCommand,
    code: "ok" | "destination_frozen",
    answer: StepAnswer,
  ): readonly MerchantEvent[] {
    const decision = decide([registered], when);
    if (!("steps" in decision)) throw new Error("no batch was begun");
    const saga = evolveSaga(undefined, beginSaga(ID, when.type, decision.steps, NOW_MS)) as Saga;
    const state = given([registered, begun]) as MerchantState;
    const events = merchantActor.conclude(state, {
      command: when,
      saga,
      sender: ADMIN,
      code,
      askIds: [PAYOUT_ID],
      answer,
    });
    for (const event of events) expect(merchantEvent.parse(event)).toEqual(event);
    return events;
  }
});

test("an event that cannot happen is a broken journal", () => {
  expect(() => given([suspended])).toThrow("not registered");
  expect(() => given([registered, registered])).toThrow("registered twice");
  expect(() => given([registered, closed, suspended])).toThrow(
    "MerchantSuspended cannot happen to a merchant that is CLOSED",
  );
});

test("a merchant is seen by admins and its owner", () => {
  const state = given([registered]) as MerchantState;
  expect([ADMIN, OWNER, STRANGER].map((sender) => merchantActor.mayRead(state, sender))).toEqual([true, true, false]);
});

test("an active merchant's batch is due by its calendar", () => {
  const due = (events: MerchantEvent[]): number => merchantActor.dueAtMs(given(events) as MerchantState);
  expect(due([registered])).toBe(NEXT_MS);
  expect(due([registered, suspended])).toBe(Number.POSITIVE_INFINITY);
  expect(due([registered, suspended, { type: "MerchantReactivated" }])).toBe(NEXT_MS);
  expect(due([registered, closed])).toBe(Number.POSITIVE_INFINITY);
});

test("a merchant remembers its newest batches, and goes on counting", () => {
  let state = given([registered]) as MerchantState;
  for (let number = 1; number <= BATCHES_KEPT + 3; number += 1) {
    state = [{ ...begun, number } as MerchantEvent, { ...settled, number } as MerchantEvent].reduce(
      merchantActor.evolve,
      state,
    );
  }
  expect(state.batches).toHaveLength(BATCHES_KEPT);
  expect([state.batches[0].number, state.batches.at(-1)?.number]).toEqual([4, BATCHES_KEPT + 3]);
});
