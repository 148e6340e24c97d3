/** The routes that set and show limits. */

import { REQUEST_FLAG } from "../../engine/port/entries.ts";
import { WALLET_TYPE } from "../../protocol/command-record.ts";
import { currencyNumber } from "../../protocol/currencies.ts";
import { isUuid, uuidBytes } from "../../protocol/ids.ts";
import { currency, walletType } from "../../protocol/json-fields.ts";
import {
  limitsAnswer,
  limitsMetadata,
  typeLimitsAnswer,
  typeLimitsBody,
  typeLimitsFoundAnswer,
  walletLimitsAnswer,
  walletLimitsBody,
} from "../../protocol/json-limits.ts";
import { limitsView } from "../limit-view.ts";
import { encodeTypeLimits, readTypeLimitsResults, type TypeLimits } from "../type-limits.ts";
import { commandIdOf } from "./command-routes.ts";
import type { Exchange } from "./exchange.ts";
import { type CommandRoute, commandRoute, type PlainRoute } from "./route.ts";

const TYPE_LIMITS = "/api/v1/limits/{type}/{currency}";
const WALLET_LIMITS = "/api/v1/wallets/{id}/limits";

export const WALLET_LIMITS_ROUTE: CommandRoute = commandRoute(
  {
    method: "put",
    path: WALLET_LIMITS,
    summary: "Sets a wallet's own limits, in place of all that it had; for admins.",
    status: 200,
    answer: walletLimitsAnswer,
    access: "caller",
    body: walletLimitsBody,
  },
  ({ debit, credit, ...conditions }, id, walletId) => ({
    type: "SetWalletLimits",
    id,
    walletId,
    limits: limitsMetadata({ debit, credit }),
    ...conditions,
  }),
);

export const LIMIT_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: WALLET_LIMITS,
    summary: "The limits that apply to a wallet, its own and those of its type, and what is left of them.",
    status: 200,
    answer: limitsAnswer,
    access: "caller",
    run: (exchange, { dispatcher }, caller) => {
      if (!isUuid(exchange.parameter)) {
        exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
        return;
      }
      const code = dispatcher.lookupLimits(caller, uuidBytes(exchange.parameter), (view) => {
        if (typeof view === "string") exchange.problem(view);
        else exchange.json(200, JSON.stringify(limitsView(view)));
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
  {
    kind: "plain",
    method: "get",
    path: TYPE_LIMITS,
    summary: "The limits of all wallets of a type in a currency, as they were set; for admins.",
    status: 200,
    answer: typeLimitsFoundAnswer,
    access: "admin",
    run: (exchange, { dispatcher }, caller) => {
      const of = typeAndCurrency(exchange);
      if (of === undefined) return;
      const numbers = { type: WALLET_TYPE[of.type], currency: currencyNumber(of.currency) };
      const code = dispatcher.lookupTypeLimits(caller, numbers, (limits) => {
        if (typeof limits === "string") exchange.problem(limits);
        else exchange.json(200, JSON.stringify({ ...of, limits }));
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
  {
    kind: "plain",
    method: "put",
    path: TYPE_LIMITS,
    summary: "Sets the limits of all wallets of a type in a currency, in place of all that they had; for admins.",
    status: 200,
    answer: typeLimitsAnswer,
    access: "admin",
    body: typeLimitsBody,
    needsKey: true,
    run: (exchange, { dispatcher }, caller) => {
      const commandId = commandIdOf(exchange, caller);
      if (commandId === undefined) return;
      const of = typeAndCurrency(exchange);
      if (of === undefined) return;
      exchange.readBody(typeLimitsBody, (limits) => {
        const { shardCount } = dispatcher;
        const facts = { id: commandId, ...of, limits };
        const records = encodeTypeLimits(facts, shardCount);
        const code = dispatcher.commands(caller, REQUEST_FLAG.details, records, shardCount, (results) => {
          const { code, replayed, positions } = readTypeLimitsResults(results);
          const headers: Record<string, string> = replayed ? { "idempotency-replayed": "true" } : {};
          if (code === "ok") exchange.json(200, JSON.stringify({ ...facts, positions }), headers);
          else exchange.problem(code, {}, headers);
        });
        if (code !== "ok") exchange.problem(code);
      });
    },
  },
];

/** The type and the currency in the path; undefined where they are none, which is answered then. */
function typeAndCurrency(exchange: Exchange): Pick<TypeLimits, "type" | "currency"> | undefined {
  const type = walletType.safeParse(exchange.parameter);
  const ofCurrency = currency.safeParse(exchange.secondParameter);
  if (type.success && ofCurrency.success) return { type: type.data, currency: ofCurrency.data };
  exchange.problem(type.success ? "currency_unknown" : "wallet_type_invalid");
  return undefined;
}
