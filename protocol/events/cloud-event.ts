/**
 * How an event travels: CloudEvents 1.0 in the binary mode of its Kafka binding.
 *
 * The record's key is the aggregate's id, its value the data as JSON, and everything else stands in headers.
 */

/** Names of the record headers. */
export const EVENT_HEADER = {
  specVersion: "ce_specversion",
  id: "ce_id",
  source: "ce_source",
  type: "ce_type",
  time: "ce_time",
  subject: "ce_subject",
  sequence: "ce_sequence",
  dataSchema: "ce_dataschema",
  traceParent: "ce_traceparent",
  traceState: "ce_tracestate",
  contentType: "content-type",
} as const;

export const SPEC_VERSION = "1.0";
export const EVENT_CONTENT_TYPE = "application/json";

const SEQUENCE_DIGITS = 16;

/** Names the ledger and the shard; ids and sequences of events count within it. */
export function eventSource(ledgerId: string, shard: number): string {
  return `/ledgers/${ledgerId}/shards/${shard}`;
}

/**
 * The id of an event: the journal position of its record, and behind it the event's index where a record gives several.
 *
 * **Shape**: `3:4711`, `3:4711:1`, `3:4711:2`.
 */
export function eventId(shard: number, sequence: number, index: number): string {
  return index === 0 ? `${shard}:${sequence}` : `${shard}:${sequence}:${index}`;
}

/**
 * The extension `sequence`: in the order of its text, events of one source are in the order in which they happened.
 *
 * **Shape**: 16 digits, and the index behind them where a record gives several events.
 */
export function eventSequence(sequence: number, index: number): string {
  const digits = String(sequence).padStart(SEQUENCE_DIGITS, "0");
  return index === 0 ? digits : `${digits}:${index}`;
}

/** The URI that names the schema of a type's data, wherever it is published. */
export function eventSchemaUri(type: string): string {
  return `urn:mizan:event-schema:${type}`;
}
