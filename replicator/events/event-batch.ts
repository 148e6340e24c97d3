import {
  EVENT_CONTENT_TYPE,
  EVENT_HEADER,
  eventId,
  eventSchemaUri,
  eventSequence,
  SPEC_VERSION,
} from "../../protocol/events/cloud-event.ts";
import { EVENT_AGGREGATE_NAMES, EVENT_TYPES, type EventType } from "../../protocol/events/event-types.ts";
import type { EncodedRecords } from "../record-batch.ts";
import { beginRecord, endRecord, shortText, writeVarint } from "../record-bytes.ts";
import { partitionOf } from "./partition.ts";

/**
 * Data of a batch. A transaction has its price whatever is in it, most of all on a busy machine: a relay that is behind
 * catches up the faster the more it may take.
 */
const BATCH_BYTES_MAX = 4 << 20;
/** Kafka takes batches of at most a mebibyte for a partition. */
const PARTITION_BYTES_MAX = 1 << 19;
/** What a partition's records have room in at first; it grows to `PARTITION_BYTES_MAX`. */
const PARTITION_BYTES_FIRST = 1 << 15;
/** The data of an event beyond this is a defect: metadata has at most a kibibyte, and thrice that where it was no UTF-8. */
const EVENT_BYTES_MAX = 8_000;
/** With its headers, of which a trace's state, the longest, has at most half a kibibyte. */
const RECORD_BYTES_MAX = EVENT_BYTES_MAX + 2_048;

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

/** The encoded records of one partition. */
class PartitionRecords {
  #bytes = Buffer.allocUnsafeSlow(PARTITION_BYTES_FIRST);
  #end = 0;
  count = 0;

  get byteLength(): number {
    return this.#end;
  }

  get encoded(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Where the next record begins: there is room for the longest one. */
  begin(): { readonly bytes: Buffer; readonly start: number } {
    if (this.#bytes.length - this.#end < RECORD_BYTES_MAX) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#bytes.length);
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    return { bytes: this.#bytes, start: this.#end };
  }

  end(end: number): void {
    this.#end = end;
    this.count += 1;
  }

  clear(): void {
    this.#end = 0;
    this.count = 0;
  }
}

/** The events of one transaction, as the records that Kafka keeps. */
export class EventBatch {
  readonly #headers: readonly EventHeaders[];
  /** Of each topic, its partitions. */
  readonly #partitions: readonly (readonly PartitionRecords[])[];
  #bytes = 0;
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
    this.#partitions = partitionCounts.map((count) => Array.from({ length: count }, () => new PartitionRecords()));
  }

  get events(): number {
    return this.#events;
  }

  /** Whether the events of one more record might not fit. */
  get isFull(): boolean {
    return (
      this.#bytes > BATCH_BYTES_MAX - EVENTS_OF_RECORD_MAX * RECORD_BYTES_MAX ||
      this.#fullest > PARTITION_BYTES_MAX - EVENTS_OF_RECORD_MAX * RECORD_BYTES_MAX
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
    const { bytes, start } = partition.begin();
    let end = beginRecord(bytes, start, partition.count);
    end = writeVarint(bytes, end, key.length);
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
    end = endRecord(bytes, start, end);
    partition.end(end);
    this.#bytes += end - start;
    this.#fullest = Math.max(this.#fullest, partition.byteLength);
    this.#events += 1;
    this.#index += 1;
  }

  /** The records of a topic's partitions that have any, sent at a time; they are those of the batch until it is cleared. */
  *recordsOf(topic: number, nowMs: number): Generator<EncodedRecords & { readonly partition: number }> {
    for (const [partition, records] of this.#partitions[topic].entries()) {
      const { count, encoded } = records;
      if (count > 0) yield { partition, parts: [encoded], count, firstTimestampMs: nowMs, lastTimestampMs: nowMs };
    }
  }

  /** Forgets all events; their records must have been sent. */
  clear(): void {
    for (const partition of this.#partitions.flat()) partition.clear();
    this.#bytes = 0;
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
