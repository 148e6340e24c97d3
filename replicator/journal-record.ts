/**
 * The records of the journal topic: partition = shard, in the order of the journal.
 *
 * **Shape**: header `type` is `frame` or `claim`, `epoch` a decimal number. A frame's value is its bytes; headers
 * `sequence` (decimal, of its first record) and `hash` (hexadecimal); its timestamp is the frame's clock. A claim's value is
 * JSON, its timestamp the time of the claim.
 */

import { type Frame, viewFrame } from "../engine/journal/frame.ts";
import { type Claim, claimSchema, type LogRecord } from "./epoch-fold.ts";

/** A record to be appended. */
export interface OutgoingRecord {
  /** ASCII; for topics that keep the newest record of each key. */
  readonly key?: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}

/** A record as it was read. */
export interface IncomingRecord {
  readonly offset: number;
  readonly value: Buffer | undefined;
  readonly header: (name: string) => string | undefined;
}

/** Bytes of one request's records; a single frame is always taken. */
export const BATCH_BYTES_MAX = 900 << 10;
/** What a record takes besides its frame: headers, lengths, and its share of the batch. */
export const RECORD_OVERHEAD_BYTES = 192;

/** The record of a frame, as the leader of an epoch writes it. */
export function frameRecord(epoch: number, { bytes, firstSequence, clockMs, hash }: Frame): OutgoingRecord {
  const headers = {
    type: "frame",
    epoch: String(epoch),
    sequence: String(firstSequence),
    hash: hex(hash),
  };
  return { value: Buffer.from(bytes), headers, timestampMs: Math.floor(clockMs) };
}

/** The record of a claim. */
export function claimRecord(claim: Claim, nowMs: number): OutgoingRecord {
  const headers = { type: "claim", epoch: String(claim.epoch) };
  return { value: Buffer.from(JSON.stringify(claim)), headers, timestampMs: nowMs };
}

/** Takes a record apart; what is neither a claim nor a frame of the shard is unknown. */
export function readRecord(record: IncomingRecord, shard: number): LogRecord {
  const { offset, value } = record;
  const unknown = (reason: string): LogRecord => ({ type: "unknown", offset, reason });
  if (value === undefined) return unknown("it has no value");
  switch (record.header("type")) {
    case "claim": {
      const claim = claimSchema.safeParse(parseJson(value));
      return claim.success ? { type: "claim", offset, claim: claim.data } : unknown("its claim cannot be read");
    }
    case "frame": {
      const frame = viewFrame(value, shard);
      if (typeof frame === "string") return unknown(frame);
      const epoch = Number(record.header("epoch"));
      if (!Number.isSafeInteger(epoch)) return unknown("it has no epoch");
      return {
        type: "frame",
        offset,
        epoch,
        firstSequence: frame.firstSequence,
        recordCount: frame.recordCount,
        hash: hex(frame.hash),
        previousHash: hex(frame.previousHash),
        bytes: frame.bytes,
      };
    }
    default:
      return unknown("it has no type");
  }
}

function parseJson(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString());
  } catch {
    return undefined;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
