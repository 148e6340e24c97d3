import { z } from "zod";
import type { ActorEvents } from "./actor-events.ts";
import { eventSchemaUri } from "./cloud-event.ts";
import { MEDCARD_EVENTS } from "./medcard-events.ts";
import { MERCHANT_EVENTS } from "./merchant-events.ts";
import { PAYMENT_EVENTS } from "./payment-events.ts";
import { PAYOUT_EVENTS } from "./payout-events.ts";
import { TOPUP_EVENTS } from "./topup-events.ts";
import { TRANSFER_EVENTS } from "./transfer-events.ts";
import { WALLET_EVENTS } from "./wallet-events.ts";

/**
 * The registry of events by the aggregate they are about: each has a topic, and the field of the data that is its key.
 *
 * A type's name ends in the version of its schema. A version never changes but by optional fields; what breaks a reader
 * is a new version, a type of its own. An aggregate with an actor's name is told as its types say; actors without one are not told.
 */
export const EVENT_AGGREGATES = {
  wallet: { topic: "wallet-events", key: "walletId", types: WALLET_EVENTS },
  transfer: { topic: "transfer-events", key: "transferId", types: TRANSFER_EVENTS },
  payment: { topic: "payment-events", key: "paymentId", types: PAYMENT_EVENTS, actor: "Payment" },
  topup: { topic: "topup-events", key: "topUpId", types: TOPUP_EVENTS, actor: "TopUp" },
  payout: { topic: "payout-events", key: "payoutId", types: PAYOUT_EVENTS, actor: "Payout" },
  merchant: { topic: "merchant-events", key: "merchantId", types: MERCHANT_EVENTS, actor: "Merchant" },
  medcard: { topic: "medcard-events", key: "medCardId", types: MEDCARD_EVENTS, actor: "MedCard" },
} as const;
export type EventAggregate = keyof typeof EVENT_AGGREGATES;
export const EVENT_AGGREGATE_NAMES = Object.keys(EVENT_AGGREGATES) as readonly EventAggregate[];

/** The topics, as they are called without a prefix. */
export const EVENT_TOPICS: readonly string[] = EVENT_AGGREGATE_NAMES.map(
  (aggregate) => EVENT_AGGREGATES[aggregate].topic,
);

interface AnyEvent {
  readonly type: string;
}

/** Every type by its name. */
const EVENTS = {
  ...WALLET_EVENTS,
  ...TRANSFER_EVENTS,
  ...PAYMENT_EVENTS,
  ...TOPUP_EVENTS,
  ...PAYOUT_EVENTS,
  ...MERCHANT_EVENTS,
  ...MEDCARD_EVENTS,
};
export type EventType = keyof typeof EVENTS;

/** The data of an event of a type. */
export type EventData<T extends EventType> = z.output<(typeof EVENTS)[T]["data"]>;

/** What is told of each type of actors, by the actor's name. */
export const ACTOR_EVENTS: ReadonlyMap<string, { readonly key: string; readonly types: ActorEvents<AnyEvent> }> =
  new Map(
    EVENT_AGGREGATE_NAMES.flatMap((name) => {
      const aggregate = EVENT_AGGREGATES[name];
      return "actor" in aggregate ? [[aggregate.actor, aggregate] as const] : [];
    }),
  );

/** Facts about a type. */
export interface EventTypeFacts {
  readonly aggregate: EventAggregate;
  readonly meaning: string;
  readonly data: z.ZodType;
}

/** Every type with its facts. */
export const EVENT_TYPES: ReadonlyMap<string, EventTypeFacts> = new Map(
  EVENT_AGGREGATE_NAMES.flatMap((aggregate) =>
    Object.entries(EVENT_AGGREGATES[aggregate].types).map(([type, facts]) => [type, { aggregate, ...facts }] as const),
  ),
);

/** The JSON Schema of a type's data. **Errors**: throws on a type that there is not. */
export function eventSchema(type: string): Record<string, unknown> {
  const facts = EVENT_TYPES.get(type);
  if (facts === undefined) throw new Error(`no type of events is called ${type}`);
  const { $schema, ...schema } = z.toJSONSchema(facts.data, { target: "draft-2020-12", io: "output" });
  return { $schema, $id: eventSchemaUri(type), title: type, description: facts.meaning, ...schema };
}
