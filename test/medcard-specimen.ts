/** A medical card for tests: what it was issued with, and what may happen to it. */

import type { Sender } from "../engine/actor/actor.ts";
import { medCardActor } from "../engine/medcard/actor.ts";
import type { MedCardState } from "../engine/medcard/medcard.ts";
import type { MedCardCommand } from "../protocol/medcard/commands.ts";
import { type MedCardEvent, medCardEvent } from "../protocol/medcard/events.ts";

export const CARD_NOW_MS = Date.parse("2026-03-10T10:00:00Z");
export const CARD_EXPIRES_MS = Date.parse("2027-01-01T00:00:00Z");

function idOf(number: number): string {
  return `018f3c6e-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

export const CARD = idOf(0xff);
export const FUNDING = idOf(1);
export const HOLDER_WALLET = idOf(2);
export const CLEARING = idOf(3);
export const PHARMACY = idOf(4);
export const CHILD = idOf(0xc1);
export const CLAIM = idOf(0xd1);
export const INSURANCE_CLAIM = idOf(0xe1);
export const ADMIN: Sender = { isAdmin: true, ownerId: "" };
export const ISSUER: Sender = { isAdmin: false, ownerId: idOf(0xa1) };
export const HOLDER: Sender = { isAdmin: false, ownerId: idOf(0xa2) };
export const STRANGER: Sender = { isAdmin: false, ownerId: idOf(0xa3) };

type Issue = Extract<MedCardCommand, { type: "IssueCard" }>;
export type Claim = Extract<MedCardCommand, { type: "ClaimPrescription" }>;

const WALLETS = { fundingWalletId: FUNDING, holderWalletId: HOLDER_WALLET, clearingWalletId: CLEARING };
export const issue = {
  type: "IssueCard",
  ownerId: ISSUER.ownerId,
  holderId: HOLDER.ownerId,
  tier: "SILVER",
  currency: "EGP",
  ...WALLETS,
  expiresAt: new Date(CARD_EXPIRES_MS).toISOString(),
} as Issue;
export const claim = {
  type: "ClaimPrescription",
  claimId: CLAIM,
  pharmacyWalletId: PHARMACY,
  beneficiaryId: HOLDER.ownerId,
  category: "MEDICATION",
  totalMinor: 1_000,
  items: [
    { code: "a", quantity: 3, unitPriceMinor: 200 },
    { code: "b", quantity: 1, unitPriceMinor: 400 },
  ],
} as Claim;
export const fileClaim: Extract<MedCardCommand, { type: "FileInsuranceClaim" }> = {
  type: "FileInsuranceClaim",
  claimId: INSURANCE_CLAIM,
  beneficiaryId: HOLDER.ownerId,
  category: "CONSULTATION",
  amountMinor: 700,
};

/** Events as they are journaled. */
export function event<Type extends MedCardEvent["type"]>(
  type: Type,
  facts: object = {},
): Extract<MedCardEvent, { type: Type }> {
  return medCardEvent.parse({ type, ...facts }) as Extract<MedCardEvent, { type: Type }>;
}

const SILVER = {
  tier: "SILVER",
  monthlyLimitMinor: 500_000,
  copaymentBasisPoints: 2_000,
  categories: ["MEDICATION", "CONSULTATION", "LABORATORY"],
};
export const issued = event("CardIssued", {
  ownerId: ISSUER.ownerId,
  holderId: HOLDER.ownerId,
  ...SILVER,
  currency: "EGP",
  ...WALLETS,
  timeZone: "Africa/Cairo",
  issuedAtMs: CARD_NOW_MS,
  expiresAtMs: CARD_EXPIRES_MS,
});
export const activated = event("CardActivated");
export const suspended = event("CardSuspended", { reason: "lost" });
export const closed = event("CardClosed", { reason: "left" });
export const expired = event("CardExpired");
export const added = event("BeneficiaryAdded", { beneficiaryId: CHILD, relation: "CHILD" });
export const claimed = event("PrescriptionClaimed", {
  claimId: CLAIM,
  pharmacyWalletId: PHARMACY,
  beneficiaryId: HOLDER.ownerId,
  category: "MEDICATION",
  totalMinor: 1_000,
  coveredMinor: 800,
  copaymentMinor: 200,
  month: "2026-03",
  claimedAtMs: CARD_NOW_MS,
});
export const paid = event("PrescriptionPaid", { claimId: CLAIM });
export const refused = event("PrescriptionRefused", { claimId: CLAIM, code: "insufficient_funds" });
export const reversed = event("PrescriptionReversed", { claimId: CLAIM, reason: "returned" });
export const filed = event("InsuranceClaimFiled", {
  claimId: INSURANCE_CLAIM,
  beneficiaryId: HOLDER.ownerId,
  category: "CONSULTATION",
  amountMinor: 700,
  filedAtMs: CARD_NOW_MS,
});
export const approved = event("InsuranceClaimApproved", { claimId: INSURANCE_CLAIM, approvedMinor: 600 });
export const rejected = event("InsuranceClaimRejected", { claimId: INSURANCE_CLAIM, reason: "twice" });
export const claimPaid = event("InsuranceClaimPaid", { claimId: INSURANCE_CLAIM });

/** The card after what happened to it. */
export function given(events: readonly MedCardEvent[]): MedCardState | undefined {
  return events.reduce<MedCardState | undefined>(medCardActor.evolve, undefined);
}
