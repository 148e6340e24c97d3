import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Code } from "../../protocol/codes.ts";
import { uuidBytes, uuidTimeMs } from "../../protocol/ids.ts";
import { settings } from "../../test/property-settings.ts";
import {
  answerSaga,
  askOf,
  beginSaga,
  compensateSaga,
  evolveSaga,
  retrySaga,
  type Saga,
  type SagaEvent,
  type SagaMove,
  type SagaStep,
  unparkSaga,
  type WalletAsk,
} from "./saga.ts";

const NOW_MS = 1_700_000_000_000;
const ID = "018f3c6e-0000-7000-8000-000000000001";

function ask(walletId: string): WalletAsk {
  return { operation: "Transfer", walletId, toWalletId: "to", amountMinor: 1, currency: 818, forOwnerId: null };
}

const RESERVE: SagaStep = { ask: ask("reserve"), undo: ask("release"), refused: "undo" };
const PAY: SagaStep = { ask: ask("pay"), undo: ask("pay back"), refused: "undo" };
const FEE: SagaStep = { ask: ask("fee"), refused: "retry" };
const CHECK: SagaStep = { ask: { ...ask("check"), operation: "CheckCredit" }, refused: "undo" };
const CLOSE: SagaStep = { ask: ask("close"), refused: "retry", doneBy: ["hold_closed"] };

function begun(...steps: readonly SagaStep[]): Saga {
  return evolved(undefined, [beginSaga(ID, "PayClaim", steps, NOW_MS)]) as Saga;
}

function evolved(saga: Saga | undefined, events: readonly SagaEvent[]): Saga | undefined {
  return events.reduce<Saga | undefined>(evolveSaga, saga);
}

/** The saga after answers to whatever it asks for, each at once. */
function answered(saga: Saga, ...codes: readonly Code[]): Saga {
  let at: Saga | undefined = saga;
  for (const code of codes) at = evolved(at, answer(at as Saga, code).events);
  return at as Saga;
}

function answer(saga: Saga, code: Code, nowMs = NOW_MS): SagaMove {
  return answerSaga(saga, askOf(saga)?.id ?? "", code, nowMs);
}

describe("given a saga, when an answer comes, then", () => {
  const parked = (saga: Saga, code: Code): Saga => {
    let at = saga;
    for (let nowMs = NOW_MS; !at.isParked; ) {
      at = evolved(at, answer(at, code, nowMs).events) as Saga;
      nowMs = at.retryAtMs ?? nowMs;
      at = evolved(at, retrySaga(at, nowMs).events) as Saga;
    }
    return at;
  };

  test.each<{ name: string; given: Saga; when: Code; expected: readonly SagaEvent[]; ended?: Code }>([
    {
      name: "the next step is asked for",
      given: begun(RESERVE, PAY),
      when: "ok",
      expected: [{ type: "SagaStepDone", askedAtMs: NOW_MS }],
    },
    {
      name: "the last one completes it",
      given: answered(begun(RESERVE, PAY), "ok"),
      when: "ok",
      expected: [{ type: "SagaEnded", status: "COMPLETED", code: "ok" }],
      ended: "ok",
    },
    {
      name: "a refusal behind checks alone fails it",
      given: answered(begun(CHECK, CHECK, PAY), "ok", "ok"),
      when: "insufficient_funds",
      expected: [{ type: "SagaEnded", status: "FAILED", code: "insufficient_funds" }],
      ended: "insufficient_funds",
    },
    {
      name: "a refused check fails it",
      given: answered(begun(CHECK, CHECK, PAY), "ok"),
      when: "destination_frozen",
      expected: [{ type: "SagaEnded", status: "FAILED", code: "destination_frozen" }],
      ended: "destination_frozen",
    },
    {
      name: "what stands before a check is taken back",
      given: answered(begun(RESERVE, CHECK, PAY), "ok", "ok"),
      when: "insufficient_funds",
      expected: [{ type: "SagaRefunding", code: "insufficient_funds", askedAtMs: NOW_MS }],
    },
    {
      name: "what was taken back in front of a check ends it",
      given: answered(begun(CHECK, RESERVE, CHECK, PAY), "ok", "ok", "ok", "insufficient_funds"),
      when: "ok",
      expected: [{ type: "SagaEnded", status: "FAILED", code: "insufficient_funds" }],
      ended: "insufficient_funds",
    },
    {
      name: "a refusal of the first step fails it",
      given: begun(RESERVE, PAY),
      when: "insufficient_funds",
      expected: [{ type: "SagaEnded", status: "FAILED", code: "insufficient_funds" }],
      ended: "insufficient_funds",
    },
    {
      name: "a refusal of a later one has the steps before taken back",
      given: answered(begun(RESERVE, PAY), "ok"),
      when: "wallet_frozen",
      expected: [{ type: "SagaRefunding", code: "wallet_frozen", askedAtMs: NOW_MS }],
    },
    {
      name: "it has failed when all of them are",
      given: answered(begun(RESERVE, PAY), "ok", "wallet_frozen"),
      when: "ok",
      expected: [{ type: "SagaEnded", status: "FAILED", code: "wallet_frozen" }],
      ended: "wallet_frozen",
    },
    {
      name: "a step that must happen is asked for later, under another id",
      given: answered(begun(RESERVE, FEE), "ok"),
      when: "destination_frozen",
      expected: [{ type: "SagaDelayed", code: "destination_frozen", retryAtMs: NOW_MS + 1_000, askedAtMs: NOW_MS + 1 }],
    },
    {
      name: "what passes is asked for later, under the same id",
      given: begun(RESERVE, PAY),
      when: "overloaded",
      expected: [{ type: "SagaDelayed", code: "overloaded", retryAtMs: NOW_MS + 1_000, askedAtMs: NOW_MS }],
    },
    {
      name: "it is parked where nobody knows what happened",
      given: begun(RESERVE, PAY),
      when: "id_expired",
      expected: [{ type: "SagaParked", code: "id_expired" }],
    },
    {
      name: "a refusal may say that the step is done",
      given: begun(CLOSE),
      when: "hold_closed",
      expected: [{ type: "SagaEnded", status: "COMPLETED", code: "ok" }],
      ended: "ok",
    },
    {
      name: "nothing happens while it is parked",
      given: parked(begun(FEE), "wallet_frozen"),
      when: "ok",
      expected: [],
    },
  ])("$name", ({ given, when, expected, ended }) => {
    const move = answer(given, when);
    expect(move.events).toEqual(expected);
    expect(move.ended).toBe(ended);
  });

  test("one to something else changes nothing", () => {
    const first = begun(RESERVE, PAY);
    const second = answered(first, "ok");
    expect(answerSaga(second, askOf(first)?.id ?? "", "wallet_frozen", NOW_MS)).toEqual({ events: [] });
  });

  test("a step is asked for twelve times, ever later, before an operator is called", () => {
    let saga = begun(FEE);
    const delaysMs: number[] = [];
    for (let nowMs = NOW_MS; !saga.isParked; ) {
      saga = evolved(saga, answer(saga, "destination_frozen", nowMs).events) as Saga;
      if (saga.retryAtMs === undefined) break;
      delaysMs.push(saga.retryAtMs - nowMs);
      expect(retrySaga(saga, saga.retryAtMs - 1).events).toEqual([]);
      expect(askOf(saga)).toBeUndefined();
      nowMs = saga.retryAtMs;
      saga = evolved(saga, retrySaga(saga, nowMs).events) as Saga;
    }
    expect(delaysMs).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60].map((seconds) => seconds * 1_000));
    expect(saga).toMatchObject({ isParked: true, failure: "destination_frozen" });
  });

  test("an operator has it try again: under another id after a refusal, under the same where it may have happened", () => {
    const refused = parked(begun(FEE), "wallet_frozen");
    const laterMs = refused.askedAtMs + 5_000;
    expect(unparkSaga(refused, "thawed", laterMs)).toEqual({
      events: [{ type: "SagaUnparked", reason: "thawed", askedAtMs: laterMs }],
    });
    const unknown = parked(begun(FEE), "id_expired");
    expect(unparkSaga(unknown, "checked", laterMs)).toEqual({
      events: [{ type: "SagaUnparked", reason: "checked", askedAtMs: unknown.askedAtMs }],
    });
    expect(unparkSaga(begun(FEE), "why not", NOW_MS)).toBe("saga_not_parked");
  });

  test("an operator has it take back what it did, where that is certain", () => {
    const refused = parked(answered(begun(RESERVE, FEE), "ok"), "wallet_frozen");
    const move = compensateSaga(refused, "given up", NOW_MS);
    if (typeof move === "string") throw new Error(move);
    expect(evolved(refused, move.events)).toMatchObject({ status: "REFUNDING", at: 0, code: "wallet_frozen" });
    expect(compensateSaga(parked(answered(begun(RESERVE, FEE), "ok"), "id_expired"), "", NOW_MS)).toBe(
      "saga_not_reversible",
    );
    expect(compensateSaga(parked(answered(begun(FEE, FEE), "ok"), "wallet_frozen"), "", NOW_MS)).toBe(
      "saga_not_reversible",
    );
    expect(compensateSaga(begun(RESERVE), "", NOW_MS)).toBe("saga_not_parked");
  });
});

test("ids of what is asked for are in time order and differ by step, way and time", () => {
  const first = begun(RESERVE, PAY);
  const second = answered(first, "ok");
  const back = answered(second, "wallet_frozen");
  const ids = [first, second, back].map((saga) => askOf(saga)?.id ?? "");
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(uuidTimeMs(new Uint32Array(uuidBytes(id).buffer), 0)).toBe(NOW_MS);
  expect(askOf(begun(RESERVE, PAY))?.id).toBe(ids[0]);
});

test("steps that could not be taken back are refused before they begin", () => {
  expect(() => beginSaga(ID, "PayClaim", [], NOW_MS)).toThrow("cannot be taken back");
  expect(() => beginSaga(ID, "PayClaim", [FEE, RESERVE], NOW_MS)).toThrow("cannot be taken back");
});

test("an event without a saga is a broken journal", () => {
  expect(() => evolveSaga(undefined, { type: "SagaAskedAgain" })).toThrow("without a saga");
});

test("whatever wallets answer, each step happens once or not at all, and is taken back where the saga fails", () => {
  const codes = fc.constantFrom<Code>("ok", "ok", "ok", "wallet_frozen", "overloaded", "in_progress");
  const plans = fc.record({
    steps: fc.constantFrom([RESERVE, PAY], [RESERVE, PAY, FEE], [RESERVE], [RESERVE, FEE], [RESERVE, RESERVE, PAY]),
    codes: fc.array(codes, { maxLength: 60 }),
    lost: fc.array(fc.boolean(), { maxLength: 60 }),
  });
  fc.assert(
    fc.property(plans, ({ steps, codes: told, lost }) => {
      /** Command id → what its wallet answered, for ever, as the ledger does for what it keeps. */
      const kept = new Map<string, Code>();
      const done = new Map<string, number>();
      let saga: Saga | undefined = begun(
        ...steps.map((step, at) => ({ ...step, ask: { ...step.ask, walletId: `${at}` } })),
      );
      let nowMs = NOW_MS;
      let final: Code | undefined;
      for (let turn = 0; saga !== undefined && turn < 500; turn += 1) {
        const asked = askOf(saga);
        if (asked === undefined) {
          nowMs = Math.max(nowMs, saga.retryAtMs ?? nowMs);
          const move = saga.isParked ? unparkSaga(saga, "again", nowMs) : retrySaga(saga, nowMs);
          saga = evolved(saga, typeof move === "string" ? [] : move.events);
          continue;
        }
        const code: Code = kept.get(asked.id) ?? told[turn] ?? "ok";
        if (!kept.has(asked.id) && code !== "overloaded" && code !== "in_progress") {
          kept.set(asked.id, code);
          const key = `${saga.at}${saga.status === "REFUNDING" ? " back" : ""}`;
          if (code === "ok") done.set(key, (done.get(key) ?? 0) + 1);
        }
        // The answer is lost with the process, and what was asked for is asked for again.
        if (lost[turn] === true) continue;
        const move: SagaMove = answerSaga(saga, asked.id, code, nowMs);
        final = move.ended;
        saga = evolved(saga, move.events);
      }
      expect(saga).toBeUndefined();
      for (const [at] of steps.entries()) {
        expect(done.get(`${at}`) ?? 0).toBeLessThanOrEqual(1);
        expect(done.get(`${at} back`) ?? 0).toBe(final === "ok" ? 0 : (done.get(`${at}`) ?? 0));
        if (final === "ok") expect(done.get(`${at}`)).toBe(1);
      }
    }),
    settings(500),
  );
});
