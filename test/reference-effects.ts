import { OPERATION, RECORD_OPTION, WALLET_STATUS } from "../protocol/command-record.ts";
import type { WalletLimits } from "../protocol/wallet-limits.ts";
import type { Answer, LedgerCommand } from "./ledger-command.ts";
import {
  type Books,
  type Hold,
  move,
  open,
  openAccount,
  openCurrency,
  type Remembered,
  sideOf,
  type Wallet,
  walletOf,
} from "./reference-books.ts";
import type { Case } from "./reference-facts.ts";
import { count, giveBack, setTypeLimits, setWalletLimits } from "./reference-limits.ts";
import { shownTo } from "./reference-memory.ts";

const NEXT_STATUS: Readonly<Record<number, number>> = {
  [OPERATION.ActivateWallet]: WALLET_STATUS.active,
  [OPERATION.FreezeWallet]: WALLET_STATUS.frozen,
  [OPERATION.UnfreezeWallet]: WALLET_STATUS.active,
  [OPERATION.CloseWallet]: WALLET_STATUS.closed,
};

/** What a command did, beyond changing the books. */
interface Effect extends Pick<Remembered, "askerId" | "movement"> {
  readonly sequence: number;
  /** The wallet of the answer's second side. */
  readonly other?: Wallet;
  readonly isMovement: boolean;
}

/** Applies a command that passed every check on this shard. */
export function apply(shard: number, facts: Case): { readonly answer: Answer; readonly remembered: Remembered } {
  const { command, caller, books } = facts;
  const { sequence, other, isMovement, askerId, movement } = effectOf(shard, facts);
  const named = walletOf(books, command.walletId);
  const answer: Answer = {
    code: "ok",
    replayed: false,
    sequence,
    wallet: sideOf(named),
    counterparty: other === undefined || other.isAccount ? null : sideOf(other),
  };
  const remembered: Remembered = {
    command: isMovement ? { ...command, currency: named.currency } : command,
    sameness: isMovement ? "meaning" : "exact",
    answer,
    isRejection: false,
    counterpartyId: other?.id ?? "",
    ...(askerId === undefined ? {} : { askerId }),
    ...(movement === undefined ? {} : { movement }),
  };
  return { answer: shownTo(books, remembered, caller), remembered };
}

function effectOf(shard: number, facts: Case): Effect {
  const { command, books, wallet, counterparty, hold, amountMinor, nowMs, limits, fundingCurrency } = facts;
  switch (command.operation) {
    case OPERATION.Transfer:
      count(books, wallet, "debit", amountMinor, nowMs);
      count(books, counterparty, "credit", amountMinor, nowMs);
      return moved(books, wallet, counterparty, amountMinor, counterparty);
    case OPERATION.Credit:
      count(books, wallet, "credit", amountMinor, nowMs);
      return moved(books, accountOf(shard, facts, "funding"), wallet, amountMinor);
    case OPERATION.Debit:
      count(books, wallet, "debit", amountMinor, nowMs);
      return moved(books, wallet, accountOf(shard, facts, "payout"), amountMinor);
    case OPERATION.CreateWallet:
      open(shard, books, command);
      return changed(books);
    case OPERATION.SetOverdraftLimit:
      wallet.overdraftLimitMinor = command.amountMinor;
      return changed(books, wallet);
    case OPERATION.PlaceHold:
      wallet.heldMinor += amountMinor;
      books.holds.set(command.id, {
        id: command.id,
        walletId: wallet.id,
        counterpartyId: command.counterpartyId,
        expiresAtMs: command.extension?.expiresAtMs ?? 0n,
        amountMinor,
        remainingMinor: amountMinor,
        underWay: new Map(),
        countedAtMs: count(books, wallet, "debit", amountMinor, nowMs),
      });
      return changed(books, wallet);
    case OPERATION.VoidHold:
      release(books, hold as Hold, nowMs);
      return changed(books, wallet);
    case OPERATION.CaptureHold:
      takeFromHold(facts);
      if (counterparty !== undefined) count(books, counterparty, "credit", amountMinor, nowMs);
      return moved(books, wallet, counterparty ?? accountOf(shard, facts, "payout"), amountMinor, counterparty);
    case OPERATION.ReverseTransfer:
      return reversed(facts);
    case OPERATION.ExchangeCurrency:
      return exchanged(shard, facts);
    case OPERATION.SetWalletLimits:
      setWalletLimits(books, wallet, limits as WalletLimits);
      return changed(books, wallet);
    case OPERATION.StripeWallet:
      wallet.isStriped = true;
      return changed(books, wallet);
    case OPERATION.SetTypeLimits: {
      openCurrency(shard, books, fundingCurrency as number);
      setTypeLimits(books, fundingCurrency as number, command.walletType, limits as WalletLimits);
      return changed(books, walletOf(books, command.walletId));
    }
    default:
      wallet.status = NEXT_STATUS[command.operation];
      return changed(books, wallet);
  }
}

/** Ends a hold and makes what is left of it available again. */
export function release(books: Books, hold: Hold, nowMs: number): void {
  releaseRest(books, hold, nowMs);
  books.holds.delete(hold.id);
}

function releaseRest(books: Books, hold: Hold, nowMs: number): void {
  const { remainingMinor, amountMinor, countedAtMs } = hold;
  const wallet = walletOf(books, hold.walletId);
  wallet.heldMinor -= remainingMinor;
  giveBack(books, wallet, remainingMinor, countedAtMs, remainingMinor === amountMinor, nowMs);
  hold.remainingMinor = 0n;
}

/**
 * Takes what a capture moves out of its hold. It ends with the final one, or where nothing is left and nothing may come back;
 * with one to another shard only once that has ended.
 */
export function takeFromHold({ command, books, wallet, hold, amountMinor, nowMs, isLocal }: Case): void {
  if (hold === undefined) throw new Error("there is no hold to capture");
  hold.remainingMinor -= amountMinor;
  wallet.heldMinor -= amountMinor;
  const isFinal = isFinalCapture(command);
  if (isLocal) {
    if (isFinal || (hold.remainingMinor === 0n && hold.underWay.size === 0)) release(books, hold, nowMs);
    return;
  }
  hold.underWay.set(command.id, isFinal);
  if (isFinal) releaseRest(books, hold, nowMs);
}

export function isFinalCapture({ extension }: LedgerCommand): boolean {
  return ((extension?.options ?? 0) & RECORD_OPTION.final) !== 0;
}

function reversed({ command, books, wallet, counterparty, movement, amountMinor }: Case): Effect {
  const targetId = command.extension?.targetId ?? "";
  const origin = walletOf(books, movement?.fromId ?? "");
  books.reversed.set(targetId, (books.reversed.get(targetId) ?? 0n) + amountMinor);
  const sequence = move(books, counterparty, origin, amountMinor);
  const other = wallet === origin ? counterparty : origin;
  return { sequence, other, isMovement: true, askerId: counterparty.id };
}

function exchanged(shard: number, { books, wallet, counterparty, amountMinor, boughtMinor, nowMs }: Case): Effect {
  count(books, wallet, "debit", amountMinor, nowMs);
  count(books, counterparty, "credit", boughtMinor, nowMs);
  const sequence = move(books, wallet, openAccount(shard, books, wallet.currency, "liquidity"), amountMinor);
  move(books, openAccount(shard, books, counterparty.currency, "liquidity"), counterparty, boughtMinor);
  return { sequence, other: counterparty, isMovement: true };
}

function accountOf(shard: number, { books, wallet }: Case, kind: "funding" | "payout"): Wallet {
  return openAccount(shard, books, wallet.currency, kind);
}

function moved(books: Books, from: Wallet, to: Wallet, amountMinor: bigint, other?: Wallet): Effect {
  const sequence = move(books, from, to, amountMinor);
  const movement = { fromId: from.id, toId: to.id, amountMinor };
  return { sequence, isMovement: true, movement, ...(other === undefined ? {} : { other }) };
}

function changed(books: Books, wallet?: Wallet): Effect {
  if (wallet !== undefined) wallet.version += 1n;
  books.sequence += 1;
  return { sequence: books.sequence, isMovement: false };
}
