/** The routes that carry commands: one table row each, and one way to execute them all. */

import { REQUEST_FLAG } from "../../engine/port/entries.ts";
import type { Code } from "../../protocol/codes.ts";
import { isUuid } from "../../protocol/ids.ts";
import {
  batchAnswer,
  movementAnswer,
  overdraftLimitAnswer,
  transferAnswer,
  walletAnswer,
  walletChangeAnswer,
} from "../../protocol/json-answers.ts";
import {
  batchBody,
  createWalletBody,
  type JsonCommand,
  movementBody,
  overdraftLimitBody,
  transferBody,
  walletChangeBody,
} from "../../protocol/json-commands.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import { derivedId, encodeCommands, readResult, resultFields } from "../json-command.ts";
import type { TakeRecords } from "../record-batch.ts";
import { traceCommands } from "../tracing/traced-commands.ts";
import type { Exchange } from "./exchange.ts";
import { ownerText } from "./owner-text.ts";
import { type CommandRoute, commandRoute, type PlainRoute } from "./route.ts";

const WALLET = "/api/v1/wallets/{id}";
const KEY = /^[\x20-\x7e]{1,255}$/;

const STATUS_ROUTES = [
  ["activate", "ActivateWallet", "Makes a pending wallet active."],
  ["freeze", "FreezeWallet", "Freezes an active wallet; for admins."],
  ["unfreeze", "UnfreezeWallet", "Makes a frozen wallet active again; for admins."],
  ["close", "CloseWallet", "Closes a wallet with a zero balance, for good."],
] as const;

const MOVEMENT_ROUTES = [
  ["credit", "Credit", "Brings money from outside into a wallet; for admins."],
  ["debit", "Debit", "Pays money out of a wallet."],
] as const;

export const COMMAND_ROUTES: readonly CommandRoute[] = [
  commandRoute(
    {
      method: "post",
      path: "/api/v1/wallets",
      summary: "Opens a wallet, which is pending until it is activated.",
      status: 201,
      answer: walletAnswer,
      access: "caller",
      body: createWalletBody,
    },
    ({ id: walletId, type: walletType, ...body }, id) => ({ type: "CreateWallet", id, walletId, walletType, ...body }),
  ),
  ...STATUS_ROUTES.map(([action, type, summary]) =>
    commandRoute(
      {
        method: "post",
        path: `${WALLET}/${action}`,
        summary,
        status: 200,
        answer: walletChangeAnswer,
        access: "caller",
        body: walletChangeBody,
      },
      (body, id, walletId) => ({ type, id, walletId, ...body }),
    ),
  ),
  ...MOVEMENT_ROUTES.map(([action, type, summary]) =>
    commandRoute(
      {
        method: "post",
        path: `${WALLET}/${action}`,
        summary,
        status: 200,
        answer: movementAnswer,
        access: "caller",
        body: movementBody,
      },
      (body, id, walletId) => ({ type, id, walletId, ...body }),
    ),
  ),
  commandRoute(
    {
      method: "put",
      path: `${WALLET}/overdraft-limit`,
      summary: "Sets how far a wallet's balance may go below zero; for admins.",
      status: 200,
      answer: overdraftLimitAnswer,
      access: "caller",
      body: overdraftLimitBody,
    },
    (body, id, walletId) => ({ type: "SetOverdraftLimit", id, walletId, ...body }),
  ),
  commandRoute(
    {
      method: "post",
      path: "/api/v1/transfers",
      summary: "Moves money from one wallet to another.",
      status: 201,
      answer: transferAnswer,
      access: "caller",
      body: transferBody,
    },
    (body, id) => ({ type: "Transfer", id, ...body }),
  ),
];

/** Commands of any kind in one request, each with an id and a result of its own. */
export const BATCH_ROUTE: PlainRoute = {
  kind: "plain",
  method: "post",
  path: "/api/v1/batches",
  summary: "Executes up to 8,190 commands, each with its own id and result; runs of linked ones all or none.",
  status: 200,
  answer: batchAnswer,
  access: "caller",
  body: batchBody,
  run: (exchange, context, caller) =>
    exchange.readBody(batchBody, ({ commands }) => {
      const records = encodeCommands(commands);
      const done = (results: Uint8Array): void => {
        const answers = commands.map((command, index) => `{${resultFields(readResult(command, results, index))}}`);
        exchange.json(200, `{"results":[${answers.join(",")}]}`);
      };
      const code = send(exchange, context, caller, commands, records, done);
      if (code !== "ok") exchange.problem(code);
    }),
};

/** Reads, executes and answers the command of a route. */
export function runCommand(route: CommandRoute, exchange: Exchange, context: GatewayContext, caller: Caller): void {
  const commandId = commandIdOf(exchange, caller);
  if (commandId === undefined) return;
  if (route.path.includes("{id}") && !isUuid(exchange.parameter)) {
    exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
    return;
  }
  exchange.readBody(route.body, (body) => {
    const command = route.toCommand(body as never, commandId, exchange.parameter);
    const code = execute(route, command, exchange, context, caller);
    if (code !== "ok") exchange.problem(code);
  });
}

function execute(
  route: CommandRoute,
  command: JsonCommand,
  exchange: Exchange,
  context: GatewayContext,
  caller: Caller,
): Code {
  const take = (results: Uint8Array): void => answerCommand(exchange, route.status, command, results);
  return send(exchange, context, caller, [command], encodeCommands([command]), take);
}

/** Hands commands of a request over, under the request's id and in its trace. */
export function send(
  exchange: Exchange,
  { dispatcher, tracer }: GatewayContext,
  caller: Caller,
  commands: readonly JsonCommand[],
  records: Uint8Array,
  done: TakeRecords,
): Code {
  const { requestId, trace, receivedMs } = exchange;
  const traced = traceCommands(tracer, "rest", trace, commands, receivedMs);
  exchange.traceId = traced?.traceId;
  const name = { requestId, commandId: commands.length === 1 ? commands[0].id : undefined };
  const code = dispatcher.commands(caller, REQUEST_FLAG.details, records, commands.length, done, name, traced);
  traced?.handed(code);
  return code;
}

/** Answers with the result of one command. */
export function answerCommand(exchange: Exchange, status: number, command: JsonCommand, results: Uint8Array): void {
  const { code, replayed, position, limit, text } = readResult(command, results, 0);
  const headers: Record<string, string> = replayed ? REPLAYED : {};
  if (code === "ok") exchange.json(status, text, headers);
  else exchange.problem(code, { ...(position === "" ? {} : { position }), ...(limit && { limit }) }, headers);
}

const REPLAYED = { "idempotency-replayed": "true" };

/**
 * The command id that the header Idempotency-Key stands for: a UUID as it is, any other text hashed with the tenant.
 *
 * **Errors**: answers `idempotency_key_missing` or `invalid_request` and returns undefined.
 */
export function commandIdOf(exchange: Exchange, caller: Caller): string | undefined {
  const key = unquoted(exchange.idempotencyKey);
  if (key === "") {
    exchange.problem("idempotency_key_missing");
    return undefined;
  }
  if (isUuid(key)) return key.toLowerCase();
  if (!KEY.test(key)) {
    exchange.problem("invalid_request", { detail: "Idempotency-Key has 1 to 255 visible characters" });
    return undefined;
  }
  const tenant = caller.role === "admin" ? "admin" : ownerText(caller);
  return derivedId(`mizan-idempotency\0${tenant}\0${key}`);
}

/** The draft that names the header writes its value as a string in quotes; most clients leave them out. */
function unquoted(key: string): string {
  return /^".*"$/.test(key) ? key.slice(1, -1) : key;
}
