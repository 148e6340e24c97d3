import type { MedCardCommand } from "../../protocol/medcard/commands.ts";
import type { MedCardEvent } from "../../protocol/medcard/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { ActorContext, ActorDecision, SagaEnd, Sender } from "../actor/actor.ts";
import { claimPrescription, fileInsuranceClaim, ofInsuranceClaim, reversePrescription } from "./claims.ts";
import { BENEFICIARIES_MAX, covers, isOpen, type MedCardState, type MedCardStatus } from "./medcard.ts";
import { isHigher, TIME_ZONE_DEFAULT, termsOf } from "./tiers.ts";

/** What may be asked of a card, and what the ledger asks by itself when its time is over. */
export type AnyMedCardCommand = MedCardCommand | { readonly type: "ExpireCard" };

type Decision = ActorDecision<MedCardEvent>;
type Other = Exclude<AnyMedCardCommand["type"], "IssueCard">;

interface Rule {
  /** Who may send it besides admins; for `wallet` the shard of a wallet says who may. */
  readonly by: "issuer" | "holder" | "wallet";
  readonly taken: ReadonlySet<MedCardStatus>;
}

const CURRENT: ReadonlySet<MedCardStatus> = new Set(["ISSUED", "ACTIVE", "SUSPENDED"]);
const OPEN: ReadonlySet<MedCardStatus> = new Set(["ISSUED", "ACTIVE", "SUSPENDED", "EXPIRED"]);
const USED: ReadonlySet<MedCardStatus> = new Set(["ACTIVE", "SUSPENDED", "EXPIRED"]);
const ACTIVE: ReadonlySet<MedCardStatus> = new Set(["ACTIVE"]);

/** Command → who may send it, and the statuses in which it is taken. */
const RULES: Readonly<Record<Other, Rule>> = {
  ActivateCard: { by: "holder", taken: new Set(["ISSUED"]) },
  SuspendCard: { by: "issuer", taken: ACTIVE },
  ReactivateCard: { by: "issuer", taken: new Set(["SUSPENDED"]) },
  CloseCard: { by: "issuer", taken: OPEN },
  RenewCard: { by: "issuer", taken: OPEN },
  ExpireCard: { by: "issuer", taken: ACTIVE },
  UpdateMonthlyLimit: { by: "issuer", taken: CURRENT },
  UpgradeTier: { by: "issuer", taken: CURRENT },
  DowngradeTier: { by: "issuer", taken: CURRENT },
  AddBeneficiary: { by: "issuer", taken: CURRENT },
  RemoveBeneficiary: { by: "issuer", taken: CURRENT },
  ClaimPrescription: { by: "holder", taken: ACTIVE },
  ReversePrescription: { by: "wallet", taken: new Set(["ACTIVE", "SUSPENDED", "EXPIRED", "CLOSED"]) },
  FileInsuranceClaim: { by: "holder", taken: ACTIVE },
  ApproveInsuranceClaim: { by: "issuer", taken: USED },
  RejectInsuranceClaim: { by: "issuer", taken: USED },
  PayInsuranceClaim: { by: "issuer", taken: USED },
};

/** Commands that a card takes only while its time lasts. */
const IN_TIME: ReadonlySet<Other> = new Set([
  "ActivateCard",
  "ReactivateCard",
  "ClaimPrescription",
  "FileInsuranceClaim",
]);

/** Decides a command. The checks run in this order: the card exists, the sender may, its status, its time, the rest. */
export function decideMedCard(
  state: MedCardState | undefined,
  command: AnyMedCardCommand,
  context: ActorContext,
): Decision {
  if (command.type === "IssueCard") return issue(state, command, context);
  if (state === undefined) return { code: "medcard_not_found" };
  const { sender, nowMs, settings } = context;
  const { by, taken } = RULES[command.type];
  if (!may(state, sender, by)) return { code: "forbidden" };
  if (!taken.has(state.status)) return { code: "medcard_status_conflict" };
  if (IN_TIME.has(command.type) && state.expiresAtMs <= nowMs) return { code: "medcard_expired" };
  switch (command.type) {
    case "ActivateCard":
      return happened({ type: "CardActivated" });
    case "SuspendCard":
      return happened({ type: "CardSuspended", reason: command.reason });
    case "ReactivateCard":
      return happened({ type: "CardReactivated" });
    case "CloseCard":
      if (state.insuranceClaims.some(isOpen)) return { code: "claims_open" };
      return happened({ type: "CardClosed", reason: command.reason });
    case "ExpireCard":
      return happened({ type: "CardExpired" });
    case "RenewCard": {
      const expiresAtMs = Date.parse(command.expiresAt);
      if (expiresAtMs <= Math.max(nowMs, state.expiresAtMs)) return { code: "expiry_invalid" };
      return happened({ type: "CardRenewed", expiresAtMs });
    }
    case "UpdateMonthlyLimit":
      return happened({ type: "MonthlyLimitUpdated", monthlyLimitMinor: command.monthlyLimitMinor });
    case "UpgradeTier":
      if (!isHigher(command.tier, state.tier)) return { code: "tier_order_invalid" };
      return happened({ type: "TierUpgraded", ...termsOf(command.tier, settings?.medCardTiers) });
    case "DowngradeTier":
      if (!isHigher(state.tier, command.tier)) return { code: "tier_order_invalid" };
      return happened({ type: "TierDowngraded", ...termsOf(command.tier, settings?.medCardTiers) });
    case "AddBeneficiary": {
      const { beneficiaryId, relation } = command;
      if (covers(state, beneficiaryId)) return { code: "beneficiary_exists" };
      if (state.beneficiaries.length >= BENEFICIARIES_MAX) return { code: "beneficiaries_full" };
      return happened({ type: "BeneficiaryAdded", beneficiaryId, relation });
    }
    case "RemoveBeneficiary": {
      const { beneficiaryId } = command;
      const isOne = state.beneficiaries.some((one) => one.beneficiaryId === beneficiaryId);
      return isOne ? happened({ type: "BeneficiaryRemoved", beneficiaryId }) : { code: "beneficiary_not_found" };
    }
    case "ClaimPrescription":
      return claimPrescription(state, command, context);
    case "ReversePrescription":
      return reversePrescription(state, command, context);
    case "FileInsuranceClaim":
      return fileInsuranceClaim(state, command, context);
    case "ApproveInsuranceClaim":
    case "RejectInsuranceClaim":
    case "PayInsuranceClaim":
      return ofInsuranceClaim(state, command);
    default:
      return unreachable(command);
  }
}

/** What has happened to a card when the wallets have done their part. */
export function concludeMedCard(_: MedCardState, end: SagaEnd<AnyMedCardCommand>): readonly MedCardEvent[] {
  const { command, code } = end;
  switch (command.type) {
    case "ClaimPrescription": {
      const { claimId } = command;
      return [code === "ok" ? { type: "PrescriptionPaid", claimId } : { type: "PrescriptionRefused", claimId, code }];
    }
    case "ReversePrescription":
      if (code !== "ok") return [];
      return [{ type: "PrescriptionReversed", claimId: command.claimId, reason: command.reason }];
    case "PayInsuranceClaim":
      return code === "ok" ? [{ type: "InsuranceClaimPaid", claimId: command.claimId }] : [];
    default:
      throw new Error(`${command.type} has no steps`);
  }
}

/** Whether somebody may do what is up to the holder, or to the issuer. */
export function may({ ownerId, holderId }: MedCardState, sender: Sender, by: Rule["by"]): boolean {
  return sender.isAdmin || by === "wallet" || sender.ownerId === (by === "issuer" ? ownerId : holderId);
}

/** A card names wallets of several owners, so admins issue it. */
function issue(
  state: MedCardState | undefined,
  command: Extract<MedCardCommand, { type: "IssueCard" }>,
  { sender, nowMs, settings }: ActorContext,
): Decision {
  if (!sender.isAdmin) return { code: "forbidden" };
  if (state !== undefined) return { code: "medcard_exists" };
  const { type: _, ownerId, holderId, tier, monthlyLimitMinor, timeZone, expiresAt, ...facts } = command;
  const expiresAtMs = Date.parse(expiresAt);
  if (expiresAtMs <= nowMs) return { code: "expiry_invalid" };
  const wallets = [
    facts.fundingWalletId,
    facts.holderWalletId,
    facts.clearingWalletId,
    ...(facts.pharmacyWalletIds ?? []),
  ];
  if (new Set(wallets).size < wallets.length) return { code: "same_wallet" };
  const terms = termsOf(tier, settings?.medCardTiers);
  return happened({
    type: "CardIssued",
    ...facts,
    ...terms,
    monthlyLimitMinor: monthlyLimitMinor ?? terms.monthlyLimitMinor,
    ownerId: ownerId ?? "",
    holderId,
    timeZone: timeZone ?? TIME_ZONE_DEFAULT,
    issuedAtMs: nowMs,
    expiresAtMs,
  });
}

function happened(event: MedCardEvent): Decision {
  return { code: "ok", events: [event] };
}
