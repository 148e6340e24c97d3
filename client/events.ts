/** What reads the ledger's events from Kafka; apart from `index.ts`, so that others need no Kafka client. */

export type { BrokerAccess } from "../protocol/broker-access.ts";
export type { EventData, EventType } from "../protocol/events/event-types.ts";
export { DEAD_LETTER_HEADER, deadLetterTopic } from "./dead-letters.ts";
export { type MizanEvent, NotAnEventError, readEvent } from "./event.ts";
export { EventConsumer, type EventConsumerOptions } from "./event-consumer.ts";
