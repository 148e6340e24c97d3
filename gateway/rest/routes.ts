import type { HttpRequest, HttpResponse, TemplatedApp } from "uWebSockets.js";
import { statusAnswer } from "../../protocol/json-answers.ts";
import type { GatewayContext } from "../context.ts";
import { docsRoutes } from "../docs-page.ts";
import { Metrics } from "../metrics.ts";
import { openApiDocument } from "../openapi.ts";
import { BATCH_ROUTE, COMMAND_ROUTES, runCommand } from "./command-routes.ts";
import { Exchange } from "./exchange.ts";
import { QUERY_ROUTES } from "./query-routes.ts";
import type { PlainRoute, Route } from "./route.ts";

const HEALTH_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "get",
    path: "/healthz",
    summary: "Whether the process is alive.",
    status: 200,
    answer: statusAnswer,
    access: "public",
    run: (exchange) => exchange.json(200, '{"status":"alive"}'),
  },
  {
    kind: "plain",
    method: "get",
    path: "/readyz",
    summary: "Whether the ledger has recovered and takes commands; 503 while it does not.",
    status: 200,
    answer: statusAnswer,
    access: "public",
    run: (exchange, context) =>
      context.isReady() ? exchange.json(200, '{"status":"ready"}') : exchange.json(503, '{"status":"not_ready"}'),
  },
];

/** Every route of the API that OpenAPI describes. */
export const API_ROUTES: readonly Route[] = [...COMMAND_ROUTES, BATCH_ROUTE, ...QUERY_ROUTES, ...HEALTH_ROUTES];

/** Serves the REST interface, its description, the documentation page and the metrics. */
export function registerRest(app: TemplatedApp, context: GatewayContext): void {
  for (const route of API_ROUTES) {
    app[route.method](pattern(route.path), (response, request) => serve(route, response, request, context));
  }
  const metrics = new Metrics(context);
  const openApi = JSON.stringify(openApiDocument(API_ROUTES));
  const pages: Readonly<Record<string, (exchange: Exchange) => void>> = {
    "/metrics": (exchange) => {
      metrics.text().then(
        (text) => exchange.send(200, metrics.contentType, text),
        (error: unknown) => {
          context.log.error({ error: String(error) }, "the metrics could not be written");
          exchange.problem("internal_error");
        },
      );
    },
    "/openapi.json": (exchange) => exchange.json(200, openApi),
    ...docsRoutes(),
  };
  for (const [path, page] of Object.entries(pages)) {
    app.get(path, (response, request) => {
      const exchange = new Exchange(response, request);
      if (exchange.authenticate(context.access) === undefined) exchange.problem("unauthenticated");
      else page(exchange);
    });
  }
  app.any("/*", (response, request) => {
    const exchange = new Exchange(response, request);
    exchange.problem(isKnownPath(exchange.path, Object.keys(pages)) ? "method_not_allowed" : "path_not_found");
  });
}

function serve(route: Route, response: HttpResponse, request: HttpRequest, context: GatewayContext): void {
  const exchange = new Exchange(response, request);
  const caller = exchange.authenticate(context.access);
  if (route.access === "public") {
    if (route.kind === "plain") route.run(exchange, context, NOBODY);
    return;
  }
  if (caller === undefined) {
    exchange.problem("unauthenticated");
    return;
  }
  if (route.access === "admin" && caller.role !== "admin") {
    exchange.problem("forbidden");
    return;
  }
  if (route.kind === "command") runCommand(route, exchange, context, caller);
  else route.run(exchange, context, caller);
}

/** Stands in for a caller on public routes, and owns nothing. */
const NOBODY = { role: "user", ownerId: new Uint32Array(4), keyId: "" } as const;

/** The form of a path that uWebSockets matches. */
function pattern(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}

function isKnownPath(path: string, pages: readonly string[]): boolean {
  if (pages.includes(path)) return true;
  return API_ROUTES.some((route) => new RegExp(`^${route.path.replace(/\{\w+\}/g, "[^/]+")}$`).test(path));
}
