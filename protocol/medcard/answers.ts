/** What the ledger answers about medical cards. */

import { z } from "zod";
import { amountMinor, currency, listFields, moment, nextCursor, position, uuid } from "../json-fields.ts";
import { walletId } from "../values/entity-id.ts";
import { basisPoints } from "../values/percentage.ts";
import { careCategory, medCardTier, relation } from "./commands.ts";

const anyAmountMinor = z.int().min(0);
const month = z.string().regex(/^\d{4}-\d{2}$/);
const recorded = { position: position.describe("The record that ended the command.") };
const anyId = uuid.toLowerCase().optional();

const medCardStatus = z.enum(["ISSUED", "ACTIVE", "SUSPENDED", "EXPIRED", "CLOSED"]);
const prescriptionStatus = z.enum(["CLAIMED", "PAID", "REVERSED"]);
const insuranceStatus = z.enum(["SUBMITTED", "APPROVED", "REJECTED", "PAID"]);

const termsFields = {
  tier: medCardTier,
  monthlyLimitMinor: amountMinor.describe("What is covered in a calendar month at most."),
  copaymentBasisPoints: basisPoints.describe("The holder's share of each prescription."),
  categories: z.array(careCategory),
};

const beneficiary = z.strictObject({ beneficiaryId: uuid, relation });

export const medCardFoundAnswer = z.strictObject({
  id: uuid,
  version: z.int().min(1).describe("One more with each event."),
  status: medCardStatus,
  running: z.string().optional().describe("The command that waits for wallets to do their part."),
  reason: z.string().optional().describe("Why it is suspended or closed."),
  ownerId: uuid.nullable().describe("Who issues it and pays; null for an admin's."),
  holderId: uuid,
  ...termsFields,
  currency,
  fundingWalletId: uuid,
  holderWalletId: uuid,
  clearingWalletId: uuid,
  pharmacyWalletIds: z.array(uuid).optional(),
  timeZone: z.string(),
  issuedAt: moment,
  expiresAt: moment,
  beneficiaries: z.array(beneficiary).describe("Whom it covers besides its holder."),
});
export const medCardAnswer = medCardFoundAnswer.extend(recorded);
export const medCardsAnswer = z.strictObject({ cards: z.array(medCardFoundAnswer), nextCursor });
export const beneficiariesAnswer = z.strictObject({ holderId: uuid, beneficiaries: z.array(beneficiary) });

const used = { month, usedMinor: anyAmountMinor.describe("What claims cover that stand.") };
export const monthlyLimitAnswer = z.strictObject({
  cardId: uuid,
  monthlyLimitMinor: termsFields.monthlyLimitMinor,
  ...used,
  leftMinor: anyAmountMinor.describe("Of the running month."),
  timeZone: z.string().describe("Where months begin."),
  months: z.array(z.strictObject(used)).describe("Those in which something was used, at most 13, the oldest first."),
});

export const prescriptionFoundAnswer = z.strictObject({
  cardId: uuid,
  claimId: uuid,
  status: prescriptionStatus.describe("CLAIMED while its money is under way."),
  pharmacyWalletId: uuid,
  beneficiaryId: uuid,
  category: careCategory,
  totalMinor: amountMinor,
  coveredMinor: anyAmountMinor,
  copaymentMinor: anyAmountMinor,
  month: month.describe("The one in whose limit it counts."),
  claimedAt: moment,
});
export const prescriptionAnswer = prescriptionFoundAnswer.extend(recorded);
export const prescriptionsAnswer = z.strictObject({ prescriptions: z.array(prescriptionFoundAnswer), nextCursor });

export const insuranceClaimFoundAnswer = z.strictObject({
  cardId: uuid,
  claimId: uuid,
  status: insuranceStatus,
  beneficiaryId: uuid,
  category: careCategory,
  amountMinor,
  approvedMinor: amountMinor.optional(),
  filedAt: moment,
});
export const insuranceClaimAnswer = insuranceClaimFoundAnswer.extend(recorded);
export const insuranceClaimsAnswer = z.strictObject({ claims: z.array(insuranceClaimFoundAnswer), nextCursor });

export const medCardTiersAnswer = z.strictObject({
  tiers: z
    .array(z.strictObject(termsFields))
    .describe("From the lowest to the highest; a card keeps the terms it got."),
});

/** Which cards a list shows. */
export const medCardsQuery = z.strictObject({
  ...listFields,
  status: medCardStatus.optional().describe("Only those of a status."),
  tier: medCardTier.optional().describe("Only those of a tier."),
  ownerId: anyId.describe("Only those that an owner has issued."),
  holderId: anyId.describe("Only those of a holder."),
  fundingWalletId: walletId.optional().describe("Only those that a wallet pays for."),
  currency: currency.optional().describe("Only those in a currency."),
});

const claimFilters = {
  limit: listFields.limit,
  cursor: uuid.toLowerCase().optional().describe("nextCursor of the page before."),
  beneficiaryId: anyId.describe("Only those for a person."),
  category: careCategory.optional().describe("Only those of a category."),
};

/** Which claims of a card a list shows. */
export const prescriptionsQuery = z.strictObject({
  ...claimFilters,
  status: prescriptionStatus.optional().describe("Only those of a status."),
  month: month.optional().describe("Only those of a month, such as 2026-03."),
  pharmacyWalletId: walletId.optional().describe("Only those at a pharmacy."),
});
export const insuranceClaimsQuery = z.strictObject({
  ...claimFilters,
  status: insuranceStatus.optional().describe("Only those of a status."),
});
