import type { PaymentEvent } from "../../protocol/payment/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { PaymentState, PaymentStatus } from "./payment.ts";
import { splitsAfter } from "./split.ts";

type Change = Exclude<PaymentEvent["type"], "PaymentInitiated">;
type Row = Readonly<Record<Change, PaymentStatus | null>>;

/** For statuses in which nothing happens any more. */
// biome-ignore format: a table reads best in rows
const ENDED: Row = {
  PaymentAuthorized: null, PaymentPartlyCaptured: null, PaymentCaptured: null, PaymentVoided: null,
  PaymentExpired: null, PaymentPartlyRefunded: null, PaymentRefunded: null, PaymentFailed: null,
};

/**
 * Status × event → status; null is an event that cannot happen then. The compiler asks for every pair.
 *
 * What was captured in part stays captured when the rest is voided or expires.
 */
// biome-ignore format: a table reads best in rows
const TRANSITIONS: Readonly<Record<PaymentStatus, Row>> = {
  INITIATED: {
    PaymentAuthorized: "AUTHORIZED", PaymentPartlyCaptured: null, PaymentCaptured: null, PaymentVoided: "VOIDED",
    PaymentExpired: "EXPIRED", PaymentPartlyRefunded: null, PaymentRefunded: null, PaymentFailed: "FAILED",
  },
  AUTHORIZED: {
    PaymentAuthorized: null, PaymentPartlyCaptured: "PARTIALLY_CAPTURED", PaymentCaptured: "CAPTURED",
    PaymentVoided: "VOIDED", PaymentExpired: "EXPIRED", PaymentPartlyRefunded: null, PaymentRefunded: null,
    PaymentFailed: null,
  },
  PARTIALLY_CAPTURED: {
    PaymentAuthorized: null, PaymentPartlyCaptured: "PARTIALLY_CAPTURED", PaymentCaptured: "CAPTURED",
    PaymentVoided: "CAPTURED", PaymentExpired: "CAPTURED", PaymentPartlyRefunded: "PARTIALLY_CAPTURED",
    PaymentRefunded: null, PaymentFailed: null,
  },
  CAPTURED: {
    PaymentAuthorized: null, PaymentPartlyCaptured: null, PaymentCaptured: null, PaymentVoided: null,
    PaymentExpired: null, PaymentPartlyRefunded: "CAPTURED", PaymentRefunded: "REFUNDED", PaymentFailed: null,
  },
  REFUNDED: ENDED,
  VOIDED: ENDED,
  EXPIRED: ENDED,
  FAILED: ENDED,
};

/** **Errors**: throws on an event that cannot happen in the payment's status: the journal is broken. */
export function evolvePayment(state: PaymentState | undefined, event: PaymentEvent): PaymentState {
  if (event.type === "PaymentInitiated") {
    if (state !== undefined) throw new Error("a payment was initiated twice");
    const { type: _, splits, ...facts } = event;
    const none = { capturedMinor: 0, refundedMinor: 0 };
    const parts = splits === undefined ? {} : { splits: splits.map((split) => ({ ...split, ...none })) };
    return { ...facts, ...parts, status: "INITIATED", ...none, feesMinor: 0 };
  }
  const status = state === undefined ? null : TRANSITIONS[state.status][event.type];
  if (state === undefined || status === null) {
    throw new Error(`${event.type} cannot happen to a payment that is ${state?.status ?? "not initiated"}`);
  }
  switch (event.type) {
    case "PaymentAuthorized":
      return { ...state, status, holdId: event.holdId, payerOwnerId: event.payerOwnerId };
    case "PaymentPartlyCaptured":
    case "PaymentCaptured":
      return {
        ...state,
        status,
        capturedMinor: state.capturedMinor + event.amountMinor,
        feesMinor: state.feesMinor + event.feeMinor,
        ...splitsAfter(state.splits, "capturedMinor", event.splitsMinor),
      };
    case "PaymentPartlyRefunded":
    case "PaymentRefunded":
      return {
        ...state,
        status,
        refundedMinor: state.refundedMinor + event.amountMinor,
        ...splitsAfter(state.splits, "refundedMinor", event.splitsMinor),
      };
    case "PaymentVoided":
    case "PaymentExpired":
      return { ...state, status };
    case "PaymentFailed":
      return { ...state, status, reason: event.reason };
    default:
      return unreachable(event);
  }
}
