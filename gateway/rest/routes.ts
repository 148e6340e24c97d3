import type { TemplatedApp } from "uWebSockets.js";
import type { Code } from "../../protocol/codes.ts";
import { readAcks } from "../acks.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import { docsRoutes } from "../docs-page.ts";
import { LimitedLines } from "../limited-lines.ts";
import { Metrics } from "../metrics/metrics.ts";
import { openApiDocument } from "../openapi.ts";
import { readPositions } from "../replication-view.ts";
import { SEED_ROUTES } from "../seed/seed-routes.ts";
import { statusPage } from "../status/status-page.ts";
import { BATCH_ROUTE, COMMAND_ROUTES, runCommand } from "./command-routes.ts";
import { EVENT_ROUTES } from "./event-routes.ts";
import { Exchange } from "./exchange.ts";
import { HEALTH_ROUTES } from "./health-routes.ts";
import { HISTORY_ROUTES } from "./history-routes.ts";
import { LIMIT_ROUTES, WALLET_LIMITS_ROUTE } from "./limit-routes.ts";
import { LOG_LEVEL_ROUTES } from "./log-level-routes.ts";
import { MEDCARD_ANALYTICS_ROUTES } from "./medcard-analytics-routes.ts";
import { MEDCARD_ROUTES } from "./medcard-routes.ts";
import { MERCHANT_ROUTES } from "./merchant-routes.ts";
import { MONEY_COMMAND_ROUTES, MONEY_QUERY_ROUTES } from "./money-routes.ts";
import { PAYMENT_ROUTES } from "./payment-routes.ts";
import { PAYOUT_ROUTES } from "./payout-routes.ts";
import { PERSON_ROUTES } from "./person-routes.ts";
import { PROVIDER_ROUTES } from "./provider-routes.ts";
import { QUERY_ROUTES } from "./query-routes.ts";
import { REPLICATION_ROUTES } from "./replication-routes.ts";
import { ResponseCounts } from "./response-counts.ts";
import type { Route } from "./route.ts";
import { SAGA_ROUTES } from "./saga-routes.ts";
import { TOPUP_ROUTES } from "./topup-routes.ts";

/** The page holds everything that it shows. */
const STATUS_HEADERS = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
  "cache-control": "no-store",
};

/** Every route of the API that OpenAPI describes. */
export const API_ROUTES: readonly Route[] = [
  ...COMMAND_ROUTES,
  ...MONEY_COMMAND_ROUTES,
  ...MONEY_QUERY_ROUTES,
  WALLET_LIMITS_ROUTE,
  BATCH_ROUTE,
  ...QUERY_ROUTES,
  ...PAYMENT_ROUTES,
  ...MEDCARD_ROUTES,
  ...MEDCARD_ANALYTICS_ROUTES,
  ...MERCHANT_ROUTES,
  ...TOPUP_ROUTES,
  ...PAYOUT_ROUTES,
  ...PROVIDER_ROUTES,
  ...SAGA_ROUTES,
  ...PERSON_ROUTES,
  ...REPLICATION_ROUTES,
  ...HISTORY_ROUTES,
  ...LIMIT_ROUTES,
  ...EVENT_ROUTES,
  ...LOG_LEVEL_ROUTES,
  ...HEALTH_ROUTES,
];

/** Serves the REST interface, its description, the documentation page and the metrics. */
export function registerRest(app: TemplatedApp, context: GatewayContext): void {
  const counts = new ResponseCounts();
  const failures = new LimitedLines((fields) => context.log.warn(fields, "request failed"));
  const parts = { counts, role: context.role, failures, isTraced: context.tracer !== undefined };
  const methodsOf = new Map<string, string[]>();
  const register = (method: Route["method"], path: string, take: (exchange: Exchange) => void): void => {
    const name = methodName(method);
    const label = `${name} ${path}`;
    methodsOf.set(path, [...(methodsOf.get(path) ?? []), name]);
    app[method](pattern(path), (response, request) => take(new Exchange(response, request, label, parts)));
  };
  for (const route of API_ROUTES) register(route.method, route.path, (exchange) => serve(route, exchange, context));
  for (const [path, page] of Object.entries(pagesOf(context, counts))) {
    register("get", path, (exchange) => {
      const caller = exchange.authenticate(context.access);
      if (caller === undefined) exchange.problem("unauthenticated");
      else page(exchange, caller);
    });
  }
  const refuse = (path: string, code: Code, headers: Readonly<Record<string, string>>): void => {
    app.any(path, (response, request) => {
      const exchange = new Exchange(response, request, "other", parts);
      if (exchange.authenticate(context.access) === undefined) exchange.problem("unauthenticated");
      else exchange.problem(code, {}, headers);
    });
  };
  for (const { method, path, run } of SEED_ROUTES) {
    register(method, path, (exchange) => {
      const caller = exchange.authenticate(context.access);
      if (caller === undefined) exchange.problem("unauthenticated");
      else if (caller.role !== "admin") exchange.problem("forbidden");
      else if (context.seeds === undefined) exchange.problem("not_replicated");
      else run(exchange, context.seeds);
    });
  }
  for (const [path, methods] of methodsOf) refuse(pattern(path), "method_not_allowed", { allow: methods.join(", ") });
  refuse("/*", "path_not_found", {});
}

/** What is served besides the API, by path. */
function pagesOf(
  context: GatewayContext,
  counts: ResponseCounts,
): Record<string, (exchange: Exchange, caller: Caller) => void> {
  const metrics = new Metrics(context, counts);
  const openApi = JSON.stringify(openApiDocument(API_ROUTES));
  return {
    "/metrics": (exchange) => {
      metrics.page(exchange.accept).then(
        ({ contentType, text }) => exchange.send(200, contentType, text),
        (error: unknown) => {
          context.log.error({ error: String(error) }, "the metrics could not be written");
          exchange.problem("internal_error");
        },
      );
    },
    "/statusz": (exchange, { role }) => {
      if (role === "admin") exchange.send(200, "text/html; charset=utf-8", statusPage(context), STATUS_HEADERS);
      else exchange.problem("forbidden");
    },
    "/openapi.json": (exchange) => exchange.json(200, openApi),
    ...docsRoutes(),
  };
}

function serve(route: Route, exchange: Exchange, context: GatewayContext): void {
  if (route.access === "public") {
    if (route.kind === "plain") route.run(exchange, context, NOBODY);
    return;
  }
  const caller = exchange.authenticate(context.access);
  if (caller === undefined) {
    exchange.problem("unauthenticated");
    return;
  }
  if (route.access === "admin" && caller.role !== "admin") {
    exchange.problem("forbidden");
    return;
  }
  const awaitsLog = readAcks(exchange.acks, context);
  if (typeof awaitsLog === "string") {
    exchange.problem(awaitsLog, { field: "Mizan-Acks" });
    return;
  }
  if (route.method === "get" && context.isReplicated) exchange.positions = readPositions(context);
  const asker = awaitsLog ? { ...caller, awaitsLog } : caller;
  if (route.kind === "command") runCommand(route, exchange, context, asker);
  else route.run(exchange, context, asker);
}

/** Stands in for a caller on public routes, and owns nothing. */
const NOBODY = { role: "user", ownerId: new Uint32Array(4), keyId: "" } as const;

/** The form of a path that uWebSockets matches. */
function pattern(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}

function methodName(method: Route["method"]): string {
  return method === "del" ? "DELETE" : method.toUpperCase();
}
