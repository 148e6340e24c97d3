/** The routes of holds, reversals and exchanges, and the one that stripes a wallet. */

import type { TransferView } from "../../engine/views.ts";
import { isUuid, uuidBytes } from "../../protocol/ids.ts";
import {
  exchangeAnswer,
  holdCapturedAnswer,
  holdFoundAnswer,
  holdPlacedAnswer,
  holdsAnswer,
  holdVoidedAnswer,
  reversalAnswer,
  walletStripedAnswer,
} from "../../protocol/json-answers.ts";
import {
  captureHoldBody,
  exchangeBody,
  placeHoldBody,
  reverseTransferBody,
  voidHoldBody,
  walletChangeBody,
} from "../../protocol/json-commands.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import { findHold } from "../hold-queries.ts";
import { encodeCommands } from "../json-command.ts";
import { holdView } from "../json-view.ts";
import { answerCommand, commandIdOf, send } from "./command-routes.ts";
import type { Exchange } from "./exchange.ts";
import { type CommandRoute, commandRoute, type PlainRoute } from "./route.ts";

const HOLD = "/api/v1/holds/{id}";
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

export const MONEY_COMMAND_ROUTES: readonly CommandRoute[] = [
  commandRoute(
    {
      method: "post",
      path: "/api/v1/wallets/{id}/holds",
      summary: "Sets an amount of a wallet aside; the Idempotency-Key, where it is a UUID, becomes the hold's id.",
      status: 201,
      answer: holdPlacedAnswer,
      access: "caller",
      body: placeHoldBody,
    },
    (body, id, walletId) => ({ type: "PlaceHold", id, walletId, ...body }),
  ),
  commandRoute(
    {
      method: "post",
      path: `${HOLD}/captures`,
      summary: "Moves part of a hold, or all that is left of it, to another wallet or out of the ledger.",
      status: 201,
      answer: holdCapturedAnswer,
      access: "caller",
      body: captureHoldBody,
    },
    (body, id, holdId) => ({ type: "CaptureHold", id, holdId, ...body }),
  ),
  commandRoute(
    {
      method: "post",
      path: `${HOLD}/void`,
      summary: "Makes what is left of a hold available again.",
      status: 200,
      answer: holdVoidedAnswer,
      access: "caller",
      body: voidHoldBody,
    },
    (body, id, holdId) => ({ type: "VoidHold", id, holdId, ...body }),
  ),
  commandRoute(
    {
      method: "post",
      path: "/api/v1/exchanges",
      summary: "Sells an amount of one wallet for the currency of another, at a rate; for admins.",
      status: 201,
      answer: exchangeAnswer,
      access: "caller",
      body: exchangeBody,
    },
    (body, id) => ({ type: "ExchangeCurrency", id, ...body }),
  ),
  commandRoute(
    {
      method: "post",
      path: "/api/v1/wallets/{id}/stripe",
      summary: "Spreads the credits of a wallet over all shards, for good; for admins.",
      status: 200,
      answer: walletStripedAnswer,
      access: "caller",
      body: walletChangeBody,
    },
    (body, id, walletId) => ({ type: "StripeWallet", id, walletId, ...body }),
  ),
];

export const MONEY_QUERY_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "post",
    path: "/api/v1/transfers/{id}/reversals",
    summary: "Moves part of a movement back, or all that is left of it.",
    status: 201,
    answer: reversalAnswer,
    access: "caller",
    body: reverseTransferBody,
    needsKey: true,
    run: reverse,
  },
  {
    kind: "plain",
    method: "get",
    path: HOLD,
    summary: "A hold, open or closed, for as long as the record that placed it is kept.",
    status: 200,
    answer: holdFoundAnswer,
    access: "caller",
    run: (exchange, context, caller) => {
      if (!hasUuid(exchange)) return;
      const code = findHold(context, caller, exchange.parameter, (result) => {
        if ("code" in result) exchange.problem(result.code);
        else exchange.json(200, result.text);
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/wallets/{id}/holds",
    summary: "The open holds of a wallet, oldest first: the newest 1,000 of them.",
    status: 200,
    answer: holdsAnswer,
    access: "caller",
    query: {
      limit: `How many at most, from 1 to ${PAGE_MAX}; ${PAGE_DEFAULT} where absent.`,
      cursor: "nextCursor of the page before.",
    },
    run: listHolds,
  },
];

function reverse(exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const id = commandIdOf(exchange, caller);
  if (id === undefined || !hasUuid(exchange)) return;
  const transferId = exchange.parameter;
  exchange.readBody(reverseTransferBody, ({ walletId, ...body }) => {
    const sendNamed = (namedId: string): void => {
      const command = { type: "ReverseTransfer", id, walletId: namedId, transferId, ...body } as const;
      const records = encodeCommands([command]);
      const done = (results: Uint8Array): void => answerCommand(exchange, 201, command, results);
      const code = send(exchange, context, caller, [command], records, done);
      if (code !== "ok") exchange.problem(code);
    };
    if (walletId !== undefined) {
      sendNamed(walletId);
      return;
    }
    const code = context.dispatcher.lookupTransfer(caller, uuidBytes(transferId), (view) => {
      if (typeof view === "string") exchange.problem(view);
      else sendNamed(namedWallet(view));
    });
    if (code !== "ok") exchange.problem(code);
  });
}

/** The wallet that the command of a movement named. */
function namedWallet({ type, fromWalletId, toWalletId }: TransferView): string {
  return type === "Credit" || type === "ReverseTransfer" ? toWalletId : fromWalletId;
}

function listHolds(exchange: Exchange, { dispatcher }: GatewayContext, caller: Caller): void {
  if (!hasUuid(exchange)) return;
  const limit = Number(exchange.query("limit") ?? PAGE_DEFAULT);
  const cursor = exchange.query("cursor");
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
    exchange.problem("invalid_request", { detail: `limit is a whole number from 1 to ${PAGE_MAX}`, field: "limit" });
    return;
  }
  if (cursor !== null && !isUuid(cursor)) {
    exchange.problem("invalid_request", { detail: "no such cursor", field: "cursor" });
    return;
  }
  const code = dispatcher.listHolds(caller, uuidBytes(exchange.parameter), (holds) => {
    if (typeof holds === "string") {
      exchange.problem(holds);
      return;
    }
    // A hold that was closed meanwhile takes its cursor along: the list then begins anew.
    const first = cursor === null ? 0 : holds.findIndex(({ id }) => id === cursor) + 1;
    const page = holds.slice(first, first + limit);
    const nextCursor = first + limit < holds.length ? (page.at(-1)?.id ?? null) : null;
    exchange.json(200, JSON.stringify({ holds: page.map(holdView), nextCursor }));
  });
  if (code !== "ok") exchange.problem(code);
}

function hasUuid(exchange: Exchange): boolean {
  if (isUuid(exchange.parameter)) return true;
  exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
  return false;
}
