import { createHmac } from "node:crypto";
import type { Books, Order } from "./books.ts";
import { minorOf, pounds, type Wire, type WireAnswer, type WireRequest, type WireStep } from "./wire.ts";

export interface PaymobSecrets {
  readonly secretKey: string;
  readonly apiKey: string;
  readonly hmacSecret: string;
}

const TOKEN = "sandbox-token";
const DENIED: WireAnswer = { status: 401, json: { detail: "Authentication credentials were not provided." } };
const NOT_FOUND: WireAnswer = { status: 404, json: { detail: "Not found." } };

type Step = Omit<WireStep, "refused">;

/** Paymob's side of its APIs, written from its documentation and not from the ledger's adapter. */
export function paymobWire({ secretKey, apiKey, hmacSecret }: PaymobSecrets): Wire {
  const ok = (json: unknown, status = 200): WireAnswer => ({ status, json });
  const has = ({ headers }: WireRequest, word: string): boolean => headers.authorization === word;

  const steps: Readonly<Record<string, (request: WireRequest, books: Books) => Step>> = {
    "/api/auth/tokens": ({ body }) => ({
      id: "",
      operation: "token",
      act: () => (body.api_key === apiKey ? ok({ token: TOKEN }, 201) : DENIED),
    }),
    "/o/token/": ({ body }) => ({
      id: "",
      operation: "token",
      act: () => (body.grant_type === "password" ? ok({ access_token: TOKEN, expires_in: 3_600 }) : DENIED),
    }),
    "/v1/intention/": (request, books) => {
      const { body } = request;
      const id = String(body.special_reference);
      return {
        id,
        operation: "initiate",
        act: () => {
          if (!has(request, `Token ${secretKey}`)) return DENIED;
          const order = books.add("top_up", id, Number(body.amount));
          if (order === undefined) return ok({ detail: "special_reference exists" }, 400);
          const reference = Number(order.reference);
          return ok({ id: `pi_${reference}`, intention_order_id: reference, client_secret: `csk_${reference}` }, 201);
        },
      };
    },
    "/api/ecommerce/orders/transaction_inquiry": (request, books) => {
      const id = String(request.body.merchant_order_id);
      return {
        id,
        operation: "status",
        act: () => {
          if (!has(request, `Bearer ${TOKEN}`)) return DENIED;
          const order = books.orders.get(id);
          return order === undefined || order.paidMinor === 0 ? NOT_FOUND : ok(transactionOf(order, order.state));
        },
      };
    },
    "/api/acceptance/void_refund/refund": (request, books) => {
      const order = books.byReference(String(request.body.transaction_id));
      return {
        id: order?.id ?? "",
        operation: "refund",
        act: () => {
          if (!has(request, `Token ${secretKey}`)) return DENIED;
          if (order === undefined || !books.refund(order)) return ok({ message: "Full refund was done before" }, 400);
          return ok({ id: Number(order.transactionId) + 1, success: true, pending: false });
        },
      };
    },
    "/disburse/": (request, books) => {
      const id = String(request.body.client_reference);
      return {
        id,
        operation: "initiate",
        act: () => {
          if (!has(request, `Bearer ${TOKEN}`)) return DENIED;
          const order = books.add("payout", id, minorOf(request.body.amount));
          if (order === undefined) return ok({ client_reference: ["must be unique"] }, 400);
          if (books.script(id).pays !== false) books.pay(order);
          return ok(disbursementOf(order));
        },
      };
    },
    "/bulk_transaction/inquire_by_reference/": (request, books) => {
      const ids = request.body.client_references;
      const id = Array.isArray(ids) ? String(ids[0]) : "";
      return {
        id,
        operation: "status",
        act: () => {
          if (!has(request, `Bearer ${TOKEN}`)) return DENIED;
          const order = books.orders.get(id);
          return ok({ count: 1, results: order === undefined ? [] : [disbursementOf(order)] });
        },
      };
    },
  };

  return {
    read: (request, books) => {
      const step = steps[request.path]?.(request, books);
      return step === undefined ? undefined : { ...step, refused: ok({ detail: "refused" }, 400) };
    },
    callback: (order, url, state, isForged) => {
      const obj = transactionOf(order, state);
      const right = createHmac("sha512", hmacSecret).update(signedText(obj)).digest("hex");
      const hmac = isForged ? right.replace(/./g, "0") : right;
      return { url: `${url}?hmac=${hmac}`, json: { type: "TRANSACTION", obj } };
    },
  };
}

type Transaction = ReturnType<typeof transactionOf>;

function transactionOf(order: Order, state: Order["state"]) {
  const isPaid = state === "PAID" || state === "REFUNDED";
  return {
    id: Number(order.transactionId),
    pending: state === "PENDING",
    amount_cents: order.paidMinor || order.amountMinor,
    success: isPaid,
    is_auth: false,
    is_capture: false,
    is_standalone_payment: true,
    is_voided: false,
    is_refunded: state === "REFUNDED",
    is_3d_secure: true,
    integration_id: 4_097_558,
    has_parent_transaction: false,
    order: { id: Number(order.reference), merchant_order_id: order.id },
    created_at: new Date(order.createdAtMs).toISOString(),
    currency: "EGP",
    source_data: { pan: "2346", type: "card", sub_type: "MasterCard" },
    error_occured: false,
    owner: 302_852,
  };
}

/** The values in the order of the names of their fields. */
function signedText(one: Transaction): string {
  const { order, source_data: source } = one;
  return [
    one.amount_cents,
    one.created_at,
    one.currency,
    one.error_occured,
    one.has_parent_transaction,
    one.id,
    one.integration_id,
    one.is_3d_secure,
    one.is_auth,
    one.is_capture,
    one.is_refunded,
    one.is_standalone_payment,
    one.is_voided,
    order.id,
    one.owner,
    one.pending,
    source.pan,
    source.sub_type,
    source.type,
    one.success,
  ].join("");
}

function disbursementOf({ id, reference, amountMinor, paidMinor, state }: Order): object {
  const status = state === "PAID" ? "successful" : state === "PENDING" ? "pending" : "failed";
  return {
    transaction_id: reference,
    client_reference: id,
    amount: pounds(paidMinor || amountMinor),
    disbursement_status: status,
    status_code: status === "failed" ? "6065" : "200",
  };
}
