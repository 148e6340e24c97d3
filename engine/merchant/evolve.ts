import type { MerchantEvent } from "../../protocol/merchant/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { BATCHES_KEPT, type MerchantState, type MerchantStatus } from "./merchant.ts";

type Change = Exclude<MerchantEvent["type"], "MerchantRegistered">;

/** After a refusal the batch is tried again. **Units**: milliseconds. */
const RETRY_AFTER_MS = 3_600_000;

/**
 * Event × status → status; null is an event that cannot happen then. The compiler asks for every pair.
 *
 * A suspended merchant's batch is closed with the merchant only; a closed one may still have money come in and go.
 */
// biome-ignore format: a table reads best in rows
const TRANSITIONS: Readonly<Record<Change, Readonly<Record<MerchantStatus, MerchantStatus | null>>>> = {
  FeeRuleChanged:      { ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", CLOSED: null },
  SettlementChanged:   { ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", CLOSED: null },
  MerchantSuspended:   { ACTIVE: "SUSPENDED", SUSPENDED: null,        CLOSED: null },
  MerchantReactivated: { ACTIVE: null,        SUSPENDED: "ACTIVE",    CLOSED: null },
  MerchantClosed:      { ACTIVE: "CLOSED",    SUSPENDED: "CLOSED",    CLOSED: null },
  BatchBegun:          { ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", CLOSED: "CLOSED" },
  BatchClosed:         { ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", CLOSED: "CLOSED" },
  BatchRefused:        { ACTIVE: "ACTIVE",    SUSPENDED: "SUSPENDED", CLOSED: "CLOSED" },
};

/** **Errors**: throws on an event that cannot happen in the merchant's status: the journal is broken. */
export function evolveMerchant(state: MerchantState | undefined, event: MerchantEvent): MerchantState {
  if (event.type === "MerchantRegistered") {
    if (state !== undefined) throw new Error("a merchant was registered twice");
    const { type: _, ...facts } = event;
    return { ...facts, status: "ACTIVE", batches: [] };
  }
  const status = state === undefined ? null : TRANSITIONS[event.type][state.status];
  if (state === undefined || status === null) {
    throw new Error(`${event.type} cannot happen to a merchant that is ${state?.status ?? "not registered"}`);
  }
  switch (event.type) {
    case "FeeRuleChanged": {
      const { fee: _, ...rest } = state;
      return event.fee === undefined ? rest : { ...rest, fee: event.fee };
    }
    case "SettlementChanged": {
      const { type: _, ...terms } = event;
      return { ...state, ...terms };
    }
    case "MerchantSuspended":
    case "MerchantClosed":
      return { ...state, status, reason: event.reason };
    case "MerchantReactivated": {
      const { reason: _, ...rest } = state;
      return { ...rest, status };
    }
    case "BatchBegun": {
      const { type: _, ...closing } = event;
      return { ...state, closing, nextBatchAtMs: closing.nextBatchAtMs };
    }
    case "BatchClosed": {
      const { type: _, ...batch } = event;
      const { closing: _closing, refusal: _refusal, ...rest } = state;
      return { ...rest, batches: [...state.batches, batch].slice(-BATCHES_KEPT) };
    }
    case "BatchRefused": {
      const { closing, ...rest } = state;
      const retryAtMs = (closing?.begunAtMs ?? 0) + RETRY_AFTER_MS;
      return { ...rest, refusal: event.code, nextBatchAtMs: Math.min(state.nextBatchAtMs, retryAtMs) };
    }
    default:
      return unreachable(event);
  }
}
