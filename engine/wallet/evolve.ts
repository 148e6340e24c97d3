/**
 * How events change wallets: the only code that writes balances, used by live commands and by recovery alike.
 */

import { OPERATION, WALLET_STATUS } from "../../protocol/command-record.ts";
import { WALLET_FLAG, type WalletColumns } from "./wallet-columns.ts";

/** Moves an amount from one slot to another; both sides get a new version, and the record becomes their head. */
export function evolvePosting(
  wallets: WalletColumns,
  debitSlot: number,
  creditSlot: number,
  amountMinor: number,
  sequence: number,
): void {
  wallets.guard.touch(debitSlot);
  wallets.guard.touch(creditSlot);
  wallets.postedMinor[debitSlot] -= amountMinor;
  wallets.version[debitSlot] += 1;
  wallets.head[debitSlot] = sequence;
  wallets.postedMinor[creditSlot] += amountMinor;
  wallets.version[creditSlot] += 1;
  wallets.head[creditSlot] = sequence;
}

/** Gives a wallet its next version, and makes a record its head. */
export function evolveTouched(wallets: WalletColumns, slot: number, sequence: number): void {
  wallets.guard.touch(slot);
  wallets.version[slot] += 1;
  wallets.head[slot] = sequence;
}

/** Applies a change of status or overdraft limit. */
export function evolveChange(
  wallets: WalletColumns,
  slot: number,
  operation: number,
  limitMinor: number,
  sequence: number,
): void {
  wallets.guard.touch(slot);
  switch (operation) {
    case OPERATION.ActivateWallet:
    case OPERATION.UnfreezeWallet:
      wallets.status[slot] = WALLET_STATUS.active;
      break;
    case OPERATION.FreezeWallet:
      wallets.status[slot] = WALLET_STATUS.frozen;
      break;
    case OPERATION.CloseWallet:
      wallets.status[slot] = WALLET_STATUS.closed;
      break;
    case OPERATION.StripeWallet:
      wallets.flags[slot] |= WALLET_FLAG.striped;
      break;
    case OPERATION.SetOverdraftLimit:
      wallets.setOverdraftLimit(slot, limitMinor);
      break;
    default:
      throw new Error(`the journal holds a wallet change that this program does not know: ${operation}`);
  }
  evolveTouched(wallets, slot, sequence);
}
