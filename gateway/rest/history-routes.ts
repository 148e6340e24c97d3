/** The routes that tell what happened to a wallet. */

import { z } from "zod";
import { type Transaction, transactionJson } from "../../engine/history/transaction.ts";
import type { BalanceThen } from "../../engine/history/wallet-history.ts";
import { isUuid } from "../../protocol/ids.ts";
import { statementAnswer, transactionsAnswer } from "../../protocol/json-answers.ts";
import { historyFields, pointInTime, statementFields } from "../../protocol/json-fields.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import {
  balanceAt,
  listTransactions,
  openStatement,
  PAGE_DEFAULT,
  type QueryResult,
  type Statement,
  statementHead,
  timeText,
} from "../history-queries.ts";
import { checkedQuery } from "./checked-query.ts";
import { csvLine } from "./csv.ts";
import type { Exchange } from "./exchange.ts";
import type { PlainRoute } from "./route.ts";

const WALLET = "/api/v1/wallets/{id}";
const LINES_PER_PART = 500;

const transactionsQuery = z.strictObject({ ...historyFields, limit: historyFields.limit });
const statementQuery = z.strictObject({
  from: statementFields.from,
  to: statementFields.to,
  format: z.enum(["json", "csv"]).optional(),
});
const balanceQuery = z.strictObject({ at: pointInTime });

export const HISTORY_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: `${WALLET}/transactions`,
    summary: "What happened to a wallet, newest first, however long ago.",
    status: 200,
    answer: transactionsAnswer,
    access: "caller",
    query: {
      limit: `How many at most, from 1 to 200; ${PAGE_DEFAULT} where absent.`,
      cursor: "nextCursor of the page before.",
      from: "Only from this moment on, as in RFC 3339.",
      to: "Only before this moment, as in RFC 3339.",
      type: "Only transactions of this type, such as Transfer.",
      reference: "Only transactions with this reference.",
    },
    run: transactions,
  },
  {
    kind: "plain",
    method: "get",
    path: `${WALLET}/statement`,
    summary: "Opening balance, every line and closing balance of a time, as JSON or CSV.",
    status: 200,
    answer: statementAnswer,
    access: "caller",
    query: {
      from: "The first moment of the time, as in RFC 3339.",
      to: "The moment at which it ends, which is no part of it.",
      format: "json or csv; json where absent.",
    },
    run: statement,
  },
];

/** What a wallet held at the moment or position that the query names. */
export function runBalanceAt(exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const walletId = walletOf(exchange);
  const asked = walletId === undefined ? undefined : checkedQuery(exchange, balanceQuery, ["at"]);
  if (walletId === undefined || asked === undefined) return;
  const code = balanceAt(context, caller, { walletId, at: asked.at }, (result) => answer(exchange, result));
  if (code !== "ok") exchange.problem(code);
}

function transactions(exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const walletId = walletOf(exchange);
  if (walletId === undefined) return;
  const names = ["limit", "cursor", "from", "to", "reference"] as const;
  const type = exchange.query("type");
  const asked = checkedQuery(exchange, transactionsQuery, names, type === null ? {} : { movement: type });
  if (asked === undefined) return;
  const code = listTransactions(context, caller, { walletId, ...asked }, (result) => answer(exchange, result));
  if (code !== "ok") exchange.problem(code);
}

function statement(exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const walletId = walletOf(exchange);
  const asked = walletId === undefined ? undefined : checkedQuery(exchange, statementQuery, ["from", "to", "format"]);
  if (walletId === undefined || asked === undefined) return;
  const code = openStatement(context, caller, { walletId, ...asked }, (found) => {
    if ("code" in found) exchange.problem(found.code);
    else if (asked.format === "csv") sendCsv(exchange, found);
    else sendJson(exchange, found, asked);
  });
  if (code !== "ok") exchange.problem(code);
}

function sendJson(exchange: Exchange, found: Statement, asked: { readonly from: string; readonly to: string }): void {
  const head = statementHead(found.wallet, found.opened, asked);
  sendLines(
    exchange,
    found,
    "application/json",
    `${head.slice(0, -1)},"lines":[`,
    "]}",
    (lines, isFirst) => `${isFirst ? "" : ","}${lines.map((line) => JSON.stringify(transactionJson(line))).join(",")}`,
  );
}

const COLUMNS = [
  "position",
  "time",
  "type",
  "id",
  "direction",
  "amountMinor",
  "counterpartyId",
  "postedMinor",
  "availableMinor",
  "version",
  "targetId",
  "reference",
] as const satisfies readonly (keyof Transaction | "time")[];

function sendCsv(exchange: Exchange, found: Statement): void {
  const { opening, closing } = found.opened;
  const balance = (type: string, then: BalanceThen | null): string =>
    csvLine([
      then?.position ?? "",
      then === null ? "" : timeText(then.timestampMs),
      type,
      ...Array.from({ length: 4 }, () => ""),
      then?.postedMinor ?? 0,
      then?.availableMinor ?? 0,
      then?.version ?? 0,
      "",
      "",
    ]);
  const head = csvLine(COLUMNS) + balance("OpeningBalance", opening);
  sendLines(exchange, found, "text/csv; charset=utf-8", head, balance("ClosingBalance", closing), (lines) =>
    lines
      .map((line) =>
        csvLine(COLUMNS.map((name) => (name === "time" ? timeText(line.timestampMs) : (line[name] ?? "")))),
      )
      .join(""),
  );
}

/** Sends what stands before the lines, the lines a part at a time, and what stands behind them. */
function sendLines(
  exchange: Exchange,
  { opened, lines, end }: Statement,
  contentType: string,
  head: string,
  foot: string,
  textOf: (lines: readonly Transaction[], isFirst: boolean) => string,
): void {
  let sent = -1;
  const next = (take: (part: string | null) => void): void => {
    if (sent < 0) {
      sent = 0;
      take(head);
    } else if (sent < opened.lines) {
      const first = sent;
      sent = Math.min(sent + LINES_PER_PART, opened.lines);
      lines(first, LINES_PER_PART, (part) => take(part === null ? null : textOf(part, first === 0)));
    } else if (sent === opened.lines) {
      sent += 1;
      take(foot);
    } else {
      take("");
    }
  };
  exchange.stream(contentType, {}, next, end);
}

function answer(exchange: Exchange, result: QueryResult): void {
  if ("code" in result) exchange.problem(result.code);
  else exchange.json(200, result.text);
}

function walletOf(exchange: Exchange): string | undefined {
  if (isUuid(exchange.parameter)) return exchange.parameter;
  exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
  return undefined;
}
