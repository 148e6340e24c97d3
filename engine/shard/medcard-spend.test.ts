/** What is kept of all cards together is what their rows say, whatever happens to them and to the shard. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { untimedId } from "../../test/ledger-command.ts";
import { ISSUING_SENDER, MedCardSession } from "../../test/medcard-session.ts";
import { ADMIN_SENDER, MERCHANT_SENDER } from "../../test/payment-session.ts";
import { settings } from "../../test/property-settings.ts";
import type { ActorTable } from "../actor/actor-table.ts";
import { CardSpend } from "../medcard/card-spend.ts";
import type { MedCardState } from "../medcard/medcard.ts";
import { ActorPart } from "../snapshot/actor-part.ts";

const ALL_MONTHS = { from: "2000-01", to: "2999-12" };
const DAY_MS = 86_400_000;

type Reader = Pick<CardSpend, "read">;

/** All that can be read of it. */
function readingsOf(projection: Reader): unknown {
  return [ADMIN_SENDER, ISSUING_SENDER, MERCHANT_SENDER].flatMap((sender) =>
    (["category", "pharmacy", undefined] as const).map((by) => projection.read({ ...ALL_MONTHS, by }, sender)),
  );
}

function keptIn(actors: ActorTable): Reader {
  const kept = actors.projection("MedCard");
  if (kept === undefined) throw new Error("nothing is kept of medical cards");
  return kept as Reader;
}

/** Reckoned anew. */
function reckonedFrom(actors: ActorTable): Reader {
  const spend = new CardSpend();
  for (const { type, state } of actors.rows()) if (type === "MedCard") spend.change(undefined, state as MedCardState);
  return spend;
}

function expectTrue(actors: ActorTable): void {
  expect(readingsOf(keptIn(actors))).toEqual(readingsOf(reckonedFrom(actors)));
}

/** Three cards on one shard, of two issuers: two of the one, one of an admin's. */
class Cards extends MedCardSession {
  readonly cards = [this.cardId, this.nextWalletId(1), this.nextWalletId(1)];
  readonly pharmacies = [this.shop, this.nextWalletId(0), this.nextWalletId(1)];

  override opened(): this {
    super.opened();
    for (const [index, walletId] of this.pharmacies.slice(1).entries()) this.openWallet(index, { walletId });
    const issuers = [{}, {}, { ownerId: undefined }];
    for (const [index, id] of this.cards.entries()) this.withCard(issuers[index], id);
    return this;
  }
}

const STEPS = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      claim: fc.nat(9),
      card: fc.nat(2),
      pharmacy: fc.nat(2),
      category: fc.constantFrom("MEDICATION", "LABORATORY"),
      totalMinor: fc.integer({ min: 1, max: 400 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ reverse: fc.nat(9), card: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ card: fc.nat(2), monthlyLimitMinor: fc.integer({ min: 1, max: 3_000 }) }) },
  { weight: 2, arbitrary: fc.record({ card: fc.nat(2), type: fc.constantFrom("SuspendCard", "ReactivateCard") }) },
  { weight: 8, arbitrary: fc.constant("deliver" as const) },
  { weight: 2, arbitrary: fc.constantFrom("crash" as const, "month" as const, "snapshot" as const) },
);

test("it is the same live, after crashes and from a snapshot, and what the cards say", () => {
  let spent = 0;
  fc.assert(
    fc.property(fc.array(STEPS, { minLength: 5, maxLength: 50 }), (plan) => {
      const session = new Cards().opened();
      const { engine } = session;
      let snapshot: ActorPart | undefined;
      const load = (part: ActorPart): void => {
        const { actors } = engine.emptyState(1);
        const loaded = new ActorPart(actors);
        for (let chunk = part.next(); chunk !== undefined; chunk = part.next()) loaded.load(chunk);
        part.end();
        expectTrue(actors);
      };
      for (const [turn, step] of plan.entries()) {
        if (step === "deliver") {
          session.deliverSome(turn);
        } else if (step === "crash") {
          engine.crash();
          snapshot = undefined;
        } else if (step === "month") {
          session.pass(31 * DAY_MS);
        } else if (step === "snapshot") {
          if (snapshot !== undefined) load(snapshot);
          snapshot = new ActorPart(engine.state(1).actors);
          snapshot.begin();
        } else if ("claim" in step) {
          const { claim, card, pharmacy, category, totalMinor } = step;
          const more = { pharmacyWalletId: session.pharmacies[pharmacy], category };
          session.begin(session.claiming(untimedId(0xe0 + claim), totalMinor, undefined, more, session.cards[card]));
        } else if ("reverse" in step) {
          const body = { claimId: untimedId(0xe0 + step.reverse), reason: "returned" };
          session.begin(session.card("ReversePrescription", body, MERCHANT_SENDER, session.cards[step.card]));
        } else if ("type" in step) {
          session.begin(session.card(step.type, { reason: "lost" }, ADMIN_SENDER, session.cards[step.card]));
        } else {
          const { card, monthlyLimitMinor } = step;
          session.begin(session.card("UpdateMonthlyLimit", { monthlyLimitMinor }, ADMIN_SENDER, session.cards[card]));
        }
        expectTrue(engine.state(1).actors);
      }
      if (snapshot !== undefined) load(snapshot);
      session.settle();
      const { actors } = engine.state(1);
      expectTrue(actors);
      expect(readingsOf(keptIn(engine.rebuilt(1).actors))).toEqual(readingsOf(keptIn(actors)));
      const [currency] = keptIn(actors).read(ALL_MONTHS, ADMIN_SENDER);
      spent += currency.months.reduce((sum, { claims }) => sum + claims, 0);
    }),
    settings(60),
  );
  expect(spent).toBeGreaterThan(0);
});

test("issuers see their own cards, and admins all of them, or those of one issuer", () => {
  const session = new Cards().opened();
  for (const [index, id] of session.cards.entries()) {
    session.pay(session.claiming(untimedId(0xe0 + index), 100, undefined, {}, id));
  }
  const spend = keptIn(session.engine.state(1).actors);
  const claimsOf = (sender: typeof ADMIN_SENDER, ownerId?: string): readonly number[] =>
    spend.read({ ...ALL_MONTHS, ownerId }, sender).flatMap(({ months }) => months.map(({ claims }) => claims));
  expect(claimsOf(ADMIN_SENDER)).toEqual([3]);
  expect(claimsOf(ADMIN_SENDER, ISSUING_SENDER.ownerId)).toEqual([2]);
  expect(claimsOf(ISSUING_SENDER)).toEqual([2]);
  expect(claimsOf(ISSUING_SENDER, MERCHANT_SENDER.ownerId)).toEqual([2]);
  expect(claimsOf(MERCHANT_SENDER)).toEqual([]);
  expect(spend.read(ALL_MONTHS, ISSUING_SENDER)).toMatchObject([
    {
      currency: "EGP",
      cards: 2,
      activeCards: 2,
      monthlyLimitMinor: "6000",
      months: [{ usedMinor: "160", coveredMinor: "160", copaymentMinor: "40" }],
    },
  ]);
  expect(spend.read({ ...ALL_MONTHS, from: "2999-01" }, ADMIN_SENDER)).toMatchObject([{ months: [] }]);
});
