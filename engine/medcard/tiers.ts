import { type CareCategory, careCategory, MEDCARD_TIERS, type MedCardTier } from "../../protocol/medcard/commands.ts";
import { type BasisPoints, parseBasisPoints } from "../../protocol/values/percentage.ts";

/** What a tier gives. Events hold the terms themselves, so a change here changes no card that there is. */
interface TierTerms {
  /** In minor units of the card's currency. */
  readonly monthlyLimitMinor: number;
  /** The holder's share of each prescription. */
  readonly copaymentBasisPoints: BasisPoints;
  readonly categories: readonly CareCategory[];
}

/** Where the months of a card begin that names no time zone. */
export const TIME_ZONE_DEFAULT = "Africa/Cairo";

const TIERS: Readonly<Record<MedCardTier, TierTerms>> = {
  BRONZE: terms(200_000, 3_000, ["MEDICATION", "CONSULTATION"]),
  SILVER: terms(500_000, 2_000, ["MEDICATION", "CONSULTATION", "LABORATORY"]),
  GOLD: terms(1_000_000, 1_000, ["MEDICATION", "CONSULTATION", "LABORATORY", "IMAGING", "OPTICAL", "DENTAL"]),
  PLATINUM: terms(2_500_000, 0, careCategory.options),
};

/** A tier and its terms, as an event holds them. */
export function termsOf(
  tier: MedCardTier,
): { tier: MedCardTier; categories: CareCategory[] } & Omit<TierTerms, "categories"> {
  const { categories, ...rest } = TIERS[tier];
  return { tier, ...rest, categories: [...categories] };
}

/** Whether a tier is above another one. */
export function isHigher(tier: MedCardTier, other: MedCardTier): boolean {
  return MEDCARD_TIERS.indexOf(tier) > MEDCARD_TIERS.indexOf(other);
}

function terms(monthlyLimitMinor: number, copayment: number, categories: readonly CareCategory[]): TierTerms {
  const parsed = parseBasisPoints(copayment);
  if (!parsed.ok) throw new Error(parsed.problem);
  return { monthlyLimitMinor, copaymentBasisPoints: parsed.value, categories };
}
