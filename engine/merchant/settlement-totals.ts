import type { Transaction } from "../history/transaction.ts";

/** What the lines of a batch come to, as its wallet's history has them. **Units**: minor. */
export interface SettlementTotals {
  readonly lines: number;
  /** By payers, before fees and the parts of others. */
  readonly capturedMinor: number;
  readonly feesMinor: number;
  readonly splitsMinor: number;
  /** To payers, by everybody together. */
  readonly refundedMinor: number;
  /** What of that others than the merchant gave back. */
  readonly splitsReturnedMinor: number;
  readonly payoutsMinor: number;
  /** What came and went otherwise. */
  readonly otherInMinor: number;
  readonly otherOutMinor: number;
}

export const NO_TOTALS: SettlementTotals = {
  lines: 0,
  capturedMinor: 0,
  feesMinor: 0,
  splitsMinor: 0,
  refundedMinor: 0,
  splitsReturnedMinor: 0,
  payoutsMinor: 0,
  otherInMinor: 0,
  otherOutMinor: 0,
};

/** What the lines change in the wallet's balance. */
export function netMinor(totals: SettlementTotals): number {
  const inMinor = totals.capturedMinor - totals.feesMinor - totals.splitsMinor + totals.otherInMinor;
  const refundedMinor = totals.refundedMinor - totals.splitsReturnedMinor;
  return inMinor - refundedMinor - totals.payoutsMinor - totals.otherOutMinor;
}

/** The sums of two parts of a batch. */
export function addTotals(a: SettlementTotals, b: SettlementTotals): SettlementTotals {
  const names = Object.keys(NO_TOTALS) as (keyof SettlementTotals)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as SettlementTotals;
}

/**
 * The totals with one more line of the wallet.
 *
 * A payment's capture or refund says what it is part of; what says something else than it moves counts as other. A movement that
 * another shard refused comes back as it went, and is taken out again.
 */
export function withLine(totals: SettlementTotals, line: Transaction, merchantId: string): SettlementTotals {
  const { direction, amountMinor = 0 } = line;
  const counted = { ...totals, lines: totals.lines + 1 };
  if (direction === undefined) return counted;
  const isRefused = line.type === "TransferRefund";
  // What was refused was to go out.
  const signedMinor = isRefused ? -amountMinor : amountMinor;
  if (direction === "debit" || isRefused) {
    if (line.reference === merchantId && line.type !== "CaptureHold") {
      return { ...counted, payoutsMinor: totals.payoutsMinor + signedMinor };
    }
    const told = toldBy(line, merchantId, "refundedMinor");
    if (told === undefined || told.wholeMinor - told.splitsMinor !== amountMinor) {
      return { ...counted, otherOutMinor: totals.otherOutMinor + signedMinor };
    }
    const sign = isRefused ? -1 : 1;
    return {
      ...counted,
      refundedMinor: totals.refundedMinor + sign * told.wholeMinor,
      splitsReturnedMinor: totals.splitsReturnedMinor + sign * told.splitsMinor,
    };
  }
  const told = line.actorId === undefined ? undefined : toldBy(line, merchantId, "capturedMinor");
  if (told === undefined || told.wholeMinor - told.feeMinor - told.splitsMinor !== amountMinor) {
    return { ...counted, otherInMinor: totals.otherInMinor + amountMinor };
  }
  return {
    ...counted,
    capturedMinor: totals.capturedMinor + told.wholeMinor,
    feesMinor: totals.feesMinor + told.feeMinor,
    splitsMinor: totals.splitsMinor + told.splitsMinor,
  };
}

interface Told {
  readonly wholeMinor: number;
  readonly feeMinor: number;
  readonly splitsMinor: number;
}

/** What a movement says of its payment: see `toldOf` in engine/payment/decide.ts. */
function toldBy(
  { metadata }: Transaction,
  merchantId: string,
  whole: "capturedMinor" | "refundedMinor",
): Told | undefined {
  const told = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  const [wholeMinor, feeMinor, splitsMinor] = [told[whole], told.feeMinor ?? 0, told.splitsMinor];
  if (told.merchantId !== merchantId) return undefined;
  if (!isWhole(wholeMinor) || !isWhole(feeMinor) || !isWhole(splitsMinor)) return undefined;
  return { wholeMinor, feeMinor, splitsMinor };
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
