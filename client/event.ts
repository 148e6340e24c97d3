import type { IHeaders, KafkaMessage } from "kafkajs";
import { EVENT_HEADER } from "../protocol/events/cloud-event.ts";
import type { EventData, EventType } from "../protocol/events/event-types.ts";

/** A CloudEvent of the ledger. */
interface EventOf<T extends EventType> {
  /** Unique within the source. */
  readonly id: string;
  readonly source: string;
  readonly type: T;
  readonly time: string;
  /** The aggregate's id. */
  readonly subject: string;
  /** Orders the events of one source, as text. */
  readonly sequence: string;
  readonly traceParent?: string;
  readonly traceState?: string;
  readonly data: EventData<T>;
}

/** Any event of the ledger; `type` tells what its data are. A newer ledger may tell of types that are not listed here. */
export type MizanEvent = { [T in EventType]: EventOf<T> }[EventType];

/** Why a record is no event. */
export class NotAnEventError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotAnEventError";
  }
}

/** Reads a record as an event. **Errors**: NotAnEventError, where it is none. */
export function readEvent({ headers, value }: Pick<KafkaMessage, "headers" | "value">): MizanEvent {
  const text = (name: string): string => {
    const found = headerText(headers, name);
    if (found === undefined) throw new NotAnEventError(`the record has no header ${name}`);
    return found;
  };
  const traceParent = headerText(headers, EVENT_HEADER.traceParent);
  const traceState = headerText(headers, EVENT_HEADER.traceState);
  return {
    id: text(EVENT_HEADER.id),
    source: text(EVENT_HEADER.source),
    type: text(EVENT_HEADER.type),
    time: text(EVENT_HEADER.time),
    subject: text(EVENT_HEADER.subject),
    sequence: text(EVENT_HEADER.sequence),
    ...(traceParent === undefined ? {} : { traceParent }),
    ...(traceState === undefined ? {} : { traceState }),
    data: readData(value),
    // The type in the header says which of the union it is.
  } as MizanEvent;
}

/** A header's value as text; undefined where there is none. */
export function headerText(headers: IHeaders | undefined, name: string): string | undefined {
  const value = headers?.[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === undefined ? undefined : String(first);
}

function readData(value: Buffer | null): unknown {
  try {
    const data: unknown = JSON.parse(String(value));
    if (typeof data === "object" && data !== null) return data;
  } catch {
    // Told below.
  }
  throw new NotAnEventError("the record's value is no JSON object");
}
