/**
 * What a wallet allows: pure decisions over the columns, answered as a code number and free of effects.
 */

import { CODE } from "../../protocol/codes.ts";
import { OPERATION, WALLET_STATUS } from "../../protocol/command-record.ts";
import { AMOUNT_MINOR_MAX } from "../../protocol/limits.ts";
import { WALLET_FLAG, type WalletColumns } from "./wallet-columns.ts";

const NOT_ACTIVE_CODE: readonly number[] = [
  CODE.internal_error,
  CODE.wallet_not_active,
  CODE.ok,
  CODE.wallet_frozen,
  CODE.wallet_closed,
];
const DESTINATION_NOT_ACTIVE_CODE: readonly number[] = [
  CODE.internal_error,
  CODE.destination_not_active,
  CODE.ok,
  CODE.destination_frozen,
  CODE.destination_closed,
];

/** What a wallet can still pay out. **Units**: minor; an account of the ledger shows its balance. */
export function availableMinor(wallets: WalletColumns, slot: number): number {
  const posted = wallets.postedMinor[slot];
  return (wallets.flags[slot] & WALLET_FLAG.account) !== 0
    ? posted
    : availableWithin(posted, wallets.overdraftLimitMinor[slot]);
}

/** What a balance and an overdraft limit let a wallet pay out: no more than the largest amount there is. */
export function availableWithin(postedMinor: number, overdraftLimitMinor: number): number {
  return Math.min(postedMinor + overdraftLimitMinor, AMOUNT_MINOR_MAX);
}

/** Whether an amount may leave a wallet, its overdraft included. */
export function decideDebit(wallets: WalletColumns, slot: number, amountMinor: number): number {
  if (wallets.status[slot] !== WALLET_STATUS.active) return NOT_ACTIVE_CODE[wallets.status[slot]];
  if (wallets.postedMinor[slot] - amountMinor < -wallets.overdraftLimitMinor[slot]) {
    return (wallets.flags[slot] & WALLET_FLAG.account) !== 0 ? CODE.balance_overflow : CODE.insufficient_funds;
  }
  return CODE.ok;
}

/** Whether an amount may enter the wallet that a command names. */
export function decideCredit(wallets: WalletColumns, slot: number, amountMinor: number): number {
  if (wallets.status[slot] !== WALLET_STATUS.active) return NOT_ACTIVE_CODE[wallets.status[slot]];
  return wallets.postedMinor[slot] + amountMinor > AMOUNT_MINOR_MAX ? CODE.balance_overflow : CODE.ok;
}

/** Whether an amount may enter the wallet at the far end of a transfer. */
export function decideDestination(wallets: WalletColumns, slot: number, amountMinor: number): number {
  if (wallets.status[slot] !== WALLET_STATUS.active) return DESTINATION_NOT_ACTIVE_CODE[wallets.status[slot]];
  return wallets.postedMinor[slot] + amountMinor > AMOUNT_MINOR_MAX ? CODE.balance_overflow : CODE.ok;
}

/** Whether a wallet may change its status or its overdraft limit. */
export function decideChange(
  wallets: WalletColumns,
  slot: number,
  operation: number,
  limitMinor: number,
  hasOpenTransfer: boolean,
): number {
  const status = wallets.status[slot];
  switch (operation) {
    case OPERATION.ActivateWallet:
      return status === WALLET_STATUS.pending ? CODE.ok : CODE.status_conflict;
    case OPERATION.FreezeWallet:
      return status === WALLET_STATUS.active ? CODE.ok : CODE.status_conflict;
    case OPERATION.UnfreezeWallet:
      return status === WALLET_STATUS.frozen ? CODE.ok : CODE.status_conflict;
    case OPERATION.CloseWallet:
      if (status === WALLET_STATUS.closed) return CODE.status_conflict;
      if (wallets.postedMinor[slot] !== 0) return CODE.balance_not_zero;
      return hasOpenTransfer ? CODE.transfer_open : CODE.ok;
    case OPERATION.SetOverdraftLimit:
      if (status === WALLET_STATUS.closed) return CODE.wallet_closed;
      return wallets.postedMinor[slot] < -limitMinor ? CODE.overdraft_in_use : CODE.ok;
    default:
      return CODE.unknown_operation;
  }
}
