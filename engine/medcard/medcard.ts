import type { MedCardEvent } from "../../protocol/medcard/events.ts";
import type { MonthSpend } from "./month-spend.ts";

/** ISSUED → ACTIVE ⇄ SUSPENDED; ACTIVE → EXPIRED → ACTIVE when it is renewed; CLOSED is the end. */
export type MedCardStatus = "ISSUED" | "ACTIVE" | "SUSPENDED" | "EXPIRED" | "CLOSED";

type Facts<Type extends MedCardEvent["type"]> = Omit<Extract<MedCardEvent, { type: Type }>, "type">;

/** CLAIMED: it counts in the month's limit, and its money is under way. One that is refused is forgotten. */
export interface Prescription extends Facts<"PrescriptionClaimed"> {
  readonly status: "CLAIMED" | "PAID" | "REVERSED";
}

export interface InsuranceClaim extends Facts<"InsuranceClaimFiled"> {
  readonly status: "SUBMITTED" | "APPROVED" | "REJECTED" | "PAID";
  readonly approvedMinor?: number;
}

/** Persons besides the holder. */
export const BENEFICIARIES_MAX = 20;
/** Prescriptions that a card remembers; older ones cannot be reversed. */
export const PRESCRIPTIONS_KEPT = 100;
/** Insurance claims that a card remembers; those that are open stay. */
export const INSURANCE_CLAIMS_KEPT = 50;

/** A medical card. usedMinor of each month is the sum of what its claims cover that stand. */
export interface MedCardState extends Facts<"CardIssued"> {
  readonly status: MedCardStatus;
  /** Why it is suspended or closed. */
  readonly reason?: string;
  readonly beneficiaries: readonly Facts<"BeneficiaryAdded">[];
  /** In the order of time. */
  readonly months: readonly { readonly month: string; readonly usedMinor: number }[];
  readonly prescriptions: readonly Prescription[];
  /** In the order of time; absent while nothing was claimed, and in older snapshots: `spendOf` reads it. */
  readonly spend?: readonly MonthSpend[];
  readonly insuranceClaims: readonly InsuranceClaim[];
}

export function usedMinor({ months }: MedCardState, month: string): number {
  return months.find((one) => one.month === month)?.usedMinor ?? 0;
}

/** Whether the issuer has still to do something about a claim. */
export function isOpen({ status }: InsuranceClaim): boolean {
  return status === "SUBMITTED" || status === "APPROVED";
}

/** Whether a card covers a person: its holder, or a beneficiary. */
export function covers({ holderId, beneficiaries }: MedCardState, personId: string): boolean {
  return personId === holderId || beneficiaries.some(({ beneficiaryId }) => beneficiaryId === personId);
}
