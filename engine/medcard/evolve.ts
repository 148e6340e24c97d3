import type { MedCardEvent } from "../../protocol/medcard/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import {
  INSURANCE_CLAIMS_KEPT,
  type InsuranceClaim,
  isOpen,
  type MedCardState,
  type MedCardStatus,
  PRESCRIPTIONS_KEPT,
  type Prescription,
  usedMinor,
} from "./medcard.ts";
import { counted, MONTHS_KEPT, spendOf } from "./month-spend.ts";

type Change = Exclude<MedCardEvent["type"], "CardIssued">;

/** Event × status → status; null is an event that cannot happen then. The compiler asks for every pair. */
// biome-ignore format: a table reads best in rows
const TRANSITIONS: Readonly<Record<Change, Readonly<Record<MedCardStatus, MedCardStatus | null>>>> = {
  CardActivated:          { ISSUED: "ACTIVE", ACTIVE: null,        SUSPENDED: null,        EXPIRED: null,      CLOSED: null },
  CardSuspended:          { ISSUED: null,     ACTIVE: "SUSPENDED", SUSPENDED: null,        EXPIRED: null,      CLOSED: null },
  CardReactivated:        { ISSUED: null,     ACTIVE: null,        SUSPENDED: "ACTIVE",    EXPIRED: null,      CLOSED: null },
  CardClosed:             { ISSUED: "CLOSED", ACTIVE: "CLOSED",    SUSPENDED: "CLOSED",    EXPIRED: "CLOSED",  CLOSED: null },
  CardExpired:            { ISSUED: null,     ACTIVE: "EXPIRED",   SUSPENDED: null,        EXPIRED: null,      CLOSED: null },
  CardRenewed:            { ISSUED: "ISSUED", ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: "ACTIVE",  CLOSED: null },
  MonthlyLimitUpdated:    { ISSUED: "ISSUED", ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: null,      CLOSED: null },
  TierUpgraded:           { ISSUED: "ISSUED", ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: null,      CLOSED: null },
  TierDowngraded:         { ISSUED: "ISSUED", ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: null,      CLOSED: null },
  BeneficiaryAdded:       { ISSUED: "ISSUED", ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: null,      CLOSED: null },
  BeneficiaryRemoved:     { ISSUED: "ISSUED", ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: null,      CLOSED: null },
  PrescriptionClaimed:    { ISSUED: null,     ACTIVE: "ACTIVE",    SUSPENDED: null,        EXPIRED: null,      CLOSED: null },
  PrescriptionPaid:       { ISSUED: null,     ACTIVE: "ACTIVE",    SUSPENDED: null,        EXPIRED: null,      CLOSED: null },
  PrescriptionRefused:    { ISSUED: null,     ACTIVE: "ACTIVE",    SUSPENDED: null,        EXPIRED: null,      CLOSED: null },
  PrescriptionReversed:   { ISSUED: null,     ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: "EXPIRED", CLOSED: "CLOSED" },
  InsuranceClaimFiled:    { ISSUED: null,     ACTIVE: "ACTIVE",    SUSPENDED: null,        EXPIRED: null,      CLOSED: null },
  InsuranceClaimApproved: { ISSUED: null,     ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: "EXPIRED", CLOSED: null },
  InsuranceClaimRejected: { ISSUED: null,     ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: "EXPIRED", CLOSED: null },
  InsuranceClaimPaid:     { ISSUED: null,     ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", EXPIRED: "EXPIRED", CLOSED: null },
};

/** **Errors**: throws on an event that cannot happen in the card's status: the journal is broken. */
export function evolveMedCard(before: MedCardState | undefined, event: MedCardEvent): MedCardState {
  if (event.type === "CardIssued") {
    if (before !== undefined) throw new Error("a medical card was issued twice");
    const { type: _, ...facts } = event;
    return { ...facts, status: "ISSUED", beneficiaries: [], months: [], prescriptions: [], insuranceClaims: [] };
  }
  const status = before === undefined ? null : TRANSITIONS[event.type][before.status];
  if (before === undefined || status === null) {
    throw new Error(`${event.type} cannot happen to a medical card that is ${before?.status ?? "not issued"}`);
  }
  const state = { ...before, status };
  switch (event.type) {
    case "CardSuspended":
    case "CardClosed":
      return { ...state, reason: event.reason };
    case "CardReactivated": {
      const { reason: _, ...rest } = state;
      return rest;
    }
    case "CardActivated":
    case "CardExpired":
      return state;
    case "CardRenewed":
    case "MonthlyLimitUpdated":
    case "TierUpgraded":
    case "TierDowngraded": {
      const { type: _, ...terms } = event;
      return { ...state, ...terms };
    }
    case "BeneficiaryAdded": {
      const { type: _, ...beneficiary } = event;
      return { ...state, beneficiaries: [...state.beneficiaries, beneficiary] };
    }
    case "BeneficiaryRemoved": {
      const isOther = ({ beneficiaryId }: { readonly beneficiaryId: string }) => beneficiaryId !== event.beneficiaryId;
      return { ...state, beneficiaries: state.beneficiaries.filter(isOther) };
    }
    case "PrescriptionClaimed": {
      const { type: _, ...facts } = event;
      const prescriptions = [...state.prescriptions, { ...facts, status: "CLAIMED" } as const];
      const remembered = { ...state, prescriptions: prescriptions.slice(-PRESCRIPTIONS_KEPT), spend: spendOf(before) };
      return used(remembered, facts.month, facts.coveredMinor);
    }
    case "PrescriptionPaid": {
      const spend = counted(spendOf(before), claimOf(before, event.claimId), 1);
      return { ...state, prescriptions: changed(state.prescriptions, event.claimId, { status: "PAID" }), spend };
    }
    case "PrescriptionRefused":
      return givenBack({ ...state, prescriptions: without(state.prescriptions, event.claimId) }, before, event.claimId);
    case "PrescriptionReversed": {
      const prescriptions = changed(state.prescriptions, event.claimId, { status: "REVERSED" });
      const spend = counted(spendOf(before), claimOf(before, event.claimId), -1);
      return givenBack({ ...state, prescriptions, spend }, before, event.claimId);
    }
    case "InsuranceClaimFiled": {
      const { type: _, ...facts } = event;
      const filed = { ...facts, status: "SUBMITTED" } as const;
      return { ...state, insuranceClaims: [...withRoom(state.insuranceClaims), filed] };
    }
    case "InsuranceClaimApproved": {
      const { approvedMinor } = event;
      return withInsurance(state, event.claimId, { status: "APPROVED", approvedMinor });
    }
    case "InsuranceClaimRejected":
      return withInsurance(state, event.claimId, { status: "REJECTED" });
    case "InsuranceClaimPaid":
      return withInsurance(state, event.claimId, { status: "PAID" });
    default:
      return unreachable(event);
  }
}

/** A claim that stands. */
function claimOf({ prescriptions }: MedCardState, claimId: string): Prescription {
  const claim = prescriptions.find((one) => one.claimId === claimId);
  if (claim === undefined || claim.status === "REVERSED") throw new Error(`prescription ${claimId} does not stand`);
  return claim;
}

function givenBack(state: MedCardState, before: MedCardState, claimId: string): MedCardState {
  const claim = claimOf(before, claimId);
  // What lies farther back than months are remembered for has no limit to give back.
  const isKept = state.months.some(({ month }) => month === claim.month);
  return isKept ? used(state, claim.month, -claim.coveredMinor) : state;
}

function used(state: MedCardState, month: string, moreMinor: number): MedCardState {
  const others = state.months.filter((one) => one.month !== month);
  const months = [...others, { month, usedMinor: usedMinor(state, month) + moreMinor }];
  months.sort((a, b) => (a.month < b.month ? -1 : 1));
  return { ...state, months: months.slice(-MONTHS_KEPT) };
}

function withInsurance(state: MedCardState, claimId: string, change: Partial<InsuranceClaim>): MedCardState {
  return { ...state, insuranceClaims: changed(state.insuranceClaims, claimId, change) };
}

/** Without the oldest claim that has ended, where there are as many as a card remembers. */
function withRoom(claims: readonly InsuranceClaim[]): readonly InsuranceClaim[] {
  const ended = claims.find((claim) => !isOpen(claim));
  if (claims.length < INSURANCE_CLAIMS_KEPT || ended === undefined) return claims;
  return claims.filter((claim) => claim !== ended);
}

function changed<Claim extends Prescription | InsuranceClaim>(
  claims: readonly Claim[],
  claimId: string,
  change: Partial<Claim>,
): readonly Claim[] {
  return claims.map((claim) => (claim.claimId === claimId ? { ...claim, ...change } : claim));
}

function without(claims: readonly Prescription[], claimId: string): readonly Prescription[] {
  return claims.filter((claim) => claim.claimId !== claimId);
}
