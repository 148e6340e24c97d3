import { describe, expect, test } from "vitest";
import type { MedCardEvent } from "../../protocol/medcard/events.ts";
import {
  ADMIN,
  activated,
  added,
  approved,
  CARD,
  CARD_EXPIRES_MS,
  CARD_NOW_MS,
  CHILD,
  CLAIM,
  claim,
  claimed,
  claimPaid,
  closed,
  event,
  expired,
  FUNDING,
  fileClaim,
  filed,
  given,
  HOLDER,
  INSURANCE_CLAIM,
  ISSUER,
  issue,
  issued,
  PHARMACY,
  paid,
  refused,
  rejected,
  reversed,
  STRANGER,
  suspended,
} from "../../test/medcard-specimen.ts";
import type { ActorDecision, Sender } from "../actor/actor.ts";
import { medCardActor } from "./actor.ts";
import type { AnyMedCardCommand } from "./decide.ts";
import { BENEFICIARIES_MAX, INSURANCE_CLAIMS_KEPT, type MedCardState } from "./medcard.ts";

const LATER = "2028-01-01T00:00:00.000Z";
const activate = { type: "ActivateCard" } as const;
const suspend = { type: "SuspendCard", reason: "lost" } as const;
const reactivate = { type: "ReactivateCard" } as const;
const close = { type: "CloseCard", reason: "left" } as const;
const renew = { type: "RenewCard", expiresAt: LATER } as const;
const expire = { type: "ExpireCard" } as const;
const limit = { type: "UpdateMonthlyLimit", monthlyLimitMinor: 900 } as const;
const upgrade = { type: "UpgradeTier", tier: "GOLD" } as const;
const downgrade = { type: "DowngradeTier", tier: "BRONZE" } as const;
const add = { type: "AddBeneficiary", beneficiaryId: CHILD, relation: "CHILD" } as const;
const remove = { type: "RemoveBeneficiary", beneficiaryId: CHILD } as const;
const reverse = { type: "ReversePrescription", claimId: CLAIM, reason: "returned" } as const;
const approve = { type: "ApproveInsuranceClaim", claimId: INSURANCE_CLAIM } as const;
const reject = { type: "RejectInsuranceClaim", claimId: INSURANCE_CLAIM, reason: "twice" } as const;
const pay = { type: "PayInsuranceClaim", claimId: INSURANCE_CLAIM } as const;
const active = [issued, activated];

function decide(
  events: readonly MedCardEvent[],
  when: AnyMedCardCommand,
  sender: Sender = ADMIN,
  nowMs = CARD_NOW_MS,
): ActorDecision<MedCardEvent> {
  return medCardActor.decide(given(events), when, { id: CARD, sender, nowMs });
}

interface Spec<Expected> {
  readonly name: string;
  readonly given: readonly MedCardEvent[];
  readonly when: AnyMedCardCommand;
  readonly by?: Sender;
  readonly nowMs?: number;
  readonly expected: Expected;
}

describe("given what happened, when a command comes, then it happens at once:", () => {
  const gold = {
    tier: "GOLD",
    monthlyLimitMinor: 1_000_000,
    copaymentBasisPoints: 1_000,
    categories: ["MEDICATION", "CONSULTATION", "LABORATORY", "IMAGING", "OPTICAL", "DENTAL"],
  };
  const bronze = {
    tier: "BRONZE",
    monthlyLimitMinor: 200_000,
    copaymentBasisPoints: 3_000,
    categories: ["MEDICATION", "CONSULTATION"],
  };
  test.each<Spec<MedCardEvent>>([
    { name: "a card is issued by an admin, with the terms of its tier", given: [], when: issue, expected: issued },
    {
      name: "a card is issued with a limit, a time zone and pharmacies of its own",
      given: [],
      when: { ...issue, monthlyLimitMinor: 5, timeZone: "UTC", pharmacyWalletIds: [PHARMACY] as never },
      expected: { ...issued, monthlyLimitMinor: 5, timeZone: "UTC", pharmacyWalletIds: [PHARMACY] },
    },
    { name: "its holder activates it", given: [issued], when: activate, by: HOLDER, expected: activated },
    { name: "its issuer suspends it", given: active, when: suspend, by: ISSUER, expected: suspended },
    {
      name: "its issuer reactivates it",
      given: [...active, suspended],
      when: reactivate,
      by: ISSUER,
      expected: event("CardReactivated"),
    },
    { name: "its issuer closes it", given: active, when: close, by: ISSUER, expected: closed },
    {
      name: "its issuer renews it",
      given: [...active, expired],
      when: renew,
      by: ISSUER,
      expected: event("CardRenewed", { expiresAtMs: Date.parse(LATER) }),
    },
    { name: "its time is over", given: active, when: expire, nowMs: CARD_EXPIRES_MS, expected: expired },
    {
      name: "its limit changes",
      given: active,
      when: limit,
      by: ISSUER,
      expected: event("MonthlyLimitUpdated", { monthlyLimitMinor: 900 }),
    },
    { name: "its tier rises", given: active, when: upgrade, by: ISSUER, expected: event("TierUpgraded", gold) },
    { name: "its tier falls", given: active, when: downgrade, by: ISSUER, expected: event("TierDowngraded", bronze) },
    { name: "a person is added", given: active, when: add, by: ISSUER, expected: added },
    {
      name: "a person is removed",
      given: [...active, added],
      when: remove,
      by: ISSUER,
      expected: event("BeneficiaryRemoved", { beneficiaryId: CHILD }),
    },
    { name: "an insurance claim is filed", given: active, when: fileClaim, by: HOLDER, expected: filed },
    {
      name: "an insurance claim is approved",
      given: [...active, filed],
      when: approve,
      by: ISSUER,
      expected: { ...approved, approvedMinor: 700 },
    },
    {
      name: "a part of an insurance claim is approved",
      given: [...active, filed],
      when: { ...approve, approvedMinor: 600 },
      by: ISSUER,
      expected: approved,
    },
    {
      name: "an insurance claim is rejected",
      given: [...active, filed],
      when: reject,
      by: ISSUER,
      expected: rejected,
    },
  ])("$name", ({ given: events, when, by, nowMs, expected }) => {
    expect(decide(events, when, by, nowMs)).toEqual({ code: "ok", events: [expected] });
    expect(() => given([...events, expected])).not.toThrow();
  });
});

describe("given what happened, when a command comes, then it is refused:", () => {
  const persons = Array.from({ length: BENEFICIARIES_MAX }, (_, index) => ({
    ...added,
    beneficiaryId: `${CHILD.slice(0, -2)}${(index + 10).toString(16).padStart(2, "0")}`,
  }));
  const manyFiled = Array.from({ length: INSURANCE_CLAIMS_KEPT }, (_, index) => ({ ...filed, claimId: `${index}` }));
  test.each<Spec<string>>([
    { name: "a card that is not an admin's", given: [], when: issue, by: ISSUER, expected: "forbidden" },
    { name: "a card that exists", given: [issued], when: issue, expected: "medcard_exists" },
    {
      name: "a card that is over",
      given: [],
      when: { ...issue, expiresAt: new Date(CARD_NOW_MS).toISOString() },
      expected: "expiry_invalid",
    },
    {
      name: "a card with one wallet for two ends",
      given: [],
      when: { ...issue, clearingWalletId: issue.fundingWalletId },
      expected: "same_wallet",
    },
    { name: "a late activation", given: [issued], when: activate, nowMs: CARD_EXPIRES_MS, expected: "medcard_expired" },
    {
      name: "a late reactivation",
      given: [...active, suspended],
      when: reactivate,
      nowMs: CARD_EXPIRES_MS,
      expected: "medcard_expired",
    },
    { name: "closing with an open claim", given: [...active, filed], when: close, expected: "claims_open" },
    {
      name: "a renewal that ends before",
      given: active,
      when: { ...renew, expiresAt: new Date(CARD_EXPIRES_MS).toISOString() },
      expected: "expiry_invalid",
    },
    {
      name: "an upgrade to a lower tier",
      given: active,
      when: { ...upgrade, tier: "SILVER" },
      expected: "tier_order_invalid",
    },
    {
      name: "a downgrade to a higher tier",
      given: active,
      when: { ...downgrade, tier: "SILVER" },
      expected: "tier_order_invalid",
    },
    { name: "a person twice", given: [...active, added], when: add, expected: "beneficiary_exists" },
    {
      name: "the holder as a beneficiary",
      given: active,
      when: { ...add, beneficiaryId: HOLDER.ownerId },
      expected: "beneficiary_exists",
    },
    { name: "one person too many", given: [...active, ...persons], when: add, expected: "beneficiaries_full" },
    { name: "removing an unknown person", given: active, when: remove, expected: "beneficiary_not_found" },
    {
      name: "a prescription for an unknown person",
      given: active,
      when: { ...claim, beneficiaryId: CHILD },
      expected: "beneficiary_not_found",
    },
    {
      name: "a prescription of a category that is not covered",
      given: active,
      when: { ...claim, category: "DENTAL" },
      expected: "category_not_covered",
    },
    {
      name: "a prescription at another pharmacy",
      given: [{ ...issued, pharmacyWalletIds: [CHILD] }, activated],
      when: claim,
      expected: "pharmacy_not_covered",
    },
    {
      name: "a prescription that pays one of the card's wallets",
      given: active,
      when: { ...claim, pharmacyWalletId: FUNDING as never },
      expected: "same_wallet",
    },
    {
      name: "a prescription whose items add up to less",
      given: active,
      when: { ...claim, totalMinor: 1_001 },
      expected: "items_total_mismatch",
    },
    { name: "a prescription twice", given: [...active, claimed, paid], when: claim, expected: "claim_exists" },
    {
      name: "a prescription above what is left of the month",
      given: [{ ...issued, monthlyLimitMinor: 1_599 }, activated, claimed, paid],
      when: { ...claim, claimId: CHILD },
      expected: "medcard_limit_exceeded",
    },
    {
      name: "a prescription after the card's time",
      given: active,
      when: claim,
      nowMs: CARD_EXPIRES_MS,
      expected: "medcard_expired",
    },
    { name: "reversing an unknown prescription", given: active, when: reverse, expected: "claim_not_found" },
    {
      name: "reversing a prescription that was refused",
      given: [...active, claimed, refused],
      when: reverse,
      expected: "claim_not_found",
    },
    {
      name: "reversing a prescription whose money is under way",
      given: [...active, claimed],
      when: reverse,
      expected: "claim_status_conflict",
    },
    {
      name: "reversing a prescription twice",
      given: [...active, claimed, paid, reversed],
      when: reverse,
      expected: "claim_status_conflict",
    },
    {
      name: "an insurance claim for an unknown person",
      given: active,
      when: { ...fileClaim, beneficiaryId: CHILD },
      expected: "beneficiary_not_found",
    },
    {
      name: "an insurance claim of a category that is not covered",
      given: active,
      when: { ...fileClaim, category: "HOSPITAL" },
      expected: "category_not_covered",
    },
    { name: "an insurance claim twice", given: [...active, filed], when: fileClaim, expected: "claim_exists" },
    {
      name: "one open insurance claim too many",
      given: [...active, ...manyFiled],
      when: fileClaim,
      expected: "claims_full",
    },
    ...[approve, reject, pay].map((when) => ({
      name: `${when.type} where there is none`,
      given: active,
      when,
      expected: "claim_not_found",
    })),
    ...[approve, reject].flatMap((when) =>
      [[approved], [rejected], [approved, claimPaid]].map((then) => ({
        name: `${when.type} after ${then.map(({ type }) => type)}`,
        given: [...active, filed, ...then],
        when,
        expected: "claim_status_conflict",
      })),
    ),
    ...[[], [rejected], [approved, claimPaid]].map((then) => ({
      name: `paying an insurance claim after ${["InsuranceClaimFiled", ...then.map(({ type }) => type)]}`,
      given: [...active, filed, ...then],
      when: pay,
      expected: "claim_status_conflict",
    })),
    {
      name: "approving more than was claimed",
      given: [...active, filed],
      when: { ...approve, approvedMinor: 701 },
      expected: "claim_amount_exceeded",
    },
  ])("$name", ({ given: events, when, by, nowMs, expected }) => {
    expect(decide(events, when, by, nowMs)).toEqual({ code: expected });
  });
});

describe("who may, and when:", () => {
  const STATUSES = {
    ISSUED: [issued, added],
    ACTIVE: [issued, added, activated, claimed, paid, filed],
    SUSPENDED: [issued, added, activated, claimed, paid, filed, suspended],
    EXPIRED: [issued, added, activated, claimed, paid, filed, expired],
    CLOSED: [issued, added, activated, claimed, paid, closed],
  };
  const newClaim = { ...claim, claimId: CHILD };
  const newFiling = { ...fileClaim, claimId: CHILD };
  const newPerson = { ...add, beneficiaryId: FUNDING };
  const SUBJECTS: readonly [AnyMedCardCommand, string, readonly Sender[]][] = [
    [activate, "ISSUED", [HOLDER]],
    [suspend, "ACTIVE", [ISSUER]],
    [reactivate, "SUSPENDED", [ISSUER]],
    [renew, "ISSUED ACTIVE SUSPENDED EXPIRED", [ISSUER]],
    [expire, "ACTIVE", [ISSUER]],
    [limit, "ISSUED ACTIVE SUSPENDED", [ISSUER]],
    [upgrade, "ISSUED ACTIVE SUSPENDED", [ISSUER]],
    [downgrade, "ISSUED ACTIVE SUSPENDED", [ISSUER]],
    [newPerson, "ISSUED ACTIVE SUSPENDED", [ISSUER]],
    [remove, "ISSUED ACTIVE SUSPENDED", [ISSUER]],
    [newClaim, "ACTIVE", [HOLDER]],
    [reverse, "ACTIVE SUSPENDED EXPIRED CLOSED", [ISSUER, HOLDER, STRANGER]],
    [newFiling, "ACTIVE", [HOLDER]],
    [approve, "ACTIVE SUSPENDED EXPIRED", [ISSUER]],
    [reject, "ACTIVE SUSPENDED EXPIRED", [ISSUER]],
  ];
  test.each(SUBJECTS)("$0.type is taken of a card that is $1", (when, taken, senders) => {
    for (const [status, events] of Object.entries(STATUSES)) {
      expect(given(events)?.status).toBe(status);
      const expected = taken.split(" ").includes(status) ? "ok" : "medcard_status_conflict";
      expect([status, decide(events, when).code]).toEqual([status, expected]);
      for (const sender of [ISSUER, HOLDER, STRANGER]) {
        expect(decide(events, when, sender).code).toBe(senders.includes(sender) ? expected : "forbidden");
      }
    }
    expect(decide([], when)).toEqual({ code: "medcard_not_found" });
  });

  test("a card without open claims is closed in any status, once", () => {
    for (const events of [[issued], active, [...active, suspended], [...active, expired]]) {
      expect(decide(events, close, ISSUER).code).toBe("ok");
    }
    expect(decide([...active, closed], close, ISSUER)).toEqual({ code: "medcard_status_conflict" });
    expect([HOLDER, STRANGER].map((sender) => decide(active, close, sender).code)).toEqual(["forbidden", "forbidden"]);
  });

  test("a card is seen by an admin, its issuer and its holder", () => {
    const seen = [ADMIN, ISSUER, HOLDER, STRANGER].map((sender) =>
      medCardActor.mayRead(given([issued]) as MedCardState, sender),
    );
    expect(seen).toEqual([true, true, true, false]);
  });

  test("an active card is due at its end", () => {
    const due = (events: readonly MedCardEvent[]) => medCardActor.dueAtMs(given(events) as MedCardState);
    expect(due(active)).toBe(CARD_EXPIRES_MS);
    for (const events of [[issued], [...active, suspended], [...active, expired], [...active, closed]]) {
      expect(due(events)).toBe(Number.POSITIVE_INFINITY);
    }
  });
});
