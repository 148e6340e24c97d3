/** Questions about what happened to a wallet: who asks is checked by its shard, the journal is read by the history thread. */

import type { HistoryAnswer, HistoryQuestion, OpenedStatement } from "../engine/history/history-messages.ts";
import type { Transaction } from "../engine/history/transaction.ts";
import type { BalanceThen, WalletAsked } from "../engine/history/wallet-history.ts";
import { addTotals, NO_TOTALS, type SettlementTotals } from "../engine/merchant/settlement-totals.ts";
import type { Code, Refusal } from "../protocol/codes.ts";
import { uuidBytes } from "../protocol/ids.ts";
import type { Caller } from "./caller.ts";
import type { GatewayContext } from "./context.ts";
import { readWallet, type WalletView } from "./json-view.ts";

export const PAGE_DEFAULT = 50;
const POSITION = /^(\d{1,2}):(\d{1,16})$/;
const STATEMENT_CURSOR = /^(\d{1,2}):([1-9]\d{0,15}):([1-9]\d{0,6})$/;

/** Which transactions of a wallet. */
export interface TransactionsAsked {
  readonly walletId: string;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  /** RFC 3339. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly movement?: string | undefined;
  readonly reference?: string | undefined;
}

/** The JSON of an answer, or why there is none. */
export type QueryResult = { readonly text: string } | { readonly code: Exclude<Code, "ok"> };

type Done = (result: QueryResult) => void;

/** A page of transactions, newest first. */
export function listTransactions(context: GatewayContext, caller: Caller, asked: TransactionsAsked, done: Done): Code {
  return withWallet(context, caller, asked.walletId, done, (wallet, shard, head) => {
    const cursor = asked.cursor === undefined ? undefined : readCursor(asked.cursor, shard);
    if (cursor === null) return "cursor_invalid";
    const question: HistoryQuestion = {
      type: "page",
      asked: {
        walletId: wallet.id,
        head,
        limit: asked.limit ?? PAGE_DEFAULT,
        ...(cursor === undefined ? {} : { from: cursor }),
        ...(asked.from === undefined ? {} : { fromMs: Date.parse(asked.from) }),
        ...(asked.to === undefined ? {} : { toMs: Date.parse(asked.to) }),
        ...(asked.movement === undefined ? {} : { type: asked.movement }),
        ...(asked.reference === undefined ? {} : { reference: asked.reference }),
      },
    };
    return askHistory(context, shard, question, done, (answer) => {
      if (answer.type !== "page") return undefined;
      const { transactions, next } = answer;
      const nextCursor = next === 0 ? "null" : `"${writeCursor(shard, next)}"`;
      return (
        `{"walletId":"${wallet.id}","currency":"${wallet.currency}",` +
        `"transactions":${transactions},"nextCursor":${nextCursor}}`
      );
    });
  });
}

/** A wallet's balance at a time (RFC 3339) or right after a journal position. */
export function balanceAt(
  context: GatewayContext,
  caller: Caller,
  { walletId, at }: { readonly walletId: string; readonly at: string },
  done: Done,
): Code {
  const position = POSITION.exec(at);
  return withWallet(context, caller, walletId, done, (wallet, shard, head) => {
    if (position !== null && Number(position[1]) !== shard) return "invalid_request";
    const when = position === null ? { timeMs: Date.parse(at) } : { sequence: Number(position[2]) };
    const question: HistoryQuestion = { type: "balanceAt", asked: { walletId: wallet.id, head }, ...when };
    return askHistory(context, shard, question, done, (answer) => {
      if (answer.type !== "balance" || answer.balance === null) return undefined;
      return JSON.stringify({ walletId: wallet.id, currency: wallet.currency, ...balanceText(answer.balance) });
    });
  });
}

/** Which part of a wallet's statement. */
interface StatementAsked {
  readonly walletId: string;
  /** RFC 3339. */
  readonly from: string;
  readonly to: string;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** A part of a statement, oldest lines first, with the balances at both ends of the whole. */
export function statementPart(context: GatewayContext, caller: Caller, asked: StatementAsked, done: Done): Code {
  const { walletId, from, to, limit = PAGE_DEFAULT } = asked;
  return withWallet(context, caller, walletId, done, (wallet, shard, head) => {
    const cursor = asked.cursor === undefined ? { line: 0 } : readStatementCursor(asked.cursor, shard);
    if (cursor === null) return "cursor_invalid";
    const question: HistoryQuestion = {
      type: "statementPart",
      asked: { walletId: wallet.id, head },
      fromMs: Date.parse(from),
      toMs: Date.parse(to),
      from: cursor.line,
      count: limit,
      ...("through" in cursor ? { through: cursor.through } : {}),
    };
    return askHistory(context, shard, question, done, (answer) => {
      if (answer.type !== "statementPart") return undefined;
      const { transactions, next } = answer.statement;
      // What happens from now on is no part of the statement that the first part began.
      const through = "through" in cursor ? cursor.through : head;
      const nextCursor = next === 0 ? null : Buffer.from(`${shard}:${through}:${next}`).toString("base64url");
      const text = statementHead(wallet, answer.statement, asked);
      return `${text.slice(0, -1)},"lines":${transactions},"nextCursor":${JSON.stringify(nextCursor)}}`;
    });
  });
}

/** What a statement says before its lines, as JSON. */
export function statementHead(
  wallet: WalletView,
  { opening, closing }: Pick<OpenedStatement, "opening" | "closing">,
  { from, to }: { readonly from: string; readonly to: string },
): string {
  return JSON.stringify({
    walletId: wallet.id,
    currency: wallet.currency,
    from,
    to,
    opening: balanceText(opening),
    closing: balanceText(closing),
  });
}

/** A statement that was opened, and how to read its lines. */
export interface Statement {
  readonly wallet: WalletView;
  readonly opened: OpenedStatement;
  /** Fetches lines; null where they cannot be read any more. */
  readonly lines: (from: number, count: number, take: (lines: readonly Transaction[] | null) => void) => void;
  readonly end: () => void;
}

/** Opens the statement of a wallet over a time, the first moment included and the last not. */
export function openStatement(
  context: GatewayContext,
  caller: Caller,
  { walletId, from, to }: { readonly walletId: string; readonly from: string; readonly to: string },
  done: (statement: Statement | { readonly code: Exclude<Code, "ok"> }) => void,
): Code {
  const { history } = context.engine;
  const fail = (result: QueryResult): void => {
    if ("code" in result) done(result);
  };
  return withWallet(context, caller, walletId, fail, (wallet, shard, head) => {
    const asked: WalletAsked = { walletId: wallet.id, head };
    const question = { type: "statement", asked, fromMs: Date.parse(from), toMs: Date.parse(to) } as const;
    const isAsked = history.ask(shard, question, (answer) => {
      if (answer.type !== "statement") {
        done({ code: refusalOf(context.log, answer) });
        return;
      }
      const { statement } = answer.statement;
      done({
        wallet,
        opened: answer.statement,
        lines: (first, count, take) => {
          const isTaken = history.ask(shard, { type: "lines", statement, from: first, count }, (lines) =>
            take(lines.type === "lines" ? lines.lines : null),
          );
          if (!isTaken) take(null);
        },
        end: () => history.ask(shard, { type: "endStatement", statement }, () => {}),
      });
    });
    return isAsked ? "ok" : "overloaded";
  });
}

function balanceText(then: BalanceThen | null): object | null {
  if (then === null) return null;
  const { timestampMs, ...balance } = then;
  return { ...balance, time: timeText(timestampMs) };
}

export function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** What a merchant's batch holds. */
export interface BatchAsked {
  readonly merchantId: string;
  readonly walletId: string;
  /** Sequences of the wallet's shard: it holds what stands behind the first one and through the second. */
  readonly after: number;
  readonly through: number;
}

/** What a merchant's batch comes to, as its wallet's history has it; a balance is null where there was no wallet yet. */
export interface BatchFound {
  readonly opening: BalanceThen | null;
  readonly closing: BalanceThen | null;
  readonly totals: SettlementTotals;
}

/** Adds up a batch, some lines at a time. */
export function addUpBatch(
  context: GatewayContext,
  caller: Caller,
  { merchantId, walletId, after, through }: BatchAsked,
  done: (found: BatchFound | { readonly code: Exclude<Code, "ok"> }) => void,
): Code {
  const fail = (result: QueryResult): void => {
    if ("code" in result) done(result);
  };
  return withWallet(context, caller, walletId, fail, (_, shard, head) => {
    const asked: WalletAsked = { walletId, head };
    const ask = (question: HistoryQuestion, take: (answer: HistoryAnswer) => void): Code =>
      context.engine.history.ask(shard, question, (answer) => {
        if (answer.type === "refused" || answer.type === "failed") done({ code: refusalOf(context.log, answer) });
        else take(answer);
      })
        ? "ok"
        : "overloaded";
    const then = (code: Code): void => {
      if (code !== "ok") done({ code });
    };
    const balance = (sequence: number, take: (found: BalanceThen | null) => Code): Code =>
      ask({ type: "balanceAt", asked, sequence }, (answer) => {
        if (answer.type === "balance") then(take(answer.balance));
      });
    const add = (opening: BalanceThen | null, closing: BalanceThen | null): Code => {
      let totals = NO_TOTALS;
      const next = (from: number): Code =>
        ask({ type: "settlement", asked, merchantId, after, through: from }, (answer) => {
          if (answer.type !== "settlement") return;
          totals = addTotals(totals, answer.totals);
          if (answer.next === 0) done({ opening, closing, totals });
          else then(next(answer.next));
        });
      return next(through);
    };
    return balance(after, (opening) => balance(through, (closing) => add(opening, closing)));
  });
}

/** Looks a wallet up on behalf of the caller, whose right to see it the shard checks. */
function withWallet(
  { dispatcher }: GatewayContext,
  caller: Caller,
  walletId: string,
  done: Done,
  go: (wallet: WalletView, shard: number, head: number) => Code,
): Code {
  return dispatcher.lookupWallets(caller, uuidBytes(walletId), (wallets) => {
    if (typeof wallets === "string") {
      done({ code: wallets });
      return;
    }
    const wallet = readWallet(wallets, 0);
    if (typeof wallet === "string") {
      done({ code: wallet });
      return;
    }
    const [shard, head] = wallet.position.split(":").map(Number) as [number, number];
    const code = go(wallet, shard, head);
    if (code !== "ok") done({ code });
  });
}

/** Asks the history thread, and makes the JSON of its answer. */
export function askHistory(
  context: GatewayContext,
  shard: number,
  question: HistoryQuestion,
  done: Done,
  textOf: (answer: HistoryAnswer) => string | undefined,
): Code {
  const isAsked = context.engine.history.ask(shard, question, (answer) => {
    const text = textOf(answer);
    done(text === undefined ? { code: refusalOf(context.log, answer) } : { text });
  });
  return isAsked ? "ok" : "overloaded";
}

/** Why there is no answer of the kind that was asked for. */
export function refusalOf(log: GatewayContext["log"], answer: HistoryAnswer): Refusal {
  switch (answer.type) {
    case "refused":
      return answer.code;
    // At that time there was no wallet yet.
    case "balance":
      return "wallet_not_found";
    case "failed":
      log.error({ error: answer.message }, "a history could not be read");
      return "internal_error";
    default:
      return "internal_error";
  }
}

function writeCursor(shard: number, sequence: number): string {
  return Buffer.from(`${shard}:${sequence}`).toString("base64url");
}

/** The sequence that a cursor of a shard names; null where it is none. */
function readCursor(cursor: string, shard: number): number | null {
  const position = POSITION.exec(Buffer.from(cursor, "base64url").toString());
  return position !== null && Number(position[1]) === shard && Number(position[2]) > 0 ? Number(position[2]) : null;
}

/** The newest record and the first line that a cursor of a statement names; null where it is none. */
function readStatementCursor(
  cursor: string,
  shard: number,
): { readonly through: number; readonly line: number } | null {
  const parts = STATEMENT_CURSOR.exec(Buffer.from(cursor, "base64url").toString());
  return parts !== null && Number(parts[1]) === shard ? { through: Number(parts[2]), line: Number(parts[3]) } : null;
}
