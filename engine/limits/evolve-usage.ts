/**
 * How records change what is used of limits: called by live commands and by recovery alike.
 *
 * A record calls for the frame's clock through the table's calendar, which is moved to it when a frame begins.
 */

import type { HoldTable } from "../holds/hold-table.ts";
import { RECORD_KIND, type RecordKind } from "../journal/record.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";
import { SIDE } from "./limit-values.ts";

const COUNTS = { debit: 1, credit: 2 } as const;

/** Which sides of a posting count. What was held counted when it was placed; what is given back or reversed never does. */
const COUNTED_SIDES = new Uint8Array(32);
COUNTED_SIDES[RECORD_KIND.Transferred] = COUNTS.debit | COUNTS.credit;
COUNTED_SIDES[RECORD_KIND.Credited] = COUNTS.credit;
COUNTED_SIDES[RECORD_KIND.Debited] = COUNTS.debit;
COUNTED_SIDES[RECORD_KIND.TransferSent] = COUNTS.debit;
COUNTED_SIDES[RECORD_KIND.TransferReceived] = COUNTS.credit;
COUNTED_SIDES[RECORD_KIND.HoldCaptured] = COUNTS.credit;
COUNTED_SIDES[RECORD_KIND.Sold] = COUNTS.debit;
COUNTED_SIDES[RECORD_KIND.Bought] = COUNTS.credit;

/** Counts a posting for the wallets at its ends; a transfer between shards with a target takes another movement back. */
export function evolvePostingUsage(
  wallets: WalletColumns,
  kind: RecordKind,
  debit: number,
  credit: number,
  amountMinor: number,
  sequence: number,
  hasTarget: boolean,
): void {
  if (!wallets.mayHaveLimits(debit, credit)) return;
  if (hasTarget && (kind === RECORD_KIND.TransferSent || kind === RECORD_KIND.TransferReceived)) return;
  const sides = COUNTED_SIDES[kind];
  if ((sides & COUNTS.debit) !== 0) wallets.limits.add(debit, SIDE.debit, amountMinor, sequence);
  if ((sides & COUNTS.credit) !== 0) wallets.limits.add(credit, SIDE.credit, amountMinor, sequence);
}

/** Counts a hold that is placed. */
export function evolveHeldUsage(wallets: WalletColumns, slot: number, amountMinor: number, sequence: number): void {
  if (wallets.mayHaveLimits(slot, slot)) wallets.limits.add(slot, SIDE.debit, amountMinor, sequence);
}

/** Gives back what is left of a hold that ends; a hold of which nothing was captured has not been a movement either. */
export function evolveReleasedUsage(wallets: WalletColumns, holds: HoldTable, row: number): void {
  const slot = holds.slot[row];
  if (!wallets.limits.hasCounted(slot, holds.sequence[row])) return;
  const leftMinor = holds.remainingMinor[row];
  const isUntouched = leftMinor === holds.amountMinor[row];
  wallets.limits.takeBack(slot, SIDE.debit, leftMinor, holds.placedAtMs[row], isUntouched);
}

/** Gives back what a movement to another shard counted before that refused it. */
export function evolveRefundedUsage(
  wallets: WalletColumns,
  slot: number,
  amountMinor: number,
  countedAtMs: number | undefined,
  isMovement: boolean,
): void {
  if (countedAtMs !== undefined) wallets.limits.takeBack(slot, SIDE.debit, amountMinor, countedAtMs, isMovement);
}
