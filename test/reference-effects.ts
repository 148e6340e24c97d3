import { OPERATION, WALLET_STATUS } from "../protocol/command-record.ts";
import type { Answer } from "./ledger-command.ts";
import { mayTouch, move, open, type Remembered, sideOf, type Wallet } from "./reference-books.ts";
import type { Case } from "./reference-rules.ts";

const NEXT_STATUS: Readonly<Record<number, number>> = {
  [OPERATION.ActivateWallet]: WALLET_STATUS.active,
  [OPERATION.FreezeWallet]: WALLET_STATUS.frozen,
  [OPERATION.UnfreezeWallet]: WALLET_STATUS.active,
  [OPERATION.CloseWallet]: WALLET_STATUS.closed,
};

/** Applies a command that passed every check on this shard. */
export function apply(shard: number, facts: Case): { readonly answer: Answer; readonly remembered: Remembered } {
  const { command, caller, books, wallet, counterparty, account } = facts;
  switch (command.operation) {
    case OPERATION.Transfer:
      move(books, wallet, counterparty, command.amountMinor);
      break;
    case OPERATION.Credit:
      move(books, account("funding"), wallet, command.amountMinor);
      break;
    case OPERATION.Debit:
      move(books, wallet, account("payout"), command.amountMinor);
      break;
    case OPERATION.CreateWallet:
      open(shard, books, command);
      books.sequence += 1;
      break;
    case OPERATION.SetOverdraftLimit:
      wallet.overdraftLimitMinor = command.amountMinor;
      wallet.version += 1n;
      books.sequence += 1;
      break;
    default:
      wallet.status = NEXT_STATUS[command.operation];
      wallet.version += 1n;
      books.sequence += 1;
  }
  const isMovement = command.operation <= OPERATION.Debit;
  const named = books.wallets.get(command.walletId) as Wallet;
  const answer: Answer = {
    code: "ok",
    replayed: false,
    sequence: books.sequence,
    wallet: sideOf(named),
    counterparty: counterparty === undefined ? null : sideOf(counterparty),
  };
  const remembered: Remembered = {
    command: isMovement ? { ...command, currency: named.currency } : command,
    sameness: isMovement ? "meaning" : "exact",
    answer,
    isRejection: false,
  };
  const isShown = counterparty !== undefined && mayTouch(caller, counterparty);
  return { answer: isShown ? answer : { ...answer, counterparty: null }, remembered };
}
