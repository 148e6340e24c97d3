import { currencyNumber } from "../../protocol/currencies.ts";
import type { MedCardCommand } from "../../protocol/medcard/commands.ts";
import type { MedCardEvent } from "../../protocol/medcard/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { shareMinor } from "../../protocol/values/percentage.ts";
import type { ActorContext, ActorDecision, Sender } from "../actor/actor.ts";
import type { SagaStep, WalletAsk } from "../saga/saga.ts";
import { covers, INSURANCE_CLAIMS_KEPT, isOpen, type MedCardState, usedMinor } from "./medcard.ts";
import { monthOf } from "./month.ts";

type Decision = ActorDecision<MedCardEvent>;
type Command<Type extends MedCardCommand["type"]> = Extract<MedCardCommand, { type: Type }>;

/**
 * What is covered counts in the month's limit at once, and is given back where the wallets refuse.
 *
 * Both parts go to the clearing wallet first, and from there to the pharmacy in one transfer. So a part can be taken back as long
 * as the pharmacy has not got the whole, and the pharmacy never gets less.
 */
export function claimPrescription(
  state: MedCardState,
  command: Command<"ClaimPrescription">,
  { sender, nowMs }: ActorContext,
): Decision {
  const { type: _, items, ...claim } = command;
  const { pharmacyWalletId, beneficiaryId, category, totalMinor } = claim;
  const { fundingWalletId, holderWalletId, clearingWalletId, pharmacyWalletIds } = state;
  if (!covers(state, beneficiaryId)) return { code: "beneficiary_not_found" };
  if (!state.categories.includes(category)) return { code: "category_not_covered" };
  if (pharmacyWalletIds?.includes(pharmacyWalletId) === false) return { code: "pharmacy_not_covered" };
  if ([fundingWalletId, holderWalletId, clearingWalletId].includes(pharmacyWalletId)) return { code: "same_wallet" };
  if (itemsMinor(items) !== BigInt(totalMinor)) return { code: "items_total_mismatch" };
  if (state.prescriptions.some(({ claimId }) => claimId === claim.claimId)) return { code: "claim_exists" };
  // The rounding may favour either side by half a minor unit; what is covered is the rest, so both add up.
  const copaymentMinor = shareMinor(totalMinor, state.copaymentBasisPoints);
  const coveredMinor = totalMinor - copaymentMinor;
  const month = monthOf(state.timeZone, nowMs);
  if (coveredMinor > state.monthlyLimitMinor - usedMinor(state, month)) return { code: "medcard_limit_exceeded" };
  const parts = [
    { walletId: fundingWalletId, amountMinor: coveredMinor, forOwnerId: issuerOf(state) },
    { walletId: holderWalletId, amountMinor: copaymentMinor, forOwnerId: rightOf(sender) },
  ].filter(({ amountMinor }) => amountMinor > 0);
  const transfer = transfersOf(state);
  return {
    code: "ok",
    events: [{ type: "PrescriptionClaimed", ...claim, coveredMinor, copaymentMinor, month, claimedAtMs: nowMs }],
    steps: [
      ...parts.map(
        ({ walletId, amountMinor, forOwnerId }): SagaStep => ({
          ask: transfer(walletId, clearingWalletId, amountMinor, forOwnerId),
          undo: transfer(clearingWalletId, walletId, amountMinor, null),
          refused: "undo",
        }),
      ),
      { ask: transfer(clearingWalletId, pharmacyWalletId, totalMinor, null), refused: "undo" },
    ],
  };
}

/** The pharmacy gives the whole back first, with its owner's right; what has come back then only has to arrive. */
export function reversePrescription(
  state: MedCardState,
  command: Command<"ReversePrescription">,
  { sender }: ActorContext,
): Decision {
  const claim = state.prescriptions.find(({ claimId }) => claimId === command.claimId);
  if (claim === undefined) return { code: "claim_not_found" };
  if (claim.status !== "PAID") return { code: "claim_status_conflict" };
  const { clearingWalletId } = state;
  const transfer = transfersOf(state);
  const parts = [
    { walletId: state.fundingWalletId, amountMinor: claim.coveredMinor },
    { walletId: state.holderWalletId, amountMinor: claim.copaymentMinor },
  ].filter(({ amountMinor }) => amountMinor > 0);
  return {
    code: "ok",
    steps: [
      {
        ask: transfer(claim.pharmacyWalletId, clearingWalletId, claim.totalMinor, rightOf(sender)),
        refused: "undo",
      },
      ...parts.map(
        ({ walletId, amountMinor }): SagaStep => ({
          ask: transfer(clearingWalletId, walletId, amountMinor, null),
          refused: "retry",
        }),
      ),
    ],
  };
}

/** The issuer decides on each of these, so they do not count in the month's limit. */
export function fileInsuranceClaim(
  state: MedCardState,
  command: Command<"FileInsuranceClaim">,
  { nowMs }: ActorContext,
): Decision {
  const { type: _, ...claim } = command;
  if (!covers(state, claim.beneficiaryId)) return { code: "beneficiary_not_found" };
  if (!state.categories.includes(claim.category)) return { code: "category_not_covered" };
  if (state.insuranceClaims.some(({ claimId }) => claimId === claim.claimId)) return { code: "claim_exists" };
  if (state.insuranceClaims.filter(isOpen).length >= INSURANCE_CLAIMS_KEPT) return { code: "claims_full" };
  return { code: "ok", events: [{ type: "InsuranceClaimFiled", ...claim, filedAtMs: nowMs }] };
}

/** What the issuer does about an insurance claim: SUBMITTED → APPROVED → PAID, or REJECTED. */
export function ofInsuranceClaim(
  state: MedCardState,
  command: Command<"ApproveInsuranceClaim" | "RejectInsuranceClaim" | "PayInsuranceClaim">,
): Decision {
  const { claimId } = command;
  const claim = state.insuranceClaims.find((one) => one.claimId === claimId);
  if (claim === undefined) return { code: "claim_not_found" };
  const isPaid = command.type === "PayInsuranceClaim";
  if (claim.status !== (isPaid ? "APPROVED" : "SUBMITTED")) return { code: "claim_status_conflict" };
  switch (command.type) {
    case "ApproveInsuranceClaim": {
      const approvedMinor = command.approvedMinor ?? claim.amountMinor;
      if (approvedMinor > claim.amountMinor) return { code: "claim_amount_exceeded" };
      return { code: "ok", events: [{ type: "InsuranceClaimApproved", claimId, approvedMinor }] };
    }
    case "RejectInsuranceClaim":
      return { code: "ok", events: [{ type: "InsuranceClaimRejected", claimId, reason: command.reason }] };
    case "PayInsuranceClaim": {
      const { fundingWalletId, holderWalletId } = state;
      const amountMinor = claim.approvedMinor ?? claim.amountMinor;
      const ask = transfersOf(state)(fundingWalletId, holderWalletId, amountMinor, issuerOf(state));
      return { code: "ok", steps: [{ ask, refused: "undo" }] };
    }
    default:
      return unreachable(command);
  }
}

/** A sum of products may be above 2^53. */
function itemsMinor(items: Command<"ClaimPrescription">["items"]): bigint {
  return items.reduce((sum, { quantity, unitPriceMinor }) => sum + BigInt(quantity) * BigInt(unitPriceMinor), 0n);
}

type Transfers = (from: string, to: string, amountMinor: number, forOwnerId: string | null) => WalletAsk;

function transfersOf({ currency }: MedCardState): Transfers {
  const number = currencyNumber(currency);
  return (walletId, toWalletId, amountMinor, forOwnerId) => ({
    operation: "Transfer",
    walletId,
    toWalletId,
    amountMinor,
    currency: number,
    forOwnerId,
  });
}

/** The issuer's right to the funding wallet; the ledger's own for an admin's card. */
function issuerOf({ ownerId }: MedCardState): string | null {
  return ownerId === "" ? null : ownerId;
}

function rightOf({ isAdmin, ownerId }: Sender): string | null {
  return isAdmin ? null : ownerId;
}
