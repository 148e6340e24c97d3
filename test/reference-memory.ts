import type { Code } from "../protocol/codes.ts";
import type { Caller } from "./driven-ledger.ts";
import { type Answer, type LedgerCommand, NIL_ID } from "./ledger-command.ts";
import { type Books, mayTouch, type Remembered } from "./reference-books.ts";

export const NOTHING: Omit<Answer, "code"> = { replayed: false, sequence: 0, wallet: null, counterparty: null };

export function keepRejection(books: Books, command: LedgerCommand, code: Code): Answer {
  books.sequence += 1;
  const answer: Answer = { ...NOTHING, code, sequence: books.sequence };
  books.memory.set(command.id, { command, sameness: "exact", answer, isRejection: true });
  return answer;
}

/** The answer to a command whose id is remembered. */
export function answerAgain(books: Books, known: Remembered, command: LedgerCommand, caller: Caller): Answer {
  if (!isSame(known, command)) return { ...NOTHING, code: "id_reused" };
  const { answer } = known;
  if (known.isRejection) return { ...answer, replayed: true };
  const wallet = books.wallets.get(command.walletId);
  if (wallet === undefined || !mayTouch(caller, wallet)) return { ...NOTHING, code: "forbidden" };
  if (answer.code === "in_progress") return answer;
  const counterparty = books.wallets.get(command.counterpartyId);
  const isShown = caller.role === "admin" || (counterparty !== undefined && mayTouch(caller, counterparty));
  return { ...answer, replayed: true, counterparty: isShown ? answer.counterparty : null };
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
