import {
  EVENT_CONTENT_TYPE,
  EVENT_HEADER,
  eventId,
  eventSchemaUri,
  eventSequence,
  SPEC_VERSION,
} from "../../protocol/events/cloud-event.ts";
import { EVENT_AGGREGATE_NAMES, EVENT_TYPES, type EventType } from "../../protocol/events/event-types.ts";
import { RECORD_PREFIX_BYTES, sealRecord, shortText, writeVarint } from "../record-bytes.ts";
import { partitionOf } from "./partition.ts";

/**
 * Data of a batch. A transaction has its price whatever is in it, most of all on a busy machine: a relay that is behind
 * catches up the faster the more it may take.
 */
const BATCH_BYTES_MAX = 4 << 20;
/** Kafka takes batches of at most a mebibyte for a partition. */
const PARTITION_BYTES_MAX = 1 << 19;
/** An event beyond this is a defect: metadata has at most a kibibyte, and thrice that where it was no UTF-8. */
const EVENT_BYTES_MAX = 8_000;

/** W3C trace context that a command carried. */
export interface TraceContext {
  readonly traceParent: string;
  readonly traceState?: string;
}

/** What of an event's headers is the same for all events of a type and source. */
interface TypeHeaders {
  readonly topic: number;
  readonly bytes: Buffer;
}

/** Records of one partition. */
interface PartitionRecords {
  readonly records: Buffer[];
  bytes: number;
}

const HEADERS_FIXED = 5;
const HEADERS_OF_EVENT = 4;

/**
 * The headers of each type of events from one source.
 *
 * They are made once: an event has nine or more, and writing each anew takes longer than everything else about it.
 */
export class EventHeaders {
  readonly #byType: ReadonlyMap<string, TypeHeaders>;

  constructor(source: string) {
    this.#byType = new Map(
      [...EVENT_TYPES].map(([type, { aggregate }]) => {
        const headers = {
          [EVENT_HEADER.specVersion]: SPEC_VERSION,
          [EVENT_HEADER.type]: type,
          [EVENT_HEADER.source]: source,
          [EVENT_HEADER.dataSchema]: eventSchemaUri(type),
          [EVENT_HEADER.contentType]: EVENT_CONTENT_TYPE,
        };
        return [type, { topic: EVENT_AGGREGATE_NAMES.indexOf(aggregate), bytes: headerBytes(headers) }] as const;
      }),
    );
  }

  of(type: EventType): TypeHeaders {
    const headers = this.#byType.get(type);
    if (headers === undefined) throw new Error(`no type of events is called ${type}`);
    return headers;
  }
}

function headerBytes(headers: Readonly<Record<string, string>>): Buffer {
  const bytes = Buffer.alloc(1_024);
  let end = 0;
  for (const text of Object.entries(headers).flat()) {
    end = writeVarint(bytes, end, text.length);
    end += bytes.write(text, end, "latin1");
  }
  return bytes.subarray(0, end);
}

/** The events of one transaction, as the records that Kafka keeps. */
export class EventBatch {
  readonly #headers: readonly EventHeaders[];
  readonly #bytes = Buffer.allocUnsafeSlow(BATCH_BYTES_MAX + EVENT_BYTES_MAX);
  /** Of each topic, its partitions. */
  readonly #partitions: readonly (readonly PartitionRecords[])[];
  #end = 0;
  #fullest = 0;
  #events = 0;
  #sequence = 0;
  #index = 0;
  #position = "";
  #shard = 0;
  #timeHeader = "";
  #timeMs = Number.NaN;

  /** `headers` are those of each shard's events; `partitionCounts` are those of the topics, in the order of `EVENT_AGGREGATE_NAMES`. */
  constructor(headers: readonly EventHeaders[], partitionCounts: readonly number[]) {
    this.#headers = headers;
    this.#partitions = partitionCounts.map((count) => Array.from({ length: count }, () => ({ records: [], bytes: 0 })));
  }

  get events(): number {
    return this.#events;
  }

  /** Whether the events of one more record might not fit. */
  get isFull(): boolean {
    return (
      this.#end > BATCH_BYTES_MAX - EVENTS_OF_RECORD_MAX * EVENT_BYTES_MAX ||
      this.#fullest > PARTITION_BYTES_MAX - EVENTS_OF_RECORD_MAX * EVENT_BYTES_MAX
    );
  }

  /** The position that the data of events names. */
  get position(): string {
    return this.#position;
  }

  /** Goes on with the record at a position, whose events are added next. */
  beginRecord(shard: number, sequence: number, clockMs: number): void {
    this.#shard = shard;
    this.#sequence = sequence;
    this.#index = 0;
    this.#position = eventId(shard, sequence, 0);
    if (clockMs === this.#timeMs) return;
    this.#timeMs = clockMs;
    this.#timeHeader = header(EVENT_HEADER.time, new Date(clockMs).toISOString());
  }

  /** Adds an event about an aggregate; `data` is its JSON. */
  add(type: EventType, key: string, data: string, trace?: TraceContext): void {
    const { topic, bytes: fixedHeaders } = this.#headers[this.#shard].of(type);
    const partition = this.#partitions[topic][partitionOf(key, this.#partitions[topic].length)];
    const bytes = this.#bytes;
    const start = this.#end + RECORD_PREFIX_BYTES;
    let end = writeVarint(bytes, start, key.length);
    end += bytes.write(key, end, "latin1");
    const dataAt = end + DATA_LENGTH_BYTES;
    const dataBytes = bytes.write(data, dataAt, EVENT_BYTES_MAX, "utf8");
    if (writeVarint(bytes, end, dataBytes) !== dataAt)
      throw new Error(`event ${this.#position} has ${dataBytes} bytes`);
    end = dataAt + dataBytes;
    const traceHeaders = trace === undefined ? "" : headersOf(trace);
    const traces = trace === undefined ? 0 : trace.traceState === undefined ? 1 : 2;
    end = writeVarint(bytes, end, HEADERS_FIXED + HEADERS_OF_EVENT + traces);
    fixedHeaders.copy(bytes, end);
    end += fixedHeaders.byteLength;
    const ownHeaders =
      header(EVENT_HEADER.id, eventId(this.#shard, this.#sequence, this.#index)) +
      this.#timeHeader +
      header(EVENT_HEADER.subject, key) +
      header(EVENT_HEADER.sequence, eventSequence(this.#sequence, this.#index)) +
      traceHeaders;
    end += bytes.write(ownHeaders, end, "latin1");
    const record = sealRecord(bytes, start, end, partition.records.length);
    partition.records.push(record);
    partition.bytes += record.byteLength;
    this.#fullest = Math.max(this.#fullest, partition.bytes);
    this.#end = end;
    this.#events += 1;
    this.#index += 1;
  }

  /** The records of a topic's partitions that have any. */
  *partitionsOf(topic: number): Generator<{ readonly partition: number; readonly records: readonly Buffer[] }> {
    for (const [partition, { records }] of this.#partitions[topic].entries()) {
      if (records.length > 0) yield { partition, records };
    }
  }

  /** Forgets all events; their records must have been sent. */
  clear(): void {
    for (const partition of this.#partitions.flat()) {
      partition.records.length = 0;
      partition.bytes = 0;
    }
    this.#end = 0;
    this.#fullest = 0;
    this.#events = 0;
  }
}

/** The most events that one record gives: a movement, and each of its wallets. */
const EVENTS_OF_RECORD_MAX = 3;
/** Any data from 64 to 8,191 bytes has a length of two bytes. */
const DATA_LENGTH_BYTES = 2;

function header(name: string, value: string): string {
  return shortText(name) + shortText(value);
}

function headersOf({ traceParent, traceState }: TraceContext): string {
  const parent = header(EVENT_HEADER.traceParent, traceParent);
  return traceState === undefined ? parent : parent + header(EVENT_HEADER.traceState, traceState);
}
