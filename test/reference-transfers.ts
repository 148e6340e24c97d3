import type { Code } from "../protocol/codes.ts";
import { OPERATION } from "../protocol/command-record.ts";
import type { Caller, Reply } from "./driven-ledger.ts";
import { type Answer, command, type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import {
  AMOUNT_MAX,
  accountId,
  availableMinor,
  type Books,
  dropServed,
  move,
  type OpenTransfer,
  openAccount,
  type PeerMessage,
  type Remembered,
  room,
  sideOf,
  type Wallet,
  walletOf,
} from "./reference-books.ts";
import { isFinalCapture, takeFromHold } from "./reference-effects.ts";
import type { Case } from "./reference-facts.ts";
import { count, giveBack, refusalOf } from "./reference-limits.ts";
import { NOTHING, shownTo } from "./reference-memory.ts";
import { STATUS_CODES } from "./reference-rules.ts";

/** Where clients have an operation; a sweep is the ledger's own. */
const SWEEP = 0;

interface Waiter {
  readonly token: number;
  readonly index: number;
  readonly caller: Caller;
}

/** One shard of the reference ledger: its books now, those that are durable, and what waits to be shown. */
export interface Shard {
  books: Books;
  durable: Books;
  outbox: { readonly toShard: number; readonly message: PeerMessage }[];
  replies: Reply[];
  waiters: Map<string, Waiter>;
}

export function shardWith(durable: Books): Shard {
  return { books: structuredClone(durable), durable, outbox: [], replies: [], waiters: new Map() };
}

/** First half of a movement to another shard: out of the wallet, or for a reversal only asked for. */
export function beginTransfer(shard: number, it: Shard, facts: Case, toShard: number): Answer {
  const { books, command, caller, wallet, toWalletId, amountMinor } = facts;
  const { operation } = command;
  const number = (books.sent.get(toShard) ?? 0) + 1;
  const isReversal = operation === OPERATION.ReverseTransfer;
  const takenFor = caller.role === "admin" ? null : caller.ownerId;
  const named = { ...command, currency: wallet.currency };
  const countedAtMs = countAcross(facts);
  const transfer = {
    ...{ command: named, toShard, number, toWalletId, amountMinor, countedAtMs },
    ...(isReversal ? { takenFor } : {}),
  };
  books.sent.set(toShard, number);
  books.transfers.set(command.id, transfer);
  if (operation === OPERATION.CaptureHold) takeFromHold(facts);
  books.sequence += 1;
  if (isReversal) addReversed(books, command, amountMinor);
  else move(books, wallet, betweenAccount(shard, books, transfer), amountMinor);
  books.memory.set(command.id, rememberedAs(transfer, { ...NOTHING, code: "in_progress" }));
  ask(shard, it, transfer);
  return { ...NOTHING, code: "deferred", sequence: books.sequence };
}

/** Sends home what a stripe of a wallet holds. */
export function beginSweep(shard: number, it: Shard, stripe: Wallet, id: string, toShard: number): void {
  const { books } = it;
  const { id: walletId, currency, postedMinor: amountMinor } = stripe;
  const number = (books.sent.get(toShard) ?? 0) + 1;
  const sweep = command({ id, operation: SWEEP, walletId, counterpartyId: walletId, amountMinor, currency });
  const transfer = { command: sweep, toShard, number, toWalletId: walletId, amountMinor, countedAtMs: undefined };
  books.sent.set(toShard, number);
  books.transfers.set(id, transfer);
  books.sequence += 1;
  move(books, stripe, betweenAccount(shard, books, transfer), amountMinor);
  ask(shard, it, transfer);
}

/** Counts what leaves a wallet for another shard; a capture counted when its hold was placed. */
function countAcross({ books, command, wallet, hold, amountMinor, nowMs }: Case): number | undefined {
  if (command.operation === OPERATION.ReverseTransfer) return undefined;
  if (command.operation === OPERATION.CaptureHold) return hold?.countedAtMs;
  return count(books, wallet, "debit", amountMinor, nowMs);
}

/** Asks the other shard for its half. */
export function ask(shard: number, { books, outbox }: Shard, transfer: OpenTransfer): void {
  const { toShard, command } = transfer;
  const open = [...books.transfers.values()].filter((other) => other.toShard === toShard).map(({ number }) => number);
  const endedThrough = Math.min(...open) - 1;
  const { currency } = command;
  outbox.push({ toShard, message: { type: "credit", fromShard: shard, transfer, currency, endedThrough } });
}

/** Second half, on the other shard, once. */
export function credit(
  shard: number,
  it: Shard,
  message: PeerMessage & { type: "credit" },
  nowMs: number,
  postpone: (wallet: Wallet | undefined) => boolean,
): void {
  const { books, outbox } = it;
  const { fromShard, transfer, endedThrough } = message;
  const { number } = transfer;
  let receipt = books.receipts.find((kept) => kept.fromShard === fromShard && kept.number === number)?.answer;
  const served = books.served.get(fromShard) ?? 0;
  if (receipt === undefined && number <= served) return;
  if (receipt === undefined) {
    const wallet = books.wallets.get(transfer.toWalletId);
    const { code, limit } =
      wallet === undefined ? refused("destination_not_found") : moveFarHalf(shard, books, message, wallet, nowMs);
    if (code === "insufficient_funds" && postpone(wallet)) return;
    books.sequence += 1;
    const side = code === "ok" && wallet !== undefined ? sideOf(wallet) : null;
    receipt = { type: "answer", id: transfer.command.id, code, side, limit };
    books.receipts.push({ fromShard, number, answer: receipt });
    books.served.set(fromShard, Math.max(served, endedThrough));
    dropServed(books, fromShard, endedThrough);
  }
  outbox.push({ toShard: fromShard, message: receipt });
}

/** What the far half came to. */
interface FarHalf {
  readonly code: Code;
  readonly limit: Answer["limit"];
}

function refused(code: Code): FarHalf {
  return { code, limit: undefined };
}

function moveFarHalf(
  shard: number,
  books: Books,
  { transfer, currency }: PeerMessage & { type: "credit" },
  wallet: Wallet,
  nowMs: number,
): FarHalf {
  const { command, amountMinor, takenFor } = transfer;
  if (command.operation === OPERATION.ExchangeCurrency) return buyFar(shard, books, transfer, wallet, nowMs);
  if (wallet.currency !== currency) return refused("currency_mismatch");
  const transit = openAccount(shard, books, currency, "transit");
  if (takenFor !== undefined) {
    if (takenFor !== null && takenFor !== wallet.ownerId) return refused("forbidden");
    const statusCode = STATUS_CODES.wallet[wallet.status];
    if (statusCode !== "ok") return refused(statusCode);
    if (availableMinor(wallet) < amountMinor) return refused("insufficient_funds");
    if (room(transit, amountMinor) !== "ok") return refused("balance_overflow");
    move(books, wallet, transit, amountMinor);
    return refused("ok");
  }
  // What comes from a wallet's own stripe is its money already.
  const statusCode = command.operation === SWEEP ? "ok" : STATUS_CODES.destination[wallet.status];
  return statusCode === "ok" ? moveInto(books, transit, wallet, amountMinor, nowMs) : refused(statusCode);
}

function buyFar(
  shard: number,
  books: Books,
  { command, amountMinor }: OpenTransfer,
  wallet: Wallet,
  nowMs: number,
): FarHalf {
  if (wallet.currency === command.currency) return refused("same_currency");
  const { numerator, denominator } = command.extension?.rate ?? { numerator: 0n, denominator: 1n };
  const boughtMinor = (amountMinor * numerator) / denominator;
  if (boughtMinor === 0n || boughtMinor > AMOUNT_MAX) return refused("exchanged_amount_invalid");
  const statusCode = STATUS_CODES.destination[wallet.status];
  if (statusCode !== "ok") return refused(statusCode);
  const id = accountId(shard, wallet.currency, "liquidity");
  const liquidity = books.wallets.get(id);
  if (room(wallet, boughtMinor) !== "ok") return refused("balance_overflow");
  if (liquidity !== undefined && room(liquidity, -boughtMinor) !== "ok") return refused("balance_overflow");
  const limit = refusalOf(books, wallet, "credit", boughtMinor, nowMs);
  if (limit !== undefined) return { code: "destination_limit_exceeded", limit };
  return moveInto(books, openAccount(shard, books, wallet.currency, "liquidity"), wallet, boughtMinor, nowMs);
}

/** Credits a wallet, as far as its limits let it. */
function moveInto(books: Books, from: Wallet, wallet: Wallet, amountMinor: bigint, nowMs: number): FarHalf {
  if (room(wallet, amountMinor) !== "ok" || room(from, -amountMinor) !== "ok") return refused("balance_overflow");
  const limit = refusalOf(books, wallet, "credit", amountMinor, nowMs);
  if (limit !== undefined) return { code: "destination_limit_exceeded", limit };
  count(books, wallet, "credit", amountMinor, nowMs);
  move(books, from, wallet, amountMinor);
  return refused("ok");
}

/** The end, on the first shard: completed, or brought back. */
export function settle(shard: number, it: Shard, told: PeerMessage & { type: "answer" }, nowMs: number): void {
  const { books, waiters, replies } = it;
  const { id, code, side, limit } = told;
  const transfer = books.transfers.get(id);
  if (transfer === undefined) return;
  const { command, amountMinor, toWalletId } = transfer;
  const wallet = walletOf(books, command.walletId);
  const between = betweenAccount(shard, books, transfer);
  const isReversal = command.operation === OPERATION.ReverseTransfer;
  const comesBack = isReversal === (code === "ok");
  const isStuck = comesBack && (room(wallet, amountMinor) !== "ok" || room(between, -amountMinor) !== "ok");
  if (isStuck && isReversal) return;
  if (comesBack && !isStuck) bringBack(books, transfer, between, wallet, nowMs);
  books.sequence += 1;
  if (isStuck) return;
  if (code === "ok") endHoldOf(books, command);
  if (isReversal && code !== "ok") addReversed(books, command, -amountMinor);
  const answer: Answer = {
    code,
    replayed: false,
    sequence: books.sequence,
    wallet: sideOf(wallet),
    counterparty: side,
    ...(limit === undefined ? {} : { limit }),
  };
  const isMovement =
    code === "ok" && [OPERATION.Transfer, OPERATION.CaptureHold].some((one) => one === command.operation);
  const movement = { fromId: wallet.id, toId: toWalletId, amountMinor };
  const remembered = { ...rememberedAs(transfer, answer), ...(isMovement ? { movement } : {}) };
  books.transfers.delete(id);
  if (command.operation === SWEEP) return;
  books.memory.set(id, remembered);
  const waiter = waiters.get(id);
  waiters.delete(id);
  if (waiter === undefined) return;
  const shown = shownAtEnd(books, remembered, waiter.caller);
  replies.push({ kind: "late", token: waiter.token, index: waiter.index, answer: shown });
}

/** The one who waited is shown the side that it asked for; who may not see the other one is not. */
function shownAtEnd(books: Books, remembered: Remembered, caller: Caller): Answer {
  return shownTo(books, { ...remembered, counterpartyId: NIL_ID }, caller);
}

/** A capture has arrived: its hold ends where it was the final one, or where nothing is left and nothing may come back. */
function endHoldOf(books: Books, command: LedgerCommand): void {
  const hold = books.holds.get(command.extension?.targetId ?? NIL_ID);
  if (hold?.underWay.delete(command.id) !== true) return;
  const isUsedUp = hold.remainingMinor === 0n && hold.underWay.size === 0;
  if (isUsedUp || isFinalCapture(command)) books.holds.delete(hold.id);
}

function bringBack(books: Books, transfer: OpenTransfer, between: Wallet, wallet: Wallet, nowMs: number): void {
  const { command, amountMinor, countedAtMs } = transfer;
  const isCapture = command.operation === OPERATION.CaptureHold;
  const hold = books.holds.get(command.extension?.targetId ?? NIL_ID);
  hold?.underWay.delete(command.id);
  // While the final one is under way, what another brings back is part of the rest that was released.
  const isHeldAgain = isCapture && hold?.walletId === wallet.id && ![...hold.underWay.values()].includes(true);
  if (isHeldAgain) {
    hold.remainingMinor += amountMinor;
    wallet.heldMinor += amountMinor;
  } else {
    giveBack(books, wallet, amountMinor, countedAtMs, !isCapture, nowMs);
  }
  move(books, between, wallet, amountMinor);
}

/** Where the money of a movement stands while it is between two shards. */
function betweenAccount(shard: number, books: Books, { command }: OpenTransfer): Wallet {
  const kind = command.operation === OPERATION.ExchangeCurrency ? "liquidity" : "transit";
  return openAccount(shard, books, command.currency, kind);
}

function addReversed(books: Books, { extension }: LedgerCommand, amountMinor: bigint): void {
  const targetId = extension?.targetId ?? NIL_ID;
  books.reversed.set(targetId, (books.reversed.get(targetId) ?? 0n) + amountMinor);
}

function rememberedAs({ command, takenFor }: OpenTransfer, answer: Answer): Remembered {
  const asker = takenFor === undefined ? {} : { takenFor };
  return { command, sameness: "meaning", answer, isRejection: false, counterpartyId: NIL_ID, ...asker };
}
