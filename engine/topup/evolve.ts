import type { TopUpEvent } from "../../protocol/topup/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { withAttention, withDecision } from "../provider/attention.ts";
import type { TopUpState, TopUpStatus } from "./topup.ts";

type Change = Exclude<TopUpEvent["type"], "TopUpInitiated" | "TopUpNeedsAttention" | "TopUpAttentionClosed">;
type Row = Readonly<Record<Change, TopUpStatus | null>>;

/**
 * Status × event → status; null is an event that cannot happen then. The compiler asks for every pair.
 *
 * The answer to the provider's request may come after what it leads to. Money completes a top-up that had ended only where an
 * operator has accepted it, and a further payment changes no status.
 */
// biome-ignore format: a table reads best in rows
const TRANSITIONS: Readonly<Record<TopUpStatus, Row>> = {
  INITIATED: {
    TopUpSubmitted: "PENDING", TopUpCompleted: "COMPLETED", TopUpFailed: "FAILED", TopUpExpired: "EXPIRED",
    TopUpRefundBegun: null, TopUpRefunded: null, TopUpRefundFailed: null,
  },
  PENDING: {
    TopUpSubmitted: null, TopUpCompleted: "COMPLETED", TopUpFailed: "FAILED", TopUpExpired: "EXPIRED",
    TopUpRefundBegun: null, TopUpRefunded: null, TopUpRefundFailed: null,
  },
  COMPLETED: {
    TopUpSubmitted: "COMPLETED", TopUpCompleted: "COMPLETED", TopUpFailed: null, TopUpExpired: null,
    TopUpRefundBegun: "REFUNDING", TopUpRefunded: null, TopUpRefundFailed: null,
  },
  REFUNDING: {
    TopUpSubmitted: "REFUNDING", TopUpCompleted: "REFUNDING", TopUpFailed: null, TopUpExpired: null,
    TopUpRefundBegun: null, TopUpRefunded: "REFUNDED", TopUpRefundFailed: "COMPLETED",
  },
  REFUNDED: {
    TopUpSubmitted: "REFUNDED", TopUpCompleted: "REFUNDED", TopUpFailed: null, TopUpExpired: null,
    TopUpRefundBegun: null, TopUpRefunded: null, TopUpRefundFailed: null,
  },
  FAILED: {
    TopUpSubmitted: "FAILED", TopUpCompleted: "COMPLETED", TopUpFailed: null, TopUpExpired: null,
    TopUpRefundBegun: null, TopUpRefunded: null, TopUpRefundFailed: null,
  },
  EXPIRED: {
    TopUpSubmitted: "EXPIRED", TopUpCompleted: "COMPLETED", TopUpFailed: null, TopUpExpired: null,
    TopUpRefundBegun: null, TopUpRefunded: null, TopUpRefundFailed: null,
  },
};

/** **Errors**: throws on an event that cannot happen in the top-up's status: the journal is broken. */
export function evolveTopUp(state: TopUpState | undefined, event: TopUpEvent): TopUpState {
  if (event.type === "TopUpInitiated") {
    if (state !== undefined) throw new Error("a top-up was initiated twice");
    const { type: _, atMs, ...facts } = event;
    return { ...facts, status: "INITIATED", initiatedAtMs: atMs, changedAtMs: atMs, creditedMinor: 0, attention: [] };
  }
  if (state === undefined) throw new Error(`${event.type} cannot happen to a top-up that is not initiated`);
  if (event.type === "TopUpNeedsAttention") {
    const { type: _, ...one } = event;
    return { ...state, attention: withAttention(state.attention, one) };
  }
  if (event.type === "TopUpAttentionClosed") return { ...state, attention: withDecision(state.attention, event) };
  const status = TRANSITIONS[state.status][event.type];
  if (status === null) throw new Error(`${event.type} cannot happen to a top-up that is ${state.status}`);
  const next = { ...state, status, changedAtMs: status === state.status ? state.changedAtMs : event.atMs };
  switch (event.type) {
    case "TopUpSubmitted":
      return { ...next, reference: event.reference, payment: event.payment };
    case "TopUpCompleted": {
      const credited = { ...next, creditedMinor: state.creditedMinor + event.amountMinor };
      if (state.transactionId !== undefined) return credited;
      const { transactionId, amountMinor: paidMinor, atMs: completedAtMs } = event;
      return { ...credited, transactionId, paidMinor, completedAtMs };
    }
    case "TopUpFailed":
    case "TopUpRefundBegun":
    case "TopUpRefundFailed":
      return { ...next, reason: event.reason };
    case "TopUpRefunded":
      return { ...next, refundId: event.refundId };
    case "TopUpExpired":
      return next;
    default:
      return unreachable(event);
  }
}
