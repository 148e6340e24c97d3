import { upcast } from "../../engine/actor/registry.ts";
import type { ObjectRecord } from "../../engine/object/object-record.ts";
import { paymentActor } from "../../engine/payment/actor.ts";
import type { EventType } from "../../protocol/events/event-types.ts";
import type { PaymentEvent } from "../../protocol/payment/events.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { EventBatch } from "./event-batch.ts";

const TYPES: Readonly<Record<PaymentEvent["type"], EventType>> = {
  PaymentInitiated: "mizan.payment.initiated.v1",
  PaymentAuthorized: "mizan.payment.authorized.v1",
  PaymentPartlyCaptured: "mizan.payment.partly_captured.v1",
  PaymentCaptured: "mizan.payment.captured.v1",
  PaymentVoided: "mizan.payment.voided.v1",
  PaymentExpired: "mizan.payment.expired.v1",
  PaymentPartlyRefunded: "mizan.payment.partly_refunded.v1",
  PaymentRefunded: "mizan.payment.refunded.v1",
  PaymentFailed: "mizan.payment.failed.v1",
};

/** Tells what has happened to a payment. The steps of its sagas are told as what they do to wallets. */
export function tellPayment({ id, command, events, version }: ObjectRecord, batch: EventBatch): void {
  for (const event of upcast(paymentActor, events, version ?? 1)) {
    if (!isOfPayment(event)) continue;
    const data = {
      paymentId: id,
      position: batch.position,
      ...(command === undefined ? {} : { commandId: command.id }),
      ...factsOf(event),
    };
    batch.add(TYPES[event.type], id, JSON.stringify(data));
  }
}

/** The others are those of sagas. */
function isOfPayment(event: unknown): event is PaymentEvent {
  return (event as { readonly type: string }).type in TYPES;
}

function factsOf(event: PaymentEvent): object {
  switch (event.type) {
    case "PaymentInitiated": {
      const { type: _, initiatedAtMs: _initiatedAtMs, ownerId, expiresAtMs, ...facts } = event;
      return {
        ...facts,
        ...(ownerId === "" ? {} : { ownerId }),
        ...(expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }),
      };
    }
    case "PaymentAuthorized": {
      const { holdId, payerOwnerId } = event;
      return payerOwnerId === "" ? { holdId } : { holdId, payerOwnerId };
    }
    case "PaymentPartlyCaptured":
    case "PaymentCaptured":
    case "PaymentVoided":
    case "PaymentExpired":
    case "PaymentPartlyRefunded":
    case "PaymentRefunded":
    case "PaymentFailed": {
      const { type: _, ...facts } = event;
      return facts;
    }
    default:
      return unreachable(event);
  }
}
