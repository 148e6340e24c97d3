import { careCategory, MEDCARD_TIERS, type MedCardTier } from "../../protocol/medcard/commands.ts";
import { type MedCardTiers, medCardTiers } from "../../protocol/medcard/tiers.ts";

/** Where the months of a card begin that names no time zone. */
export const TIME_ZONE_DEFAULT = "Africa/Cairo";

/** What tiers give where nothing else is configured. Events hold the terms themselves, so another table changes no card that there is. */
export const TIERS_DEFAULT: MedCardTiers = medCardTiers.parse({
  BRONZE: { monthlyLimitMinor: 200_000, copaymentBasisPoints: 3_000, categories: ["MEDICATION", "CONSULTATION"] },
  SILVER: {
    monthlyLimitMinor: 500_000,
    copaymentBasisPoints: 2_000,
    categories: ["MEDICATION", "CONSULTATION", "LABORATORY"],
  },
  GOLD: {
    monthlyLimitMinor: 1_000_000,
    copaymentBasisPoints: 1_000,
    categories: ["MEDICATION", "CONSULTATION", "LABORATORY", "IMAGING", "OPTICAL", "DENTAL"],
  },
  PLATINUM: { monthlyLimitMinor: 2_500_000, copaymentBasisPoints: 0, categories: careCategory.options },
});

/** A tier and its terms, as an event holds them. */
export function termsOf(
  tier: MedCardTier,
  tiers: MedCardTiers = TIERS_DEFAULT,
): { tier: MedCardTier } & MedCardTiers[MedCardTier] {
  const { categories, ...rest } = tiers[tier];
  return { tier, ...rest, categories: [...categories] };
}

/** Whether a tier is above another one. */
export function isHigher(tier: MedCardTier, other: MedCardTier): boolean {
  return MEDCARD_TIERS.indexOf(tier) > MEDCARD_TIERS.indexOf(other);
}
