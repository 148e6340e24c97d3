/** The routes of payments. */

import { paymentAnswer, paymentFoundAnswer, paymentsAnswer } from "../../protocol/payment/answers.ts";
import {
  capturePaymentBody,
  failPaymentBody,
  initiatePaymentBody,
  paymentChangeBody,
  paymentsQuery,
  refundPaymentBody,
} from "../../protocol/payment/commands.ts";
import { actorRoutes } from "./actor-routes.ts";

export const PAYMENT_ROUTES = actorRoutes({
  actor: "Payment",
  path: "/api/v1/payments",
  found: {
    summary: "A payment, for its owner, whoever authorised it, and admins.",
    answer: paymentFoundAnswer,
    view: paymentView,
  },
  answer: paymentAnswer,
  list: {
    summary: "The payments that the caller may see, the newest first.",
    answer: paymentsAnswer,
    name: "payments",
    query: paymentsQuery,
    view: paymentView,
  },
  create: {
    type: "InitiatePayment",
    body: initiatePaymentBody,
    summary: "Initiates a payment from a wallet to a merchant's. No money moves yet.",
  },
  changes: [
    {
      path: "/authorize",
      type: "AuthorizePayment",
      body: paymentChangeBody,
      summary: "Holds a payment's amount on the payer's wallet; for its owner.",
    },
    {
      path: "/capture",
      type: "CapturePayment",
      body: capturePaymentBody,
      summary: "Moves what is held to the merchant, in part or in full, less the fee.",
    },
    {
      path: "/void",
      type: "VoidPayment",
      body: paymentChangeBody,
      summary: "Releases what of a payment is not captured.",
    },
    {
      path: "/refund",
      type: "RefundPayment",
      body: refundPaymentBody,
      summary: "Moves back what was captured, in part or in full; fees stay.",
    },
    {
      path: "/fail",
      type: "FailPayment",
      body: failPaymentBody,
      summary: "Ends a payment that nobody has authorised, and says why.",
    },
  ],
});

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
