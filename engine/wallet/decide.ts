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
  if ((wallets.flags[slot] & WALLET_FLAG.account) !== 0) return wallets.postedMinor[slot];
  return Math.min(freeMinor(wallets, slot) + wallets.overdraftLimitMinor[slot], AMOUNT_MINOR_MAX);
}

/** The balance without what is held. A balance covers its holds together with the overdraft, so this stays exact. */
function freeMinor(wallets: WalletColumns, slot: number): number {
  const posted = wallets.postedMinor[slot];
  return (wallets.flags[slot] & WALLET_FLAG.held) === 0 ? posted : posted - wallets.heldMinor[slot];
}

/** Whether an amount may leave a wallet, its overdraft included. */
export function decideDebit(wallets: WalletColumns, slot: number, amountMinor: number): number {
  if (wallets.status[slot] !== WALLET_STATUS.active) return NOT_ACTIVE_CODE[wallets.status[slot]];
  if (freeMinor(wallets, slot) - amountMinor < -wallets.overdraftLimitMinor[slot]) {
    return (wallets.flags[slot] & WALLET_FLAG.account) !== 0 ? CODE.balance_overflow : CODE.insufficient_funds;
  }
  return CODE.ok;
}

/** Whether an amount that is held may leave a wallet: it is there, and only the status can stand against it. */
export function decideCapture(wallets: WalletColumns, slot: number): number {
  return NOT_ACTIVE_CODE[wallets.status[slot]];
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

/** Whether an amount may enter a wallet whatever its status. */
export function decideRange(wallets: WalletColumns, slot: number, amountMinor: number): number {
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
      if ((wallets.flags[slot] & WALLET_FLAG.striped) !== 0) return CODE.wallet_striped;
      if ((wallets.flags[slot] & WALLET_FLAG.held) !== 0) return CODE.hold_open;
      if (wallets.postedMinor[slot] !== 0) return CODE.balance_not_zero;
      return hasOpenTransfer ? CODE.transfer_open : CODE.ok;
    case OPERATION.StripeWallet:
      if (status === WALLET_STATUS.closed) return CODE.wallet_closed;
      return (wallets.flags[slot] & WALLET_FLAG.striped) === 0 ? CODE.ok : CODE.wallet_striped;
    case OPERATION.SetOverdraftLimit:
      if (status === WALLET_STATUS.closed) return CODE.wallet_closed;
      return freeMinor(wallets, slot) < -limitMinor ? CODE.overdraft_in_use : CODE.ok;
    default:
      return CODE.unknown_operation;
  }
}
