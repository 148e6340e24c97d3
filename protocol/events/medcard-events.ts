import { z } from "zod";
import { CODES, type Refusal } from "../codes.ts";
import { moment } from "../json-fields.ts";
import { careCategory, medCardTier } from "../medcard/commands.ts";
import type { MedCardEvent } from "../medcard/events.ts";
import { type ActorEvents, fromRecord } from "./actor-events.ts";
import { amountMinor, currency, uuid } from "./event-fields.ts";

const card = { medCardId: uuid, ...fromRecord };
const anyAmountMinor = z.int().min(0);
const person = uuid.describe("Names a person, and says nothing about him.");
const changed = z.strictObject(card);
const terms = {
  monthlyLimitMinor: amountMinor.describe("What is covered in a month at most."),
  copaymentBasisPoints: z.int().min(0).max(10_000).describe("The holder's share of a prescription."),
  categories: z.array(careCategory).describe("What is covered."),
};
const claim = { ...card, claimId: uuid };
const claimed = z.strictObject(claim);

/** What happens to medical cards. Free text, and how persons are related, stay in the ledger. */
export const MEDCARD_EVENTS = {
  "mizan.medcard.issued.v1": {
    of: "CardIssued",
    meaning: "A card was issued. Its holder has yet to activate it.",
    data: z.strictObject({
      ...card,
      ownerId: uuid.optional().describe("Who issued it and pays. Absent for an admin's."),
      holderId: person,
      tier: medCardTier,
      ...terms,
      currency,
      fundingWalletId: uuid.describe("Pays what is covered."),
      holderWalletId: uuid.describe("Pays copayments."),
      clearingWalletId: uuid,
      pharmacyWalletIds: z.array(uuid).optional().describe("Where it may be used; anywhere where absent."),
      timeZone: z.string().describe("Where its months begin."),
      expiresAt: moment,
    }),
  },
  "mizan.medcard.activated.v1": { of: "CardActivated", meaning: "A card may be used.", data: changed },
  "mizan.medcard.suspended.v1": { of: "CardSuspended", meaning: "A card may not be used for now.", data: changed },
  "mizan.medcard.reactivated.v1": { of: "CardReactivated", meaning: "A card may be used again.", data: changed },
  "mizan.medcard.closed.v1": { of: "CardClosed", meaning: "A card was closed for good.", data: changed },
  "mizan.medcard.expired.v1": { of: "CardExpired", meaning: "A card's time is over.", data: changed },
  "mizan.medcard.renewed.v1": {
    of: "CardRenewed",
    meaning: "A card has more time.",
    data: z.strictObject({ ...card, expiresAt: moment }),
  },
  "mizan.medcard.limit_updated.v1": {
    of: "MonthlyLimitUpdated",
    meaning: "A card has another limit of the month.",
    data: z.strictObject({ ...card, monthlyLimitMinor: terms.monthlyLimitMinor }),
  },
  "mizan.medcard.tier_upgraded.v1": {
    of: "TierUpgraded",
    meaning: "A card has a higher tier, with its terms.",
    data: z.strictObject({ ...card, tier: medCardTier, ...terms }),
  },
  "mizan.medcard.tier_downgraded.v1": {
    of: "TierDowngraded",
    meaning: "A card has a lower tier, with its terms.",
    data: z.strictObject({ ...card, tier: medCardTier, ...terms }),
  },
  "mizan.medcard.beneficiary_added.v1": {
    of: "BeneficiaryAdded",
    meaning: "A card covers one more person.",
    data: z.strictObject({ ...card, beneficiaryId: person }),
  },
  "mizan.medcard.beneficiary_removed.v1": {
    of: "BeneficiaryRemoved",
    meaning: "A card does not cover a person any more.",
    data: z.strictObject({ ...card, beneficiaryId: person }),
  },
  "mizan.medcard.prescription_claimed.v1": {
    of: "PrescriptionClaimed",
    meaning: "What is covered counts in the month's limit; the money is under way.",
    data: z.strictObject({
      ...claim,
      pharmacyWalletId: uuid,
      beneficiaryId: person,
      category: careCategory,
      totalMinor: amountMinor,
      coveredMinor: anyAmountMinor.describe("What the funding wallet pays of it."),
      copaymentMinor: anyAmountMinor.describe("What the holder's wallet pays of it."),
      month: z.string().describe("In whose limit it counts: 2026-03."),
    }),
  },
  "mizan.medcard.prescription_paid.v1": {
    of: "PrescriptionPaid",
    meaning: "The pharmacy has the whole.",
    data: claimed,
  },
  "mizan.medcard.prescription_refused.v1": {
    of: "PrescriptionRefused",
    meaning: "A wallet refused. Nobody has paid, and the limit is given back.",
    data: z.strictObject({ ...claim, code: z.enum(Object.keys(CODES) as Refusal[]).describe("Why not.") }),
  },
  "mizan.medcard.prescription_reversed.v1": {
    of: "PrescriptionReversed",
    meaning: "The pharmacy has given the whole back, and so is the limit.",
    data: claimed,
  },
  "mizan.medcard.insurance_claim_filed.v1": {
    of: "InsuranceClaimFiled",
    meaning: "The issuer is asked for an amount.",
    data: z.strictObject({ ...claim, beneficiaryId: person, category: careCategory, amountMinor }),
  },
  "mizan.medcard.insurance_claim_approved.v1": {
    of: "InsuranceClaimApproved",
    meaning: "The issuer will pay so much.",
    data: z.strictObject({ ...claim, approvedMinor: amountMinor }),
  },
  "mizan.medcard.insurance_claim_rejected.v1": {
    of: "InsuranceClaimRejected",
    meaning: "The issuer will not pay.",
    data: claimed,
  },
  "mizan.medcard.insurance_claim_paid.v1": {
    of: "InsuranceClaimPaid",
    meaning: "The holder's wallet has what was approved.",
    data: claimed,
  },
} as const satisfies ActorEvents<MedCardEvent>;
