import { createHash } from "node:crypto";
import type { Refusal } from "../../protocol/codes.ts";
import { decimalText, minorOf } from "./decimal-amount.ts";
import type {
  Accepted,
  Callback,
  OrderKey,
  OrderStatus,
  Provider,
  RefundOrder,
  Report,
  TopUpOrder,
} from "./provider.ts";
import type { ProviderCalls } from "./provider-calls.ts";
import { ProviderFailure } from "./provider-failure.ts";
import type { ProviderAnswer } from "./provider-http.ts";
import { type Json, jsonOf, textOf } from "./provider-json.ts";
import { isSignature } from "./signature.ts";

/** What FawryPay gives a merchant. */
export interface FawryKeys {
  readonly baseUrl: string;
  readonly merchantCode: string;
  readonly secureKey: string;
}

const PAYMENTS = "/ECommerceWeb/Fawry/payments";
const OK = 200;
const NOT_FOUND = 9_938;
const CURRENCY = "EGP";
const ENDED: ReadonlySet<unknown> = new Set(["EXPIRED", "CANCELED", "CANCELLED", "FAILED"]);

/**
 * FawryPay: a person gets a reference number, and pays it in cash at a till.
 *
 * Requests carry the SHA-256 of their fields in a fixed order with the secure key at the end, amounts with two decimals; so do
 * notifications. An order is paid at most once, so its reference is the id of the transaction as well. The amount is what the merchant is
 * owed (`orderAmount`), or what was paid where that is less.
 *
 * No public page describes payouts. Unverified for want of a staging account: the names of the fields in the answer of Get Payment Status V2
 * (those of V1 and of notifications are both read), and its code for an unknown order (9938, as V1 has it).
 *
 * **Source**: developer.fawrystaging.com/docs/server-apis: create-payment-refno-apis, refund-issue-api,
 * payment-notifications/server-notification-v2 and get-payment-status-v2; atfawry.com/developer-guide: checkout-Api, payment-status.
 */
export class Fawry implements Provider {
  readonly methods: ReadonlySet<string> = new Set(["PAYATFAWRY"]);
  readonly currencies: ReadonlySet<string> = new Set([CURRENCY]);
  readonly #keys: FawryKeys;
  readonly #calls: ProviderCalls;

  constructor(keys: FawryKeys, calls: ProviderCalls) {
    this.#keys = keys;
    this.#calls = calls;
  }

  initiate({ id, method, amountMinor, expiresAtMs, customer }: TopUpOrder): Promise<Accepted> {
    const { merchantCode } = this.#keys;
    const amount = decimalText(amountMinor);
    const body = {
      merchantCode,
      merchantRefNum: id,
      customerName: customer.name,
      customerMobile: customer.mobile ?? "",
      customerEmail: customer.email ?? "",
      paymentMethod: method,
      amount: Number(amount),
      currencyCode: CURRENCY,
      description: id,
      paymentExpiry: expiresAtMs,
      chargeItems: [{ itemId: id, description: "top-up", price: Number(amount), quantity: 1 }],
      // The id of a customer's profile, which there is not, would stand before the method.
      signature: this.#signed(merchantCode, id, method, amount),
    };
    const url = `${this.#keys.baseUrl}${PAYMENTS}/charge`;
    return this.#calls.send("initiate", { method: "POST", url, body }, (answer) => {
      const { referenceNumber } = accepted(answer);
      const reference = textOf(referenceNumber);
      if (reference === undefined) throw new ProviderFailure("unanswered", "there is no reference number");
      return { reference, payment: { code: reference } };
    });
  }

  status({ id }: OrderKey): Promise<OrderStatus> {
    const { baseUrl, merchantCode } = this.#keys;
    const asked = { merchantCode, merchantRefNumber: id, signature: this.#signed(merchantCode, id) };
    const url = `${baseUrl}${PAYMENTS}/status/v2?${new URLSearchParams(asked)}`;
    return this.#calls.send("status", { method: "GET", url }, (answer) => {
      if (Number(answer.json.statusCode) === NOT_FOUND) return { state: "unknown" };
      const status = statusOf(accepted(answer));
      if (status === undefined) throw new ProviderFailure("unanswered", "the status is none that is known");
      return status;
    });
  }

  refund({ transactionId, amountMinor, reason }: RefundOrder): Promise<string> {
    const { baseUrl, merchantCode } = this.#keys;
    const amount = decimalText(amountMinor);
    const body = {
      merchantCode,
      referenceNumber: transactionId,
      refundAmount: Number(amount),
      reason,
      signature: this.#signed(merchantCode, transactionId, amount, reason),
    };
    const url = `${baseUrl}${PAYMENTS}/refund`;
    return this.#calls.send("refund", { method: "POST", url, body }, (answer) => {
      accepted(answer);
      return refundIdOf(transactionId);
    });
  }

  verifyWebhook({ body }: Callback): Report | Refusal {
    const told = jsonOf(body);
    if (told === undefined) return "callback_malformed";
    if (!isSignature(told.messageSignature, fawryCallbackSignature(told, this.#keys.secureKey))) {
      return "callback_signature_invalid";
    }
    const orderId = orderIdOf(told);
    const status = statusOf(told);
    return orderId === undefined || status === undefined ? "callback_malformed" : { orderId, status };
  }

  #signed(...fields: readonly string[]): string {
    return createHash("sha256")
      .update(`${fields.join("")}${this.#keys.secureKey}`)
      .digest("hex");
  }
}

/** The signature of a notification, V2. **Source**: server-notification-v2, the field messageSignature. */
export function fawryCallbackSignature(told: Json, secureKey: string): Uint8Array {
  const { fawryRefNumber, paymentAmount, orderAmount, orderStatus, paymentMethod, paymentRefrenceNumber } = told;
  const fields = [
    fawryRefNumber,
    orderIdOf(told),
    signedAmount(paymentAmount),
    signedAmount(orderAmount),
    orderStatus,
    paymentMethod,
    paymentRefrenceNumber,
  ].map((field) => textOf(field) ?? "");
  return createHash("sha256")
    .update(`${fields.join("")}${secureKey}`)
    .digest();
}

/** An answer of FawryPay has its own code besides that of HTTP. **Errors**: throws where it refuses. */
function accepted({ status, json }: ProviderAnswer): Json {
  const code = Number(json.statusCode ?? status);
  if (status < 300 && code === OK) return json;
  throw new ProviderFailure("refused", `HTTP ${status}, statusCode ${code}`);
}

function statusOf(json: Json): OrderStatus | undefined {
  const reference = textOf(json.fawryRefNumber ?? json.referenceNumber);
  const known = reference === undefined ? {} : { reference };
  const state = json.orderStatus ?? json.paymentStatus;
  if (state === "NEW" || state === "UNPAID") {
    return reference === undefined
      ? { state: "pending" }
      : { state: "pending", reference, payment: { code: reference } };
  }
  if (ENDED.has(state)) return { state: "failed", ...known, reason: String(state) };
  const paidMinor = minorOf(json.paymentAmount);
  const owedMinor = minorOf(json.orderAmount) ?? paidMinor;
  if (reference === undefined || owedMinor === undefined) return undefined;
  const amountMinor = Math.min(owedMinor, paidMinor ?? owedMinor);
  const moved = { reference, transactionId: reference, amountMinor, currency: CURRENCY } as const;
  if (state === "PAID" || state === "DELIVERED" || state === "PARTIAL_REFUNDED") return { state: "paid", ...moved };
  if (state === "REFUNDED") return { state: "refunded", ...moved, refundId: refundIdOf(reference) };
  return undefined;
}

/** FawryPay names no refund; there is one a transaction. */
function refundIdOf(transactionId: string): string {
  return `refund-${transactionId}`;
}

function orderIdOf({ merchantRefNumber, merchantRefNum }: Json): string | undefined {
  return textOf(merchantRefNumber ?? merchantRefNum);
}

function signedAmount(value: unknown): string {
  const minor = minorOf(value);
  return minor === undefined ? "" : decimalText(minor);
}
