import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MedCardCommand } from "../../protocol/medcard/commands.ts";
import { type MedCardEvent, medCardEvent } from "../../protocol/medcard/events.ts";
import {
  activated,
  approved,
  CARD,
  CARD_NOW_MS,
  CLAIM,
  CLEARING,
  type Claim,
  claim,
  claimed,
  claimPaid,
  event,
  FUNDING,
  filed,
  given,
  HOLDER,
  HOLDER_WALLET,
  INSURANCE_CLAIM,
  ISSUER,
  issued,
  PHARMACY,
  paid,
  refused,
  reversed,
  STRANGER,
} from "../../test/medcard-specimen.ts";
import { settings } from "../../test/property-settings.ts";
import type { Sender } from "../actor/actor.ts";
import { beginSaga, evolveSaga, type Saga, type SagaStep } from "../saga/saga.ts";
import { medCardActor } from "./actor.ts";
import { type MedCardState, usedMinor } from "./medcard.ts";
import { monthOf } from "./month.ts";

const active = [issued, activated];
const reverse = { type: "ReversePrescription", claimId: CLAIM, reason: "returned" } as const;
const pay = { type: "PayInsuranceClaim", claimId: INSURANCE_CLAIM } as const;

interface Begun {
  readonly events: readonly MedCardEvent[];
  readonly steps: readonly SagaStep[];
}

function begin(events: readonly MedCardEvent[], when: MedCardCommand, sender: Sender, nowMs = CARD_NOW_MS): Begun {
  const decision = medCardActor.decide(given(events), when, { id: CARD, sender, nowMs });
  if (!("steps" in decision)) throw new Error(`decided ${JSON.stringify(decision)}`);
  expect(() => beginSaga(CARD, when.type, decision.steps, nowMs)).not.toThrow();
  return { events: decision.events ?? [], steps: decision.steps };
}

function asksOf(steps: readonly SagaStep[]): readonly unknown[] {
  return steps.map(({ ask, undo, refused: then }) => [
    ask.walletId,
    ask.toWalletId,
    ask.amountMinor,
    ask.forOwnerId,
    then,
    ...(undo === undefined ? [] : [[undo.walletId, undo.toWalletId, undo.amountMinor, undo.forOwnerId]]),
  ]);
}

describe("given a card, when money has to move, then wallets are asked:", () => {
  const fromFunding = [FUNDING, CLEARING, 800, ISSUER.ownerId, "undo", [CLEARING, FUNDING, 800, null]];
  const fromHolder = [HOLDER_WALLET, CLEARING, 200, HOLDER.ownerId, "undo", [CLEARING, HOLDER_WALLET, 200, null]];

  test("a prescription counts in the limit first, its parts meet, and the pharmacy gets the whole", () => {
    const { events, steps } = begin(active, claim, HOLDER);
    expect(events).toEqual([claimed]);
    expect(asksOf(steps)).toEqual([fromFunding, fromHolder, [CLEARING, PHARMACY, 1_000, null, "undo"]]);
  });

  test("a part that is nothing is not asked for", () => {
    const whole = [{ ...issued, copaymentBasisPoints: 0 } as typeof issued, activated];
    expect(asksOf(begin(whole, claim, HOLDER).steps)).toEqual([
      [FUNDING, CLEARING, 1_000, ISSUER.ownerId, "undo", [CLEARING, FUNDING, 1_000, null]],
      [CLEARING, PHARMACY, 1_000, null, "undo"],
    ]);
    const nothing = [{ ...issued, copaymentBasisPoints: 10_000 } as typeof issued, activated];
    expect(begin(nothing, claim, HOLDER).steps.map(({ ask }) => ask.walletId)).toEqual([HOLDER_WALLET, CLEARING]);
  });

  test("a reversal takes the whole from the pharmacy with its owner's right, and then gives each its part", () => {
    const { events, steps } = begin([...active, claimed, paid], reverse, STRANGER);
    expect(events).toEqual([]);
    expect(asksOf(steps)).toEqual([
      [PHARMACY, CLEARING, 1_000, STRANGER.ownerId, "undo"],
      [CLEARING, FUNDING, 800, null, "retry"],
      [CLEARING, HOLDER_WALLET, 200, null, "retry"],
    ]);
  });

  test("an insurance claim is paid to the holder, with the issuer's right", () => {
    const { steps } = begin([...active, filed, approved], pay, ISSUER);
    expect(asksOf(steps)).toEqual([[FUNDING, HOLDER_WALLET, 600, ISSUER.ownerId, "undo"]]);
  });
});

describe("given a saga, when it ends, then", () => {
  test.each<{ when: MedCardCommand; given: MedCardEvent[]; done: MedCardEvent[]; failed: MedCardEvent[] }>([
    { when: claim, given: [...active, claimed], done: [paid], failed: [refused] },
    { when: reverse, given: [...active, claimed, paid], done: [reversed], failed: [] },
    { when: pay, given: [...active, filed, approved], done: [claimPaid], failed: [] },
  ])("$when.type is told", ({ when, given: events, done, failed }) => {
    const state = given(events) as MedCardState;
    const before = when === claim ? active : events;
    const { steps } = begin(before, when, when === pay ? ISSUER : HOLDER);
    const saga = evolveSaga(undefined, beginSaga(CARD, when.type, steps, CARD_NOW_MS)) as Saga;
    const end = { command: when, saga, sender: HOLDER, askIds: [] };
    expect(medCardActor.conclude(state, { ...end, code: "ok" })).toEqual(done);
    expect(medCardActor.conclude(state, { ...end, code: "insufficient_funds" })).toEqual(failed);
    for (const told of [...done, ...failed]) {
      expect(medCardEvent.parse(told)).toEqual(told);
      expect(() => medCardActor.evolve(state, told)).not.toThrow();
    }
  });

  test("a command without steps ends none", () => {
    const saga = evolveSaga(undefined, beginSaga(CARD, "x", begin(active, claim, HOLDER).steps, 0)) as Saga;
    const end = { command: { type: "ActivateCard" } as const, saga, sender: HOLDER, askIds: [], code: "ok" as const };
    expect(() => medCardActor.conclude(given(active) as MedCardState, end)).toThrow("no steps");
  });

  test.each([
    { name: "a refused prescription gives its limit back", after: [claimed, refused], usedMinorThen: 0 },
    { name: "a reversed one gives it back", after: [claimed, paid, reversed], usedMinorThen: 0 },
    { name: "one that is paid keeps it", after: [claimed, paid], usedMinorThen: 800 },
  ])("$name", ({ after, usedMinorThen }) => {
    expect(usedMinor(given([...active, ...after]) as MedCardState, "2026-03")).toBe(usedMinorThen);
  });
});

const claimsOfYears = fc.record({
  copaymentBasisPoints: fc.integer({ min: 0, max: 10_000 }),
  monthlyLimitMinor: fc.integer({ min: 1, max: 5_000 }),
  turns: fc.array(
    fc.record({
      totalMinor: fc.integer({ min: 1, max: 3_000 }),
      afterMs: fc.integer({ min: 0, max: 20 * 86_400_000 }),
      end: fc.constantFrom("paid", "paid", "refused", "reversed"),
    }),
    { minLength: 1, maxLength: 40 },
  ),
});

test("parts add up to the total, and no month covers more than its limit, whatever is refused and reversed", () => {
  fc.assert(
    fc.property(claimsOfYears, ({ turns, ...terms }) => {
      const start = event("CardIssued", { ...issued, ...terms, expiresAtMs: CARD_NOW_MS * 2 });
      let state = given([start, activated]) as MedCardState;
      let nowMs = CARD_NOW_MS;
      /** Month → what its claims cover that stand. */
      const standing = new Map<string, number>();
      for (const [index, { totalMinor, afterMs, end }] of turns.entries()) {
        nowMs += afterMs;
        const items = [{ code: "a", quantity: 1, unitPriceMinor: totalMinor }];
        const when: Claim = { ...claim, claimId: `${index}`, totalMinor, items };
        const decision = medCardActor.decide(state, when, { id: CARD, sender: HOLDER, nowMs });
        const month = new Intl.DateTimeFormat("en-CA", { timeZone: "Africa/Cairo" }).format(nowMs).slice(0, 7);
        const beforeMinor = standing.get(month) ?? 0;
        if (!("steps" in decision)) {
          expect(decision.code).toBe("medcard_limit_exceeded");
          const shareMin = (totalMinor * (10_000 - terms.copaymentBasisPoints)) / 10_000;
          expect(beforeMinor + shareMin + 0.5).toBeGreaterThan(terms.monthlyLimitMinor);
          continue;
        }
        const [made] = decision.events ?? [];
        if (made?.type !== "PrescriptionClaimed") throw new Error("the limit is not reserved");
        const { coveredMinor, copaymentMinor } = made;
        expect(made.month).toBe(month);
        expect(coveredMinor + copaymentMinor).toBe(totalMinor);
        expect(Math.abs(copaymentMinor - (totalMinor * terms.copaymentBasisPoints) / 10_000)).toBeLessThanOrEqual(0.5);
        const sum = (wallet: string): number =>
          decision.steps.reduce(
            (total, { ask }) =>
              total +
              (ask.toWalletId === wallet ? ask.amountMinor : 0) -
              (ask.walletId === wallet ? ask.amountMinor : 0),
            0,
          );
        expect([FUNDING, HOLDER_WALLET, CLEARING, PHARMACY].map(sum)).toEqual([
          0 - coveredMinor,
          0 - copaymentMinor,
          0,
          totalMinor,
        ]);
        state = medCardActor.evolve(state, made);
        expect(usedMinor(state, month)).toBeLessThanOrEqual(terms.monthlyLimitMinor);
        const claimId = `${index}`;
        const then: MedCardEvent[] =
          end === "refused"
            ? [{ ...refused, claimId }]
            : [{ ...paid, claimId }, ...(end === "reversed" ? [{ ...reversed, claimId }] : [])];
        state = then.reduce(medCardActor.evolve, state);
        standing.set(month, beforeMinor + (end === "paid" ? coveredMinor : 0));
      }
      for (const { month, usedMinor: minor } of state.months) expect(minor).toBe(standing.get(month));
    }),
    settings(200),
  );
});

describe("a month", () => {
  test.each([
    // Egypt keeps summer time from the last Friday of April to the last Thursday of October.
    ["Africa/Cairo", "2026-03-31T21:59:59.999Z", "2026-03"],
    ["Africa/Cairo", "2026-03-31T22:00:00.000Z", "2026-04"],
    ["Africa/Cairo", "2026-04-30T20:59:59.999Z", "2026-04"],
    ["Africa/Cairo", "2026-04-30T21:00:00.000Z", "2026-05"],
    ["Africa/Cairo", "2026-10-31T21:59:59.999Z", "2026-10"],
    ["Africa/Cairo", "2026-10-31T22:00:00.000Z", "2026-11"],
    // The last Thursday of October 2024 was the 31st: at midnight the hour before it came again, in October.
    ["Africa/Cairo", "2024-10-31T21:00:00.000Z", "2024-10"],
    ["Africa/Cairo", "2024-10-31T21:59:59.999Z", "2024-10"],
    ["Africa/Cairo", "2024-10-31T22:00:00.000Z", "2024-11"],
    ["UTC", "2026-12-31T23:59:59.999Z", "2026-12"],
    ["UTC", "2027-01-01T00:00:00.000Z", "2027-01"],
  ])("in %s at %s is %s", (timeZone, time, month) => {
    expect(monthOf(timeZone, Date.parse(time))).toBe(month);
  });

  test("never goes back while time goes on", () => {
    const times = fc.tuple(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 0, max: 40 * 86_400_000 }));
    fc.assert(
      fc.property(times, ([timeMs, afterMs]) => {
        const [first, second] = [timeMs, timeMs + afterMs].map((ms) => monthOf("Africa/Cairo", ms));
        expect((first as string) <= (second as string)).toBe(true);
      }),
      settings(500),
    );
  });

  test("begins with the whole limit, also for a claim that was refused the instant before", () => {
    const full = given([{ ...issued, monthlyLimitMinor: 800 }, activated, claimed, paid]);
    const lastMs = Date.parse("2026-03-31T22:00:00Z") - 1;
    const another = { ...claim, claimId: CARD };
    const decide = (nowMs: number) => medCardActor.decide(full, another, { id: CARD, sender: HOLDER, nowMs });
    expect(decide(lastMs)).toEqual({ code: "medcard_limit_exceeded" });
    expect(decide(lastMs + 1)).toMatchObject({ code: "ok", events: [{ month: "2026-04", coveredMinor: 800 }] });
  });
});
