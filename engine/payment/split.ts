import { currencyNumber } from "../../protocol/currencies.ts";
import type { InitiatePayment } from "../../protocol/payment/commands.ts";
import { shareMinor } from "../../protocol/values/percentage.ts";
import type { SagaStep } from "../saga/saga.ts";
import { captureFeeMinor } from "./fee.ts";
import type { PaymentState, Split } from "./payment.ts";

/** A hold that is gone needs no release. */
export const GONE = ["hold_closed", "hold_expired", "hold_not_found"] as const;

/** How a capture is divided. All of it together is the amount. */
interface CaptureParts {
  readonly feeMinor: number;
  readonly merchantMinor: number;
  readonly splitsMinor: readonly number[];
}

/** The parts of a payment that is captured in full, in amounts; undefined where there is nothing left for them. */
export function splitsOf({
  amountMinor,
  fee,
  splits = [],
}: Pick<InitiatePayment, "amountMinor" | "fee" | "splits">): { walletId: string; amountMinor: number }[] | undefined {
  const parts = splits.map(({ walletId, basisPoints, amountMinor: partMinor = 0 }) => ({
    walletId,
    amountMinor: basisPoints === undefined ? partMinor : shareMinor(amountMinor, basisPoints),
  }));
  const feeMinor = captureFeeMinor({ fee, capturedMinor: 0, feesMinor: 0 }, amountMinor);
  // Each is within the range of exact integers, and ten of them need not be.
  const sumMinor = parts.reduce((sum, part) => sum + BigInt(part.amountMinor), BigInt(feeMinor));
  if (sumMinor > BigInt(amountMinor)) return undefined;
  return parts.filter((part) => part.amountMinor > 0);
}

/**
 * Divides a capture: the fee first, then what is left in proportion to what everybody still has to get of the whole payment. So
 * nobody ever gets more than his part of the whole, and exactly that when all is captured, however it was captured.
 */
export function captureParts(state: PaymentState, amountMinor: number): CaptureParts {
  const feeMinor = captureFeeMinor(state, amountMinor);
  const leftMinor = state.amountMinor - state.capturedMinor;
  const claims = (state.splits ?? []).map((split) => split.amountMinor - split.capturedMinor);
  const netMinor = leftMinor - captureFeeMinor(state, leftMinor);
  const [merchantMinor, ...splitsMinor] = apportion(amountMinor - feeMinor, [netMinor - sumOf(claims), ...claims]);
  return { feeMinor, merchantMinor, splitsMinor };
}

/** Divides a refund: everybody gives back in proportion to what he still has; the merchant also bears the fee, which stays. */
export function refundParts(state: PaymentState, amountMinor: number): Omit<CaptureParts, "feeMinor"> {
  const claims = (state.splits ?? []).map((split) => split.capturedMinor - split.refundedMinor);
  const ownMinor = state.capturedMinor - state.refundedMinor - sumOf(claims);
  const [merchantMinor, ...splitsMinor] = apportion(amountMinor, [ownMinor, ...claims]);
  return { merchantMinor, splitsMinor };
}

/**
 * Divides an amount in proportion to claims, which together are no less: whole units rounded down, and what is left over goes to
 * the largest remainders, the first of equal ones. No part exceeds its claim, and together they are the amount.
 */
export function apportion(amountMinor: number, claimsMinor: readonly number[]): number[] {
  const totalMinor = BigInt(sumOf(claimsMinor));
  if (totalMinor === 0n) return claimsMinor.map(() => 0);
  const products = claimsMinor.map((claimMinor) => BigInt(claimMinor) * BigInt(amountMinor));
  const parts = products.map((product) => Number(product / totalMinor));
  const overMinor = amountMinor - sumOf(parts);
  const byRemainder = products
    .map((product, index) => ({ index, remainder: product % totalMinor }))
    .sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1));
  for (const { index } of byRemainder.slice(0, overMinor)) parts[index] += 1;
  return parts;
}

/** Asks everybody's wallet first whether it would take his part: once the merchant has its own, the others must arrive. */
export function splitChecks(state: PaymentState, splitsMinor: readonly number[]): readonly SagaStep[] {
  const currency = currencyNumber(state.currency);
  return (state.splits ?? [])
    .map(({ walletId }, index) => ({ walletId, amountMinor: splitsMinor[index] }))
    .filter(({ amountMinor }) => amountMinor > 0)
    .map((part) => ({ ask: { ...part, operation: "CheckCredit", currency, forOwnerId: null }, refused: "undo" }));
}

/**
 * Takes a refund back from several wallets, all of it or nothing: each holds its part for the payer first, which it may refuse, and
 * his wallet may refuse the first of them; the others then only have to arrive.
 */
export function splitRefundSteps(
  state: PaymentState,
  parts: readonly { readonly walletId: string; readonly amountMinor: number; readonly forOwnerId: string | null }[],
  metadata: { readonly metadata?: Readonly<Record<string, string | number>> },
): readonly SagaStep[] {
  const common = { toWalletId: state.payerWalletId, currency: currencyNumber(state.currency) };
  const holds = parts.map((part, holdOf): SagaStep => {
    const { walletId } = part;
    const release = { operation: "VoidHold", walletId, amountMinor: 0, currency: common.currency, holdOf } as const;
    return {
      ask: { ...common, ...part, operation: "PlaceHold" },
      undo: { ...release, forOwnerId: null },
      refused: "undo",
      doneBy: GONE,
    };
  });
  const captures = parts.map(({ walletId, amountMinor }, holdOf): SagaStep => {
    const direct = { ...common, walletId, amountMinor, forOwnerId: null, ...metadata } as const;
    const ask = { ...direct, operation: "CaptureHold", holdOf } as const;
    if (holdOf === 0) return { ask, refused: "undo" };
    return { ask, refused: "retry", instead: { of: GONE, ask: { ...direct, operation: "Transfer" } } };
  });
  return [...holds, ...captures];
}

/** The parts after a capture or a refund, which divided it so. */
export function splitsAfter(
  splits: readonly Split[] | undefined,
  field: "capturedMinor" | "refundedMinor",
  splitsMinor: readonly number[] | undefined,
): { readonly splits?: readonly Split[] } {
  if (splits === undefined) return {};
  return { splits: splits.map((split, index) => ({ ...split, [field]: split[field] + (splitsMinor?.[index] ?? 0) })) };
}

export function sumOf(amountsMinor: readonly number[]): number {
  return amountsMinor.reduce((sum, amountMinor) => sum + amountMinor, 0);
}
