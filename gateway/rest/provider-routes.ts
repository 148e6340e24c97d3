/** The routes of providers: their callbacks, and the reconciliation with them. */

import { z } from "zod";
import { Calendar } from "../../engine/limits/calendar.ts";
import type { LimitsView } from "../../engine/views.ts";
import type { Code, Refusal } from "../../protocol/codes.ts";
import { isUuid, uuidBytes } from "../../protocol/ids.ts";
import {
  closeStrayBody,
  type ReconciliationReport,
  reconciliationAnswer,
  reconciliationReportAnswer,
  strayClosedAnswer,
} from "../../protocol/provider/rest.ts";
import type { GatewayContext } from "../context.ts";
import { readWallet } from "../json-view.ts";
import type { ProviderDesk } from "../providers/provider-desk.ts";
import { codeOf, LEDGER } from "../providers/provider-ledger.ts";
import type { RegisteredProvider } from "../providers/provider-register.ts";
import { reconciliationReport } from "../providers/reconciliation-report.ts";
import { csvLine } from "./csv.ts";
import type { Exchange } from "./exchange.ts";
import type { PlainRoute } from "./route.ts";

const PROVIDER = "/api/v1/providers/{provider}";
const CALLBACK_BYTES_MAX = 65_536;
const NOON_MS = 43_200_000;
const COLUMNS = [
  "kind",
  "id",
  "result",
  "status",
  "state",
  "transactionId",
  "currency",
  "hereMinor",
  "thereMinor",
  "attention",
] as const;

export const PROVIDER_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "post",
    path: `${PROVIDER}/callbacks`,
    summary: "What a provider reports about an order, signed with its key. Answered once it is durable.",
    status: 200,
    answer: z.strictObject({ received: z.literal(true) }),
    access: "public",
    query: { hmac: "The signature, where the provider sends it so." },
    run: (exchange, { providers, log }) => {
      const { parameter } = exchange;
      const hmac = exchange.query("hmac");
      exchange.readBytes(CALLBACK_BYTES_MAX, (body) => {
        answered(
          exchange,
          log,
          providers.callback(parameter, {
            body: Uint8Array.from(body),
            query: (name) => (name === "hmac" ? hmac : null),
          }),
          (code) => {
            if (code === "ok") exchange.json(200, JSON.stringify({ received: true }));
            else exchange.problem(code);
          },
        );
      });
    },
  },
  {
    kind: "plain",
    method: "post",
    path: `${PROVIDER}/reconciliations`,
    summary: "Asks a provider about everything that is open, and takes what it says; for admins.",
    status: 200,
    answer: reconciliationAnswer,
    access: "admin",
    run: (exchange, { providers, log }) => {
      const registered = providers.providers.get(exchange.parameter);
      if (registered === undefined) {
        exchange.problem("provider_not_found");
        return;
      }
      answered(exchange, log, providers.reconcile(registered), (done) =>
        exchange.json(200, JSON.stringify({ provider: registered.name, ...done })),
      );
    },
  },
  {
    kind: "plain",
    method: "post",
    path: `${PROVIDER}/strays/{id}/close`,
    summary: "Says that money of an unknown order, which reports show, has been dealt with; for admins.",
    status: 200,
    answer: strayClosedAnswer,
    access: "admin",
    body: closeStrayBody,
    run: (exchange, { providers, log }) => {
      const [provider, id] = [exchange.parameter, exchange.secondParameter.toLowerCase()];
      exchange.readBody(closeStrayBody, ({ reason }) => {
        answered(exchange, log, closeStray(providers, provider, id, reason), (code) => {
          if (code === "ok") exchange.json(200, JSON.stringify({ id, status: "CLOSED" }));
          else exchange.problem(code);
        });
      });
    },
  },
  {
    kind: "plain",
    method: "get",
    path: `${PROVIDER}/reconciliations/{date}`,
    summary: "The orders of a day against what the provider says of them now, as JSON or CSV; for admins.",
    status: 200,
    answer: reconciliationReportAnswer,
    access: "admin",
    query: { format: "json or csv; json where absent." },
    run: (exchange, context) => {
      const registered = context.providers.providers.get(exchange.parameter);
      const date = z.iso.date().safeParse(exchange.secondParameter);
      const format = exchange.query("format") ?? "json";
      if (registered === undefined) exchange.problem("provider_not_found");
      else if (!date.success)
        exchange.problem("invalid_request", { detail: "no date as in 2026-03-31", field: "date" });
      else if (format !== "json" && format !== "csv") exchange.problem("invalid_request", { field: "format" });
      else {
        answered(exchange, context.log, reportOf(context, registered, date.data), (report) => {
          if (typeof report === "string") exchange.problem(report);
          else if (format === "json") exchange.json(200, JSON.stringify(report));
          else exchange.send(200, "text/csv; charset=utf-8", csvOf(report));
        });
      }
    },
  },
];

function answered<T>(
  exchange: Exchange,
  log: GatewayContext["log"],
  promise: Promise<T>,
  take: (value: T) => void,
): void {
  promise.then(take, (error: unknown) => {
    log.error({ error: String(error) }, "a request about a provider failed");
    exchange.problem("internal_error");
  });
}

/** **Errors**: `stray_not_found` also for one of another provider. */
async function closeStray({ ledger }: ProviderDesk, provider: string, id: string, reason: string): Promise<Code> {
  const found = isUuid(id) ? await ledger.find("Stray", id) : "stray_not_found";
  if (typeof found === "string") return found;
  if (found.provider !== provider) return "stray_not_found";
  return codeOf(await ledger.tell("Stray", id, { type: "CloseStray", reason }));
}

/** **Errors**: `wallet_not_found` where nobody has opened the provider's account. */
async function reportOf(
  { dispatcher, providers }: GatewayContext,
  registered: RegisteredProvider,
  date: string,
): Promise<ReconciliationReport | Refusal> {
  const account = uuidBytes(registered.walletId);
  const limits = await asked<LimitsView>((done) => dispatcher.lookupLimits(LEDGER, account, done));
  if (typeof limits === "string") return limits;
  const wallets = await asked<Uint8Array>((done) => dispatcher.lookupWallets(LEDGER, account, done));
  if (typeof wallets === "string") return wallets;
  const wallet = readWallet(wallets, 0);
  if (typeof wallet === "string") return wallet;
  const { timeZone } = limits;
  const { fromMs, toMs } = dayOf(date, timeZone);
  const found = await reconciliationReport(providers, registered, { fromMs, toMs });
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString()) as [string, string];
  const accountBalanceMinor = wallet.postedMinor;
  return { provider: registered.name, date, timeZone, from, to, accountBalanceMinor, ...found };
}

/** When a day begins and ends in a time zone. Noon of the same date in Greenwich lies in it, but for zones far in the east. */
function dayOf(date: string, timeZone: string): { readonly fromMs: number; readonly toMs: number } {
  const calendar = new Calendar(timeZone);
  const noonMs = Date.parse(date) + NOON_MS;
  const format = new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" });
  calendar.advance(format.format(noonMs) === date ? noonMs : noonMs - NOON_MS);
  return { fromMs: calendar.dayStartMs, toMs: calendar.dayEndMs };
}

function csvOf({ lines }: ReconciliationReport): string {
  return csvLine(COLUMNS) + lines.map((line) => csvLine(COLUMNS.map((column) => line[column] ?? ""))).join("");
}

function asked<T>(start: (done: (found: T | Refusal) => void) => Code): Promise<T | Refusal> {
  return new Promise((resolve) => {
    const code = start(resolve);
    if (code !== "ok") resolve(code);
  });
}
