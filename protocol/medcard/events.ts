/** What happens to medical cards, as it is journaled. */

import { z } from "zod";
import { CODES, type Refusal } from "../codes.ts";
import { amountMinor, currency, timestampMs, uuid } from "../json-fields.ts";
import { basisPoints } from "../values/percentage.ts";
import { careCategory, medCardTier, relation } from "./commands.ts";

const anyAmountMinor = z.int().min(0);
const reason = z.string();
const claimId = uuid;
const terms = {
  monthlyLimitMinor: amountMinor,
  copaymentBasisPoints: basisPoints,
  categories: z.array(careCategory),
};
const refusal = z.enum(Object.keys(CODES) as Refusal[]);

/** An event of a medical card, in its newest version. */
export const medCardEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("CardIssued"),
    ownerId: uuid.or(z.literal("")).describe("Empty for an admin's."),
    holderId: uuid,
    tier: medCardTier,
    ...terms,
    currency,
    fundingWalletId: uuid,
    holderWalletId: uuid,
    clearingWalletId: uuid,
    pharmacyWalletIds: z.array(uuid).optional(),
    timeZone: z.string(),
    issuedAtMs: timestampMs,
    expiresAtMs: timestampMs,
  }),
  z.strictObject({ type: z.literal("CardActivated") }),
  z.strictObject({ type: z.literal("CardSuspended"), reason }),
  z.strictObject({ type: z.literal("CardReactivated") }),
  z.strictObject({ type: z.literal("CardClosed"), reason }),
  z.strictObject({ type: z.literal("CardExpired") }),
  z.strictObject({ type: z.literal("CardRenewed"), expiresAtMs: timestampMs }),
  z.strictObject({ type: z.literal("MonthlyLimitUpdated"), monthlyLimitMinor: amountMinor }),
  z.strictObject({ type: z.literal("TierUpgraded"), tier: medCardTier, ...terms }),
  z.strictObject({ type: z.literal("TierDowngraded"), tier: medCardTier, ...terms }),
  z.strictObject({ type: z.literal("BeneficiaryAdded"), beneficiaryId: uuid, relation }),
  z.strictObject({ type: z.literal("BeneficiaryRemoved"), beneficiaryId: uuid }),
  z
    .strictObject({
      type: z.literal("PrescriptionClaimed"),
      claimId,
      pharmacyWalletId: uuid,
      beneficiaryId: uuid,
      category: careCategory,
      totalMinor: amountMinor,
      coveredMinor: anyAmountMinor,
      copaymentMinor: anyAmountMinor,
      month: z.string(),
      claimedAtMs: timestampMs,
    })
    .describe("What is covered counts in the month's limit from now on."),
  z.strictObject({ type: z.literal("PrescriptionPaid"), claimId }),
  z.strictObject({ type: z.literal("PrescriptionRefused"), claimId, code: refusal }),
  z.strictObject({ type: z.literal("PrescriptionReversed"), claimId, reason }),
  z.strictObject({
    type: z.literal("InsuranceClaimFiled"),
    claimId,
    beneficiaryId: uuid,
    category: careCategory,
    amountMinor,
    filedAtMs: timestampMs,
  }),
  z.strictObject({ type: z.literal("InsuranceClaimApproved"), claimId, approvedMinor: amountMinor }),
  z.strictObject({ type: z.literal("InsuranceClaimRejected"), claimId, reason }),
  z.strictObject({ type: z.literal("InsuranceClaimPaid"), claimId }),
]);
export type MedCardEvent = z.output<typeof medCardEvent>;
