import type { Code } from "../protocol/codes.ts";
import type { Caller } from "./driven-ledger.ts";
import { type Answer, type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import { type Books, mayTouch, type Remembered } from "./reference-books.ts";

export const NOTHING: Omit<Answer, "code"> = { replayed: false, sequence: 0, wallet: null, counterparty: null };

/** Why a command was refused. */
export interface Refusal {
  readonly code: Code;
  readonly limit?: Answer["limit"] | undefined;
}

export function keepRejection(books: Books, command: LedgerCommand, { code, limit }: Refusal, caller: Caller): Answer {
  books.sequence += 1;
  const answer: Answer = { ...NOTHING, code, sequence: books.sequence, ...(limit === undefined ? {} : { limit }) };
  books.memory.set(command.id, { command, sameness: "exact", answer, isRejection: true });
  return limitToldTo(answer, caller);
}

/** A limit that refused stands in the place of balances; what one of the wallet credited allows concerns admins only. */
function limitToldTo({ limit, ...answer }: Answer, caller: Caller): Answer {
  const isTold = limit !== undefined && (answer.code === "limit_exceeded" || caller.role === "admin");
  return isTold ? { ...answer, wallet: null, counterparty: null, limit } : answer;
}

/** The answer to a command whose id is remembered. */
export function answerAgain(books: Books, known: Remembered, command: LedgerCommand, caller: Caller): Answer {
  if (!isSame(known, command)) return { ...NOTHING, code: "id_reused" };
  const { answer } = known;
  if (known.isRejection) return { ...limitToldTo(answer, caller), replayed: true };
  if (!mayAsk(books, known, command, caller)) return { ...NOTHING, code: "forbidden" };
  return answer.code === "in_progress" ? answer : { ...shownTo(books, known, caller), replayed: true };
}

function mayAsk(books: Books, { takenFor, askerId }: Remembered, command: LedgerCommand, caller: Caller): boolean {
  if (takenFor !== undefined) return caller.role === "admin" || takenFor === caller.ownerId;
  return maySee(books, askerId ?? command.walletId, caller);
}

/** An answer as its caller may see it: whoever took money back from another shard owns the wallet over there. */
export function shownTo(
  books: Books,
  { answer, command, counterpartyId, takenFor }: Remembered,
  caller: Caller,
): Answer {
  const isFarAsker = takenFor !== undefined;
  const { wallet, counterparty } = answer;
  const seesWallet = isFarAsker ? caller.role === "admin" : maySee(books, command.walletId, caller);
  const seesCounterparty = isFarAsker || maySee(books, counterpartyId ?? command.counterpartyId, caller);
  const shown = { ...answer, wallet: seesWallet ? wallet : null, counterparty: seesCounterparty ? counterparty : null };
  return limitToldTo(shown, caller);
}

function maySee(books: Books, walletId: string, caller: Caller): boolean {
  const wallet = books.wallets.get(walletId);
  return caller.role === "admin" || (wallet !== undefined && mayTouch(caller, wallet));
}

function isSame({ command: kept, sameness }: Remembered, sent: LedgerCommand): boolean {
  const ofMeaning = (command: LedgerCommand): unknown[] => [
    command.operation,
    command.walletId,
    command.counterpartyId,
    command.amountMinor,
    command.extension?.reference ?? NIL_ID,
    command.extension?.expectedVersion ?? 0n,
    command.extension?.metadata ?? "",
    command.extension?.options ?? 0,
    command.extension?.expiresAtMs ?? 0n,
    command.extension?.targetId ?? NIL_ID,
    command.extension?.rate?.numerator ?? 0n,
    command.extension?.rate?.denominator ?? 0n,
  ];
  const ofRecord = (command: LedgerCommand): unknown[] => [
    command.currency,
    command.walletType,
    command.extension === null,
  ];
  const isEqual = (a: readonly unknown[], b: readonly unknown[]): boolean => a.every((value, at) => value === b[at]);
  if (!isEqual(ofMeaning(kept), ofMeaning(sent))) return false;
  if (sameness === "exact") return isEqual(ofRecord(kept), ofRecord(sent));
  return sent.currency === 0 || sent.currency === kept.currency;
}
