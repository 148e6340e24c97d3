/** What may be asked of a medical card. Persons are opaque ids here: who they are is kept elsewhere. */

import { z } from "zod";
import { amountMinor, currency, moment, uuid } from "../json-fields.ts";
import { AMOUNT_MINOR_MAX } from "../limits.ts";
import { medCardId, walletId } from "../values/entity-id.ts";
import { timeZone } from "../values/time-zone.ts";

/** From the lowest to the highest. */
export const MEDCARD_TIERS = ["BRONZE", "SILVER", "GOLD", "PLATINUM"] as const;
export const medCardTier = z.enum(MEDCARD_TIERS);
export type MedCardTier = z.output<typeof medCardTier>;

export const careCategory = z.enum([
  "MEDICATION",
  "CONSULTATION",
  "LABORATORY",
  "IMAGING",
  "OPTICAL",
  "DENTAL",
  "HOSPITAL",
]);

export const relation = z.enum(["SPOUSE", "CHILD", "PARENT", "OTHER"]);

const anyId = uuid.toLowerCase();
const personId = anyId.describe("Names a person, and says nothing about him.");
const reason = z.string().min(1).max(256);

const issueFields = {
  ownerId: anyId.optional().describe("Who issues it and pays; an admin's where absent."),
  holderId: anyId.describe("The owner of the card and of its wallet."),
  tier: medCardTier,
  currency,
  fundingWalletId: walletId.describe("Pays what is covered."),
  holderWalletId: walletId.describe("Pays copayments."),
  clearingWalletId: walletId.describe("Where the parts of a claim meet before the pharmacy gets them; else empty."),
  pharmacyWalletIds: z
    .array(walletId)
    .min(1)
    .max(100)
    .optional()
    .describe("Where it may be used; anywhere where absent."),
  monthlyLimitMinor: amountMinor.optional().describe("The tier's where absent."),
  timeZone: timeZone.optional().describe("Where the months of its limit begin; Africa/Cairo where absent."),
  expiresAt: moment,
};
const reasonFields = { reason };
const renewFields = { expiresAt: moment };
const limitFields = { monthlyLimitMinor: amountMinor };
const tierFields = { tier: medCardTier };
const addBeneficiaryFields = { beneficiaryId: personId, relation };
const prescriptionFields = {
  pharmacyWalletId: walletId,
  beneficiaryId: personId,
  category: careCategory,
  totalMinor: amountMinor,
  items: z
    .array(
      z.strictObject({
        code: z.string().min(1).max(64),
        quantity: z.int().min(1).max(100_000),
        unitPriceMinor: z.int().min(0).max(AMOUNT_MINOR_MAX),
      }),
    )
    .min(1)
    .max(50)
    .describe("Quantities times prices add up to the total."),
};
const insuranceFields = { beneficiaryId: personId, category: careCategory, amountMinor };
const approveFields = { approvedMinor: amountMinor.optional().describe("All that is claimed where absent.") };
const claimId = anyId;
const derivedClaimId = claimId.optional().describe("Derived from the command's id where absent.");

/** Bodies of REST: path and header hold the rest. */
export const issueCardBody = z.strictObject({
  id: medCardId.optional().describe("Derived from the command's id where absent."),
  ...issueFields,
});
export const cardChangeBody = z.strictObject({});
export const cardReasonBody = z.strictObject(reasonFields);
export const renewCardBody = z.strictObject(renewFields);
export const monthlyLimitBody = z.strictObject(limitFields);
export const cardTierBody = z.strictObject(tierFields);
export const addBeneficiaryBody = z.strictObject(addBeneficiaryFields);
export const claimPrescriptionBody = z.strictObject({ claimId: derivedClaimId, ...prescriptionFields });
export const fileInsuranceClaimBody = z.strictObject({ claimId: derivedClaimId, ...insuranceFields });
export const approveInsuranceClaimBody = z.strictObject(approveFields);

/** A command on a medical card, checked. */
export const medCardCommand = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("IssueCard"), ...issueFields }),
  z.strictObject({ type: z.literal("ActivateCard") }),
  z.strictObject({ type: z.literal("SuspendCard"), ...reasonFields }),
  z.strictObject({ type: z.literal("ReactivateCard") }),
  z.strictObject({ type: z.literal("CloseCard"), ...reasonFields }),
  z.strictObject({ type: z.literal("RenewCard"), ...renewFields }),
  z.strictObject({ type: z.literal("UpdateMonthlyLimit"), ...limitFields }),
  z.strictObject({ type: z.literal("UpgradeTier"), ...tierFields }),
  z.strictObject({ type: z.literal("DowngradeTier"), ...tierFields }),
  z.strictObject({ type: z.literal("AddBeneficiary"), ...addBeneficiaryFields }),
  z.strictObject({ type: z.literal("RemoveBeneficiary"), beneficiaryId: personId }),
  z.strictObject({ type: z.literal("ClaimPrescription"), claimId, ...prescriptionFields }),
  z.strictObject({ type: z.literal("ReversePrescription"), claimId, ...reasonFields }),
  z.strictObject({ type: z.literal("FileInsuranceClaim"), claimId, ...insuranceFields }),
  z.strictObject({ type: z.literal("ApproveInsuranceClaim"), claimId, ...approveFields }),
  z.strictObject({ type: z.literal("RejectInsuranceClaim"), claimId, ...reasonFields }),
  z.strictObject({ type: z.literal("PayInsuranceClaim"), claimId }),
]);
export type MedCardCommand = z.output<typeof medCardCommand>;
