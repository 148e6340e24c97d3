/** Queries: what is asked once and answered once with JSON, over either subprotocol. */

import type { HoldView } from "../engine/views.ts";
import { CODES, type Code, type Refusal } from "../protocol/codes.ts";
import { uuidBytes } from "../protocol/ids.ts";
import { type Checked, check } from "../protocol/json-fault.ts";
import { type JsonQuery, jsonQuery } from "../protocol/json-requests.ts";
import { unreachable } from "../protocol/unreachable.ts";
import type { Caller } from "./caller.ts";
import type { GatewayContext } from "./context.ts";
import { balanceAt, listTransactions, type QueryResult, statementPart } from "./history-queries.ts";
import { findHold } from "./hold-queries.ts";
import { errorText } from "./json-command.ts";
import { balanceView, holdView, readWallet, trialBalanceView, type WalletView } from "./json-view.ts";
import { replicationView } from "./replication-view.ts";

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Done = (result: QueryResult) => void;

/**
 * Reads the text of a Query frame.
 *
 * **Errors**: `malformed_json`; `unknown_operation` for what is no query; `invalid_request` naming the first wrong field.
 */
export function readQuery(text: Uint8Array): Checked<JsonQuery> {
  let value: unknown;
  try {
    value = JSON.parse(UTF_8.decode(text));
  } catch {
    return { ok: false, fault: { code: "malformed_json", field: "", message: CODES.malformed_json.meaning } };
  }
  return check(jsonQuery, value);
}

/**
 * Answers a query on behalf of the caller.
 *
 * **Errors**: `done` is called exactly once, later, where this returns `ok`; any other code refuses the query.
 */
export function answerQuery(context: GatewayContext, caller: Caller, query: JsonQuery, done: Done): Code {
  const { dispatcher } = context;
  switch (query.type) {
    case "GetWallet":
      return lookup(context, caller, [query.walletId], done, ([wallet]) => done(resultOf(wallet, (found) => found)));
    case "GetBalance":
      return lookup(context, caller, [query.walletId], done, ([wallet]) => done(resultOf(wallet, balanceView)));
    case "GetWallets":
      return lookup(context, caller, query.walletIds, done, (wallets) => {
        const found = wallets.map((wallet) => `{${answerFields(resultOf(wallet, (view) => view))}}`);
        done({ text: `{"wallets":[${found.join(",")}]}` });
      });
    case "GetHold":
      return findHold(context, caller, query.holdId, done);
    case "GetHolds":
      return dispatcher.listHolds(caller, uuidBytes(query.walletId), (holds) => done(resultOf(holds, holdsView)));
    case "ListTransactions":
      return listTransactions(context, caller, query, done);
    case "GetBalanceAt":
      return balanceAt(context, caller, query, done);
    case "GetStatement":
      return statementPart(context, caller, query, done);
    case "GetTransfer":
      return dispatcher.lookupTransfer(caller, uuidBytes(query.id), (transfer) =>
        done(resultOf(transfer, (view) => view)),
      );
    case "GetTrialBalance":
      return dispatcher.trialBalance(caller, (views) => done(resultOf(views, trialBalanceView)));
    case "GetReplication":
      setImmediate(() => done({ text: JSON.stringify(replicationView(context)) }));
      return "ok";
    default:
      return unreachable(query);
  }
}

/** The JSON of an answer over a JSON socket, without its request id and braces. */
export function answerFields(result: QueryResult): string {
  return "code" in result ? `"ok":false,"error":${errorText(result.code)}` : `"ok":true,"result":${result.text}`;
}

function lookup(
  { dispatcher }: GatewayContext,
  caller: Caller,
  walletIds: readonly string[],
  done: Done,
  take: (wallets: readonly (WalletView | Refusal)[]) => void,
): Code {
  const ids = new Uint8Array(walletIds.length * 16);
  for (const [index, id] of walletIds.entries()) ids.set(uuidBytes(id), index * 16);
  return dispatcher.lookupWallets(caller, ids, (wallets) => {
    if (typeof wallets === "string") done({ code: wallets });
    else take(walletIds.map((_, index) => readWallet(wallets, index)));
  });
}

function resultOf<T extends object>(found: T | Refusal, show: (found: T) => object): QueryResult {
  return typeof found === "string" ? { code: found } : { text: JSON.stringify(show(found)) };
}

function holdsView(holds: readonly HoldView[]): object {
  return { holds: holds.map(holdView) };
}
