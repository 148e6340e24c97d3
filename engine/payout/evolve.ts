import type { PayoutEvent } from "../../protocol/payout/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { withAttention, withDecision } from "../provider/attention.ts";
import type { PayoutState, PayoutStatus } from "./payout.ts";

type Change = Exclude<PayoutEvent["type"], "PayoutInitiated" | "PayoutNeedsAttention" | "PayoutAttentionClosed">;
type Row = Readonly<Record<Change, PayoutStatus | null>>;

/**
 * Status × event → status; null is an event that cannot happen then. The compiler asks for every pair.
 *
 * The answer to the provider's request may come after what it leads to. A payout that had failed is paid only where an operator
 * has accepted it, with the money taken from the wallet again.
 */
// biome-ignore format: a table reads best in rows
const TRANSITIONS: Readonly<Record<PayoutStatus, Row>> = {
  INITIATED: { PayoutReserved: "RESERVED", PayoutSubmitted: null, PayoutPaid: null, PayoutFailed: "FAILED" },
  RESERVED: { PayoutReserved: null, PayoutSubmitted: "PENDING", PayoutPaid: "PAID", PayoutFailed: "FAILED" },
  PENDING: { PayoutReserved: null, PayoutSubmitted: null, PayoutPaid: "PAID", PayoutFailed: "FAILED" },
  PAID: { PayoutReserved: null, PayoutSubmitted: "PAID", PayoutPaid: null, PayoutFailed: null },
  FAILED: { PayoutReserved: null, PayoutSubmitted: "FAILED", PayoutPaid: "PAID", PayoutFailed: null },
};

/** **Errors**: throws on an event that cannot happen in the payout's status: the journal is broken. */
export function evolvePayout(state: PayoutState | undefined, event: PayoutEvent): PayoutState {
  if (event.type === "PayoutInitiated") {
    if (state !== undefined) throw new Error("a payout was initiated twice");
    const { type: _, atMs, ...facts } = event;
    return { ...facts, status: "INITIATED", initiatedAtMs: atMs, changedAtMs: atMs, attention: [] };
  }
  if (state === undefined) throw new Error(`${event.type} cannot happen to a payout that is not initiated`);
  if (event.type === "PayoutNeedsAttention") {
    const { type: _, ...one } = event;
    return { ...state, attention: withAttention(state.attention, one) };
  }
  if (event.type === "PayoutAttentionClosed") return { ...state, attention: withDecision(state.attention, event) };
  const status = TRANSITIONS[state.status][event.type];
  if (status === null) throw new Error(`${event.type} cannot happen to a payout that is ${state.status}`);
  const next = { ...state, status, changedAtMs: status === state.status ? state.changedAtMs : event.atMs };
  switch (event.type) {
    case "PayoutReserved":
      return next;
    case "PayoutSubmitted":
      return { ...next, reference: event.reference };
    case "PayoutPaid":
      return { ...next, transactionId: event.transactionId, paidAtMs: event.atMs };
    case "PayoutFailed":
      return { ...next, reason: event.reason };
    default:
      return unreachable(event);
  }
}
