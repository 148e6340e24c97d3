/** What the tiers of medical cards give, as an operator may set it. */

import { z } from "zod";
import { amountMinor } from "../json-fields.ts";
import { basisPoints } from "../values/percentage.ts";
import { careCategory, medCardTier } from "./commands.ts";

/** The terms of a tier. */
const tierTerms = z.strictObject({
  monthlyLimitMinor: amountMinor.describe(
    "What is covered in a calendar month at most, in minor units of the card's currency.",
  ),
  copaymentBasisPoints: basisPoints.describe("The holder's share of each prescription."),
  categories: z
    .array(careCategory)
    .min(1)
    .refine((categories) => new Set(categories).size === categories.length, "a category stands there twice"),
});

/** The terms of every tier. */
export const medCardTiers = z.record(medCardTier, tierTerms);
export type MedCardTiers = z.output<typeof medCardTiers>;
