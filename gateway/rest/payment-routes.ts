/** The routes of payments and of the sagas that they wait for. */

import type { z } from "zod";
import type { SagaView } from "../../engine/actor/actor-row.ts";
import type { ObjectOutcome } from "../../engine/views.ts";
import type { Refusal } from "../../protocol/codes.ts";
import { isUuid } from "../../protocol/ids.ts";
import {
  paymentAnswer,
  paymentFoundAnswer,
  releaseSagaBody,
  sagaAnswer,
  sagaReleasedAnswer,
  sagasAnswer,
} from "../../protocol/payment/answers.ts";
import {
  capturePaymentBody,
  failPaymentBody,
  initiatePaymentBody,
  paymentChangeBody,
  refundPaymentBody,
} from "../../protocol/payment/commands.ts";
import { commandActor, listSagas, lookupActor, releaseSaga } from "../actors.ts";
import type { Caller } from "../caller.ts";
import type { GatewayContext } from "../context.ts";
import { derivedId } from "../json-command.ts";
import { commandIdOf } from "./command-routes.ts";
import type { Exchange } from "./exchange.ts";
import type { PlainRoute } from "./route.ts";

const PAYMENT = "Payment";
const PAYMENTS = "/api/v1/payments";
const SAGAS = "/api/v1/sagas";

const CHANGES = [
  [
    "authorize",
    "AuthorizePayment",
    paymentChangeBody,
    "Holds a payment's amount on the payer's wallet; for its owner.",
  ],
  [
    "capture",
    "CapturePayment",
    capturePaymentBody,
    "Moves what is held to the merchant, in part or in full, less the fee.",
  ],
  ["void", "VoidPayment", paymentChangeBody, "Releases what of a payment is not captured."],
  ["refund", "RefundPayment", refundPaymentBody, "Moves back what was captured, in part or in full; fees stay."],
  ["fail", "FailPayment", failPaymentBody, "Ends a payment that nobody has authorised, and says why."],
] as const;

const RELEASES = [
  ["retry", false, "Has a parked saga try its step again; for admins."],
  ["compensate", true, "Has a parked saga take back what it did; for admins."],
] as const;

export const PAYMENT_ROUTES: readonly PlainRoute[] = [
  {
    kind: "plain",
    method: "post",
    path: PAYMENTS,
    summary: "Initiates a payment from a wallet to a merchant's. No money moves yet.",
    status: 201,
    answer: paymentAnswer,
    access: "caller",
    body: initiatePaymentBody,
    needsKey: true,
    run: (exchange, context, caller) => {
      const commandId = commandIdOf(exchange, caller);
      if (commandId === undefined) return;
      exchange.readBody(initiatePaymentBody, ({ id, ...facts }) => {
        const paymentId = id ?? derivedId(`mizan-payment\0${commandId}`);
        send(exchange, context, caller, 201, paymentId, commandId, { type: "InitiatePayment", ...facts });
      });
    },
  },
  ...CHANGES.map(
    ([action, type, body, summary]): PlainRoute => ({
      kind: "plain",
      method: "post",
      path: `${PAYMENTS}/{id}/${action}`,
      summary,
      status: 200,
      answer: paymentAnswer,
      access: "caller",
      body,
      needsKey: true,
      run: (exchange, context, caller) => {
        const commandId = commandIdOf(exchange, caller);
        if (commandId === undefined || !hasUuid(exchange)) return;
        const paymentId = exchange.parameter.toLowerCase();
        exchange.readBody<z.output<typeof body>>(body, (facts) =>
          send(exchange, context, caller, 200, paymentId, commandId, { type, ...facts }),
        );
      },
    }),
  ),
  {
    kind: "plain",
    method: "get",
    path: `${PAYMENTS}/{id}`,
    summary: "A payment, for its owner, whoever authorised it, and admins.",
    status: 200,
    answer: paymentFoundAnswer,
    access: "caller",
    run: (exchange, { dispatcher }, caller) => {
      if (!hasUuid(exchange)) return;
      const asked = { aggregate: PAYMENT, id: exchange.parameter.toLowerCase() };
      const code = lookupActor(dispatcher, caller, asked, (state) => {
        if (typeof state === "string") exchange.problem(state);
        else exchange.json(200, JSON.stringify(paymentView(state)));
      });
      if (code !== "ok") exchange.problem(code);
    },
  },
  {
    kind: "plain",
    method: "get",
    path: SAGAS,
    summary: "What waits for wallets to do their part; for admins.",
    status: 200,
    answer: sagasAnswer,
    access: "admin",
    query: {
      parked: "`true` for those that wait for an operator, `false` for the others.",
      status: "Only those of a status.",
      type: "Only those of a type of command.",
    },
    run: (exchange, context, caller) =>
      withSagas(exchange, context, caller, (sagas) => {
        const [parked, status, type] = ["parked", "status", "type"].map((name) => exchange.query(name));
        const isAsked = (saga: SagaView): boolean =>
          (parked === null || String(saga.isParked) === parked) &&
          (status === null || saga.status === status) &&
          (type === null || saga.type === type);
        exchange.json(200, JSON.stringify({ sagas: sagas.filter(isAsked).map(sagaView) }));
      }),
  },
  {
    kind: "plain",
    method: "get",
    path: `${SAGAS}/{id}`,
    summary: "A saga that has not ended, by the id of its command; for admins.",
    status: 200,
    answer: sagaAnswer,
    access: "admin",
    run: (exchange, context, caller) => {
      if (!hasUuid(exchange)) return;
      withSagas(exchange, context, caller, (sagas) => {
        const found = sagas.find(({ id }) => id === exchange.parameter.toLowerCase());
        if (found === undefined) exchange.problem("saga_not_found");
        else exchange.json(200, JSON.stringify(sagaView(found)));
      });
    },
  },
  ...RELEASES.map(
    ([action, isTakenBack, summary]): PlainRoute => ({
      kind: "plain",
      method: "post",
      path: `${SAGAS}/{id}/${action}`,
      summary,
      status: 200,
      answer: sagaReleasedAnswer,
      access: "admin",
      body: releaseSagaBody,
      run: (exchange, { dispatcher }, caller) => {
        if (!hasUuid(exchange)) return;
        const id = exchange.parameter.toLowerCase();
        exchange.readBody(releaseSagaBody, ({ reason }) => {
          const code = releaseSaga(dispatcher, caller, { id, isTakenBack, reason }, (outcome) => {
            if (outcome === "ok") exchange.json(200, JSON.stringify({ id }));
            else exchange.problem(outcome);
          });
          if (code !== "ok") exchange.problem(code);
        });
      },
    }),
  ),
];

function send(
  exchange: Exchange,
  { dispatcher }: GatewayContext,
  caller: Caller,
  status: number,
  id: string,
  commandId: string,
  command: { readonly type: string },
): void {
  const code = commandActor(dispatcher, caller, { aggregate: PAYMENT, id, commandId, command }, (outcome) =>
    answer(exchange, status, outcome),
  );
  if (code !== "ok") exchange.problem(code);
}

function answer(exchange: Exchange, status: number, outcome: ObjectOutcome | Refusal): void {
  if (typeof outcome === "string") {
    exchange.problem(outcome);
    return;
  }
  const { code, replayed, shard, sequence, state } = outcome;
  const headers: Record<string, string> = replayed ? { "idempotency-replayed": "true" } : {};
  const position = `${shard}:${sequence}`;
  if (state !== null) exchange.json(status, JSON.stringify({ ...paymentView(state), position }), headers);
  else exchange.problem(code, sequence === 0 ? {} : { position }, headers);
}

function paymentView(state: Readonly<Record<string, unknown>>): object {
  const { initiatedAtMs, expiresAtMs, ownerId, payerOwnerId, ...facts } = state;
  return {
    ...facts,
    ownerId: ownerId === "" ? null : ownerId,
    ...(typeof payerOwnerId === "string" && payerOwnerId !== "" ? { payerOwnerId } : {}),
    initiatedAt: new Date(initiatedAtMs as number).toISOString(),
    ...(expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs as number).toISOString() }),
  };
}

function sagaView({ startedAtMs, retryAtMs, ...facts }: SagaView): object {
  return {
    ...facts,
    startedAt: new Date(startedAtMs).toISOString(),
    ...(retryAtMs === undefined ? {} : { retryAt: new Date(retryAtMs).toISOString() }),
  };
}

function withSagas(
  exchange: Exchange,
  { dispatcher }: GatewayContext,
  caller: Caller,
  take: (sagas: readonly SagaView[]) => void,
): void {
  const code = listSagas(dispatcher, caller, (sagas) => {
    if (typeof sagas === "string") exchange.problem(sagas);
    else take(sagas);
  });
  if (code !== "ok") exchange.problem(code);
}

function hasUuid(exchange: Exchange): boolean {
  if (isUuid(exchange.parameter)) return true;
  exchange.problem("invalid_request", { detail: "the id in the path is not a UUID", field: "id" });
  return false;
}
