import type { MedCardEvent } from "../../protocol/medcard/events.ts";

type ClaimFacts = Omit<Extract<MedCardEvent, { type: "PrescriptionClaimed" }>, "type">;

/** Months whose use a card remembers. */
export const MONTHS_KEPT = 13;

/** What some claims that were paid, and not reversed, have cost. */
export interface Spent {
  readonly claims: number;
  readonly coveredMinor: number;
  readonly copaymentMinor: number;
}

/** What those have cost that have something in common. */
export interface SpentOn extends Spent {
  readonly key: string;
}

/**
 * What a card's claims of a month have cost, in all and by what they were for, where and for whom.
 *
 * Each list is in the order in which its keys came, and none of them leaves: so a reversal is taken back from where its claim was
 * counted, also where that is what the others have in common.
 */
export interface MonthSpend extends Spent {
  readonly month: string;
  readonly categories: readonly SpentOn[];
  readonly pharmacies: readonly SpentOn[];
  readonly beneficiaries: readonly SpentOn[];
}

/** Pharmacies, and persons, that a card counts apart in a month; what comes later is counted as `other`. */
export const KEYS_KEPT = 24;
export const OTHER = "other";

const NO_SPENT = { claims: 0, coveredMinor: 0, copaymentMinor: 0 } as const;

/** Counts a claim that was paid, or takes one back; in a month that is not remembered any more it changes nothing. */
export function counted(spend: readonly MonthSpend[], claim: ClaimFacts, sign: 1 | -1): readonly MonthSpend[] {
  const { month, category, pharmacyWalletId, beneficiaryId } = claim;
  const known = spend.find((one) => one.month === month);
  if (known === undefined && sign < 0) return spend;
  const before = known ?? { ...NO_SPENT, month, categories: [], pharmacies: [], beneficiaries: [] };
  const after = {
    ...summed(before, claim, sign),
    categories: countedOn(before.categories, category, claim, sign),
    pharmacies: countedOn(before.pharmacies, pharmacyWalletId, claim, sign),
    beneficiaries: countedOn(before.beneficiaries, beneficiaryId, claim, sign),
  };
  if (known !== undefined) return spend.map((one) => (one === known ? after : one));
  return [...spend, after].slice(-MONTHS_KEPT);
}

/** What a card has spent, month by month; of one that was kept before that was, what the claims say that it remembers. */
export function spendOf({
  spend,
  prescriptions,
}: {
  readonly spend?: readonly MonthSpend[];
  readonly prescriptions: readonly (ClaimFacts & { readonly status: string })[];
}): readonly MonthSpend[] {
  if (spend !== undefined) return spend;
  const paid = prescriptions.filter(({ status }) => status === "PAID");
  return paid.reduce<readonly MonthSpend[]>((sum, claim) => counted(sum, claim, 1), []);
}

function countedOn(list: readonly SpentOn[], key: string, claim: ClaimFacts, sign: 1 | -1): readonly SpentOn[] {
  const isKnown = list.some((one) => one.key === key);
  const under = isKnown || list.length < KEYS_KEPT ? key : OTHER;
  const known = list.find((one) => one.key === under);
  if (known === undefined) return [...list, summed({ ...NO_SPENT, key: under }, claim, sign)];
  return list.map((one) => (one === known ? summed(known, claim, sign) : one));
}

function summed<Sum extends Spent>(sum: Sum, { coveredMinor, copaymentMinor }: ClaimFacts, sign: 1 | -1): Sum {
  return {
    ...sum,
    claims: sum.claims + sign,
    coveredMinor: sum.coveredMinor + sign * coveredMinor,
    copaymentMinor: sum.copaymentMinor + sign * copaymentMinor,
  };
}
