/** Questions about what happened to a wallet: who asks is checked by its shard, the journal is read by the history thread. */

import type { HistoryAnswer, HistoryQuestion, OpenedStatement } from "../engine/history/history-messages.ts";
import type { Transaction } from "../engine/history/transaction.ts";
import type { WalletAsked } from "../engine/history/wallet-history.ts";
import type { Code } from "../protocol/codes.ts";
import { uuidBytes } from "../protocol/ids.ts";
import type { Caller } from "./caller.ts";
import type { GatewayContext } from "./context.ts";
import { readWallet, type WalletView } from "./json-view.ts";

export const PAGE_DEFAULT = 50;
const POSITION = /^(\d{1,2}):(\d{1,16})$/;

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
      const { timestampMs, ...balance } = answer.balance;
      return JSON.stringify({
        walletId: wallet.id,
        currency: wallet.currency,
        ...balance,
        time: timeText(timestampMs),
      });
    });
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
        done({ code: codeOf(context, answer) });
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

export function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
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
    done(text === undefined ? { code: codeOf(context, answer) } : { text });
  });
  return isAsked ? "ok" : "overloaded";
}

function codeOf(context: GatewayContext, answer: HistoryAnswer): Exclude<Code, "ok"> {
  switch (answer.type) {
    case "refused":
      return answer.code;
    // At that time there was no wallet yet.
    case "balance":
      return "wallet_not_found";
    case "failed":
      context.log.error({ error: answer.message }, "a history could not be read");
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
