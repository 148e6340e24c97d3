/** The routes that read, and those by which admins manage access. */

import type { ObjectOutcome } from "../../engine/views.ts";
import { isUuid, uuidBytes } from "../../protocol/ids.ts";
import { createApiKeyBody } from "../../protocol/json-access.ts";
import {
  apiKeyCreatedAnswer,
  apiKeyRevokedAnswer,
  apiKeysAnswer,
  balanceAnswer,
  snapshotsAnswer,
  ticketAnswer,
  transferFoundAnswer,
  trialBalanceAnswer,
  walletAnswer,
} from "../../protocol/json-answers.ts";
import { apiKeyView, balanceView, readWallet, snapshotsView, trialBalanceView, type WalletView } from "../json-view.ts";
import { commandIdOf } from "./command-routes.ts";
import type { Exchange } from "./exchange.ts";
import { runBalanceAt } from "./history-routes.ts";
import type { PlainRoute } from "./route.ts";

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

export const QUERY_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/wallets/{id}",
    summary: "A wallet as it is now.",
    status: 200,
    answer: walletAnswer,
    access: "caller",
    run: walletRoute((wallet) => wallet),
  },
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/wallets/{id}/balance",
    summary: "What a wallet holds, with its version and journal position; or what it held.",
    status: 200,
    answer: balanceAnswer,
    access: "caller",
    query: { at: "A moment as in RFC 3339, or a journal position, shard:sequence; now where absent." },
    run: (exchange, context, caller) => {
      if (exchange.query("at") === null) walletRoute(balanceView)(exchange, context, caller);
      else runBalanceAt(exchange, context, caller);
    },
  },
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/transfers/{id}",
    summary: "The movement of money that a command id led to, however long ago.",
    status: 200,
    answer: transferFoundAnswer,
    access: "caller",
    run: (exchange, { dispatcher }, caller) => {
      if (!hasUuid(exchange)) return;
      const code = dispatcher.lookupTransfer(caller, uuidBytes(exchange.parameter), (view) => {
        if (typeof view === "string") exchange.problem(view);
        else exchange.json(200, JSON.stringify(view));
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/trial-balance",
    summary: "The books: per currency and shard, and in total. Every sumMinor is zero.",
    status: 200,
    answer: trialBalanceAnswer,
    access: "admin",
    run: (exchange, { dispatcher }, caller) => {
      const code = dispatcher.trialBalance(caller, (views) => {
        if (typeof views === "string") exchange.problem(views);
        else exchange.json(200, JSON.stringify(trialBalanceView(views)));
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
  {
    kind: "plain",
    method: "post",
    path: "/api/v1/snapshots",
    summary: "Takes a snapshot of every shard, and answers when all are durable.",
    status: 201,
    answer: snapshotsAnswer,
    access: "admin",
    run: (exchange, { dispatcher }, caller) => {
      const code = dispatcher.takeSnapshots(caller, (views) => {
        if (views.includes(null)) exchange.problem("internal_error");
        else exchange.json(201, JSON.stringify(snapshotsView(views)));
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
  {
    kind: "plain",
    method: "post",
    path: "/api/v1/tickets",
    summary: "A ticket that opens one WebSocket as the caller, for browsers, which cannot send the key there.",
    status: 201,
    answer: ticketAnswer,
    access: "caller",
    run: (exchange, { access }, caller) => {
      const { ticket, expiresAtMs } = access.issueTicket(caller);
      exchange.json(201, JSON.stringify({ ticket, expiresAt: new Date(expiresAtMs).toISOString() }));
    },
  },
  {
    kind: "plain",
    method: "post",
    path: "/api/v1/api-keys",
    summary: "Makes an API key, which is shown in this answer only.",
    status: 201,
    answer: apiKeyCreatedAnswer,
    access: "admin",
    body: createApiKeyBody,
    needsKey: true,
    run: (exchange, { access }, caller) => {
      const commandId = commandIdOf(exchange, caller);
      if (commandId === undefined) return;
      exchange.readBody(createApiKeyBody, (body) => {
        const { name, role } = body;
        const ownerId = "ownerId" in body ? body.ownerId.toLowerCase() : "";
        const code = access.createKey(caller, { commandId, name, role, ownerId }, (outcome) =>
          answerKey(exchange, 201, outcome, { key: outcome.key }),
        );
        if (code !== "ok") exchange.problem(code);
      });
    },
  },
  {
    kind: "plain",
    method: "get",
    path: "/api/v1/api-keys",
    summary: "API keys, oldest first, without what opens them.",
    status: 200,
    answer: apiKeysAnswer,
    access: "admin",
    query: {
      limit: `How many at most, from 1 to ${PAGE_MAX}; ${PAGE_DEFAULT} where absent.`,
      cursor: "nextCursor of the page before.",
    },
    run: (exchange, { access }) => {
      const limit = Number(exchange.query("limit") ?? PAGE_DEFAULT);
      if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
        exchange.problem("invalid_request", {
          detail: `limit is a whole number from 1 to ${PAGE_MAX}`,
          field: "limit",
        });
        return;
      }
      const keys = access.list();
      const cursor = exchange.query("cursor");
      const first = cursor === null ? 0 : keys.findIndex(({ id }) => id === cursor) + 1;
      if (cursor !== null && first === 0) {
        exchange.problem("invalid_request", { detail: "no such cursor", field: "cursor" });
        return;
      }
      const page = keys.slice(first, first + limit);
      const nextCursor = first + limit < keys.length ? page.at(-1)?.id : null;
      exchange.json(200, JSON.stringify({ keys: page.map(apiKeyView), nextCursor }));
    },
  },
  {
    kind: "plain",
    method: "del",
    path: "/api/v1/api-keys/{id}",
    summary: "Revokes an API key, and closes the connections that it opened.",
    status: 200,
    answer: apiKeyRevokedAnswer,
    access: "admin",
    needsKey: true,
    run: (exchange, { access }, caller) => {
      const commandId = commandIdOf(exchange, caller);
      if (commandId === undefined || !hasUuid(exchange)) return;
      const code = access.revokeKey(caller, exchange.parameter.toLowerCase(), commandId, (outcome) =>
        answerKey(exchange, 200, outcome, {}),
      );
      if (code !== "ok") exchange.problem(code);
    },
  },
];

function walletRoute(show: (wallet: WalletView) => object): PlainRoute["run"] {
  return (exchange, { dispatcher }, caller) => {
    if (!hasUuid(exchange)) return;
    const code = dispatcher.lookupWallets(caller, uuidBytes(exchange.parameter), (wallets) => {
      const wallet = typeof wallets === "string" ? wallets : readWallet(wallets, 0);
      if (typeof wallet === "string") exchange.problem(wallet);
      else exchange.json(200, JSON.stringify(show(wallet)));
    });
    if (code !== "ok") exchange.problem(code);
  };
}

function answerKey(exchange: Exchange, status: number, outcome: ObjectOutcome, more: object): void {
  const position = outcome.sequence === 0 ? {} : { position: `${outcome.shard}:${outcome.sequence}` };
  const headers: Record<string, string> = outcome.replayed ? { "idempotency-replayed": "true" } : {};
  if (outcome.code === "ok" && outcome.state !== null) {
    const view = apiKeyView(outcome.state as unknown as Parameters<typeof apiKeyView>[0]);
    exchange.json(status, JSON.stringify({ ...view, ...more, ...position }), headers);
  } else {
    exchange.problem(outcome.code, position, headers);
  }
}

function hasUuid(exchange: Exchange): boolean {
  if (isUuid(exchange.parameter)) return true;
  exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
  return false;
}
