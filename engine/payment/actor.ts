import { paymentCommand } from "../../protocol/payment/commands.ts";
import { type PaymentEvent, paymentEvent } from "../../protocol/payment/events.ts";
import type { Actor } from "../actor/actor.ts";
import { type AnyPaymentCommand, concludePayment, decidePayment, ownsPayment } from "./decide.ts";
import { evolvePayment } from "./evolve.ts";
import { dependencyOf } from "./payee.ts";
import type { PaymentState, PaymentStatus } from "./payment.ts";

/** Statuses in which a payment may expire. */
const OPEN: ReadonlySet<PaymentStatus> = new Set(["INITIATED", "AUTHORIZED", "PARTIALLY_CAPTURED"]);

/** Payments from wallets to merchants. */
export const paymentActor: Actor<PaymentState, AnyPaymentCommand, PaymentEvent> = {
  name: "Payment",
  commands: paymentCommand,
  events: paymentEvent,
  upcasts: [],
  decide: decidePayment,
  conclude: concludePayment,
  evolve: evolvePayment,
  dueAtMs: ({ status, expiresAtMs }) =>
    expiresAtMs !== undefined && OPEN.has(status) ? expiresAtMs : Number.POSITIVE_INFINITY,
  dueCommand: { type: "ExpirePayment" },
  dependsOn: dependencyOf,
  mayRead: (state, sender) =>
    ownsPayment(state, sender) || (state.payerOwnerId !== undefined && state.payerOwnerId === sender.ownerId),
  cameAtMs: ({ initiatedAtMs }) => initiatedAtMs,
  notFound: "payment_not_found",
};
