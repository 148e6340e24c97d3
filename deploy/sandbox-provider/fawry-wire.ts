import { createHash } from "node:crypto";
import type { Books, Order } from "./books.ts";
import { minorOf, pounds, type Wire, type WireAnswer, type WireRequest, type WireStep } from "./wire.ts";

export interface FawrySecrets {
  readonly merchantCode: string;
  readonly secureKey: string;
}

const WRONG_SIGNATURE = 9_946;
const NOT_FOUND = 9_938;
const STATUS: Readonly<Record<Order["state"], string>> = {
  PENDING: "UNPAID",
  PAID: "PAID",
  REFUNDED: "REFUNDED",
  FAILED: "FAILED",
  EXPIRED: "EXPIRED",
};

/** FawryPay's side of its server API, written from its documentation and not from the ledger's adapter. */
export function fawryWire({ merchantCode, secureKey }: FawrySecrets): Wire {
  const sha = (...parts: readonly string[]): string =>
    createHash("sha256")
      .update([...parts, secureKey].join(""))
      .digest("hex");
  const answer = (code: number, facts: object = {}): WireAnswer => ({
    status: 200,
    json: {
      type: "Response",
      statusCode: code,
      statusDescription: code === 200 ? "Operation done successfully" : "",
      ...facts,
    },
  });
  const decimal = (value: unknown): string => Number(value).toFixed(2);

  const charge = ({ body }: WireRequest, books: Books): WireStep => {
    const id = String(body.merchantRefNum);
    const isSigned =
      body.signature === sha(merchantCode, id, String(body.paymentMethod), decimal(body.amount)) &&
      body.merchantCode === merchantCode;
    return {
      id,
      operation: "initiate",
      refused: answer(9_901),
      act: () => {
        if (!isSigned) return answer(WRONG_SIGNATURE);
        const order = books.add("top_up", id, minorOf(body.amount));
        if (order === undefined) return answer(9_956);
        return answer(200, {
          type: "ChargeResponse",
          referenceNumber: order.reference,
          merchantRefNumber: id,
          expirationTime: body.paymentExpiry,
        });
      },
    };
  };

  const status = ({ query }: WireRequest, books: Books): WireStep => {
    const id = query.get("merchantRefNumber") ?? "";
    return {
      id,
      operation: "status",
      refused: answer(9_901),
      act: () => {
        if (query.get("signature") !== sha(merchantCode, id)) return answer(WRONG_SIGNATURE);
        const order = books.orders.get(id);
        if (order === undefined) return answer(NOT_FOUND);
        const amount = pounds(order.paidMinor || order.amountMinor);
        return answer(200, {
          type: "PaymentStatusResponse",
          fawryRefNumber: order.reference,
          merchantRefNumber: id,
          paymentAmount: amount,
          orderAmount: amount,
          orderStatus: STATUS[order.state],
          paymentMethod: "PAYATFAWRY",
        });
      },
    };
  };

  const refund = ({ body }: WireRequest, books: Books): WireStep => {
    const reference = String(body.referenceNumber);
    const order = books.byReference(reference);
    const reason = body.reason === undefined ? "" : String(body.reason);
    return {
      id: order?.id ?? "",
      operation: "refund",
      refused: answer(9_935),
      act: () => {
        if (body.signature !== sha(merchantCode, reference, decimal(body.refundAmount), reason)) {
          return answer(WRONG_SIGNATURE);
        }
        return order !== undefined && books.refund(order) ? answer(200) : answer(9_935);
      },
    };
  };

  return {
    read: (request, books) => {
      const path = /^\/ECommerceWeb\/Fawry\/payments\/(charge|status\/v2|refund)$/.exec(request.path)?.[1];
      if (path === "charge") return charge(request, books);
      if (path === "status/v2") return status(request, books);
      return path === "refund" ? refund(request, books) : undefined;
    },
    callback: (order, url, state, isForged) => {
      const amount = pounds(order.paidMinor || order.amountMinor);
      const orderStatus = state === "PENDING" ? "NEW" : STATUS[state];
      const paid = state === "PAID" ? { paymentRefrenceNumber: order.transactionId } : {};
      const fields = [order.reference, order.id, decimal(amount), decimal(amount), orderStatus, "PAYATFAWRY"];
      const right = sha(...fields, paid.paymentRefrenceNumber ?? "");
      const json = {
        requestId: createHash("md5").update(`${order.id}${state}`).digest("hex"),
        fawryRefNumber: order.reference,
        merchantRefNumber: order.id,
        paymentAmount: amount,
        orderAmount: amount,
        fawryFees: 0,
        orderStatus,
        paymentMethod: "PAYATFAWRY",
        ...paid,
        messageSignature: isForged ? right.replace(/./g, "0") : right,
      };
      return { url, json };
    },
  };
}
