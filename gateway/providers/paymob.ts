import { createHmac } from "node:crypto";
import type { Refusal } from "../../protocol/codes.ts";
import { CURRENCY_CODES, type Currency } from "../../protocol/currencies.ts";
import { type PaymobPayoutKeys, PaymobPayouts } from "./paymob-payouts.ts";
import type {
  Accepted,
  Callback,
  OrderKey,
  OrderStatus,
  PayoutProvider,
  Provider,
  RefundOrder,
  Report,
  TopUpOrder,
} from "./provider.ts";
import type { ProviderCalls } from "./provider-calls.ts";
import { ProviderFailure } from "./provider-failure.ts";
import { type Json, jsonOf, objectOf, textOf } from "./provider-json.ts";
import { isSignature } from "./signature.ts";

/** What Paymob gives a merchant. */
export interface PaymobKeys {
  readonly baseUrl: string;
  readonly secretKey: string;
  readonly publicKey: string;
  readonly apiKey: string;
  readonly hmacSecret: string;
  /** Method → the id of its integration. */
  readonly integrations: Readonly<Record<string, number>>;
  readonly payouts?: PaymobPayoutKeys | undefined;
}

/** A token lasts an hour. */
const TOKEN_MS = 45 * 60_000;

/** The fields of a transaction that are signed, in their order. **Source**: hmac-transaction-callback. */
const SIGNED = [
  "amount_cents",
  "created_at",
  "currency",
  "error_occured",
  "has_parent_transaction",
  "id",
  "integration_id",
  "is_3d_secure",
  "is_auth",
  "is_capture",
  "is_refunded",
  "is_standalone_payment",
  "is_voided",
  "order.id",
  "owner",
  "pending",
  "source_data.pan",
  "source_data.sub_type",
  "source_data.type",
  "success",
] as const;

/**
 * Paymob Accept: a person pays on a page, by card or mobile wallet, as the integration of the method says.
 *
 * An order is an intention whose `special_reference` is the top-up's id; transactions name it as `merchant_order_id`. A declined try
 * ends nothing: the person may try again. Callbacks are signed by HMAC-SHA512 over fields of the transaction in the order of their
 * names, in the query as `hmac`. Amounts are in cents.
 *
 * Unverified for want of an account: that the inquiry answers 404 while nobody has tried to pay, and its header of authorisation.
 *
 * **Source**: developers.paymob.com/paymob-docs/developers: intention-apis/create-intention, manage-payment-apis/refund,
 * webhook-callbacks-and-hmac/hmac/hmac-transaction-callback, manage-callback/transaction-callbacks; the inquiry by merchant order id of
 * the Accept API, `POST /api/ecommerce/orders/transaction_inquiry`.
 */
export class Paymob implements Provider {
  readonly methods: ReadonlySet<string>;
  readonly currencies: ReadonlySet<string> = new Set(["EGP"]);
  readonly payouts?: PayoutProvider;
  readonly #keys: PaymobKeys;
  readonly #calls: ProviderCalls;
  #token = { text: "", untilMs: 0 };

  constructor(keys: PaymobKeys, calls: ProviderCalls) {
    this.#keys = keys;
    this.#calls = calls;
    this.methods = new Set(Object.keys(keys.integrations));
    if (keys.payouts !== undefined) this.payouts = new PaymobPayouts(keys.payouts, calls);
  }

  initiate({ id, method, amountMinor, currency, expiresAtMs, customer }: TopUpOrder): Promise<Accepted> {
    const { baseUrl, publicKey, integrations } = this.#keys;
    const [firstName = "-", ...lastNames] = (customer.name ?? "-").split(" ");
    const body = {
      amount: amountMinor,
      currency,
      payment_methods: [integrations[method]],
      items: [{ name: "top-up", amount: amountMinor, quantity: 1, description: id }],
      billing_data: {
        first_name: firstName,
        last_name: lastNames.join(" ") || "-",
        phone_number: customer.mobile ?? "-",
        email: customer.email ?? "-",
      },
      special_reference: id,
      expiration: Math.max(1, Math.floor((expiresAtMs - Date.now()) / 1_000)),
    };
    const request = { method: "POST", url: `${baseUrl}/v1/intention/`, headers: this.#secret(), body } as const;
    return this.#calls.send("initiate", request, ({ status, json }) => {
      if (status !== 200 && status !== 201) throw new ProviderFailure("refused", `HTTP ${status}`);
      const [reference, clientSecret] = [textOf(json.intention_order_id), textOf(json.client_secret)];
      if (reference === undefined || clientSecret === undefined) {
        throw new ProviderFailure("unanswered", "there is no order id or client secret");
      }
      const url = `${baseUrl}/unifiedcheckout/?${new URLSearchParams({ publicKey, clientSecret })}`;
      return { reference, payment: { url } };
    });
  }

  async status({ id }: OrderKey): Promise<OrderStatus> {
    const headers = { authorization: `Bearer ${await this.#authToken()}` };
    const url = `${this.#keys.baseUrl}/api/ecommerce/orders/transaction_inquiry`;
    const request = { method: "POST", url, headers, body: { merchant_order_id: id } } as const;
    return this.#calls.send("status", request, ({ status, json }) => {
      if (status === 404) return { state: "unknown" };
      if (status === 401) this.#token = { text: "", untilMs: 0 };
      if (status !== 200) throw new ProviderFailure("refused", `HTTP ${status}`);
      const found = transactionStatus(json);
      if (found === undefined) throw new ProviderFailure("unanswered", "the transaction has no id or amount");
      return found;
    });
  }

  refund({ transactionId, amountMinor }: RefundOrder): Promise<string> {
    const url = `${this.#keys.baseUrl}/api/acceptance/void_refund/refund`;
    const body = { transaction_id: transactionId, amount_cents: amountMinor };
    const request = { method: "POST", url, headers: this.#secret(), body } as const;
    return this.#calls.send("refund", request, ({ status, json }) => {
      if (status !== 200 && status !== 201) throw new ProviderFailure("refused", `HTTP ${status}`);
      const refundId = textOf(json.id);
      if (json.success !== true && json.pending !== true) throw new ProviderFailure("refused", "declined");
      if (json.pending === true || refundId === undefined) throw new ProviderFailure("unanswered", "pending");
      return refundId;
    });
  }

  verifyWebhook({ body, query }: Callback): Report | Refusal {
    const told = jsonOf(body);
    const transaction = objectOf(told?.obj);
    if (told === undefined || transaction === undefined || told.type !== "TRANSACTION") return "callback_malformed";
    const right = createHmac("sha512", this.#keys.hmacSecret).update(paymobSignedText(transaction)).digest();
    if (!isSignature(query("hmac"), right)) return "callback_signature_invalid";
    const orderId = textOf(objectOf(transaction.order)?.merchant_order_id);
    const status = transactionStatus(transaction);
    return orderId === undefined || status === undefined ? "callback_malformed" : { orderId, status };
  }

  #secret(): Readonly<Record<string, string>> {
    return { authorization: `Token ${this.#keys.secretKey}` };
  }

  async #authToken(): Promise<string> {
    if (Date.now() < this.#token.untilMs) return this.#token.text;
    const { baseUrl, apiKey } = this.#keys;
    const request = { method: "POST", url: `${baseUrl}/api/auth/tokens`, body: { api_key: apiKey } } as const;
    return this.#calls.send("token", request, ({ status, json }) => {
      const text = textOf(json.token);
      if (status >= 300 || text === undefined) throw new ProviderFailure("refused", `no token, HTTP ${status}`);
      this.#token = { text, untilMs: Date.now() + TOKEN_MS };
      return text;
    });
  }
}

/** What of a transaction is signed: the values of its fields, one after the other. */
export function paymobSignedText(transaction: Json): string {
  return SIGNED.map((path) => {
    const [outer, inner] = path.split(".");
    const value = inner === undefined ? transaction[outer] : objectOf(transaction[outer])?.[inner];
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
  }).join("");
}

function transactionStatus(transaction: Json): OrderStatus | undefined {
  const { success, pending, has_parent_transaction, is_refunded, is_voided, amount_cents } = transaction;
  const reference = textOf(objectOf(transaction.order)?.id);
  const known = reference === undefined ? {} : { reference };
  // A declined try, and what was done to a transaction afterwards, are no payment.
  if (success !== true || pending === true || has_parent_transaction === true) return { state: "pending", ...known };
  const transactionId = textOf(transaction.id);
  const currency = CURRENCY_CODES.find((code): code is Currency => code === transaction.currency);
  if (transactionId === undefined || currency === undefined || !Number.isSafeInteger(amount_cents)) return undefined;
  const moved = { ...known, transactionId, amountMinor: Number(amount_cents), currency };
  if (is_refunded !== true && is_voided !== true) return { state: "paid", ...moved };
  return { state: "refunded", ...moved, refundId: `refund-${transactionId}` };
}
