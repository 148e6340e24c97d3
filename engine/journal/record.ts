/**
 * Journal records. Each takes one sequence number; lane 0 tells its kind and length.
 *
 * **Shape** of a posting, 64 bytes, in 32-bit lanes (u32 unless noted):
 * ```
 *   0  kind << 24 | amountMinor bits 32..52     1  amountMinor bits 0..31
 *   2  command id (4 lanes)
 *   6  slot debited                             7  slot credited
 *   8  balance debited, after it (f64)         10  its version         11  records back to its previous record
 *  12  balance credited, after it (f64)        14  its version         15  records back to its previous record
 * ```
 * A wide posting (kind | 128) goes on with what does not fit, 112 bytes and padded metadata:
 * ```
 *  16  reference (4 lanes)                     20  expectedVersion (f64)
 *  22  version debited (f64)                   24  version credited (f64)
 *  26  previous sequence debited (f64)         28  previous sequence credited (f64)
 *  30  metadataBytes                           31  tail: 1, or 0 in records that have none
 *  32  available debited, after it (f64)       34  available credited, after it (f64)
 *  36  target (4 lanes): the hold captured, the movement reversed, or zero
 *  40  options of the command                  41  reserved
 *  42  reversed so far, this record included (f64; Reversed, and TransferSent of a reversal); Sold: amount bought (f64)
 *  44  metadata, padded to a multiple of 64 bytes; at lane 32 where there is no tail
 * ```
 * A change of a wallet's status, limit or existence, and the command that asked for it:
 * ```
 *   0  kind << 24 | recordBytes                 1  operation
 *   2  slot                                     3  reserved
 *   4  version after it (f64)                   6  previous sequence of the wallet (f64)
 *   8  balance (f64)                           10  available balance after it (f64)
 *  12  the command record, as in protocol/command-record.ts
 * ```
 * A rejected command: `0 kind << 24 | recordBytes, 1 code, 2… the command record`.
 * One that a limit refused: `0 kind << 24 | recordBytes, 1 code | limit << 16, 2 value (f64), 4 left (f64), 6 resetsAtMs
 * (f64), 8… the command record`.
 * A hold that lapsed: `0 kind << 24 | recordBytes, 1 slot, 2 hold (4 lanes), 6 amount released (f64), 8 version after it
 * (f64), 10 previous sequence of the wallet (f64), 12 balance (f64), 14 available balance after it (f64)`.
 * An object event: `0 kind << 24 | recordBytes, 1 payloadBytes, 2… MessagePack, padded to a multiple of 8 bytes`. One that follows
 * from a record of another shard (kind | 128) says so before: `2 sequence (f64), 4 shard, 5 reserved, 6… MessagePack`.
 */

import { JOURNAL_OVERHEAD_BYTES_MAX, RECORD_BYTES } from "../../protocol/limits.ts";

export const RECORD_KIND = {
  Transferred: 1,
  Credited: 2,
  Debited: 3,
  /** A transfer to another shard: from the wallet into this shard's transit account. */
  TransferSent: 4,
  /** A transfer from another shard: out of this shard's transit account into the wallet. */
  TransferReceived: 5,
  /** A transfer that the other shard refused: back from the transit account into the wallet. */
  TransferRefunded: 6,
  /** Part of a hold, or all of it: from the wallet to another one, or out of the ledger. */
  HoldCaptured: 7,
  /** An exchange, first record: from the wallet into the liquidity account of its currency. */
  Sold: 8,
  /** An exchange, second record: out of the liquidity account of the other currency into the other wallet. */
  Bought: 9,
  /** A movement taken back, in part or in full. */
  Reversed: 10,
  /** A capture to another shard: from the wallet into this shard's transit account. */
  CaptureSent: 11,
  /** A capture that the other shard refused: back into the wallet, and into the hold while that is open. */
  CaptureRefunded: 12,
  WalletChanged: 16,
  CommandRejected: 17,
  ObjectChanged: 18,
  HoldExpired: 19,
  LimitRejected: 20,
} as const;
export type RecordKind = (typeof RECORD_KIND)[keyof typeof RECORD_KIND];

/** Set in the kind of a wide posting, and of an object event with a cause. */
export const WIDE = 0x80;

/** Lane offsets in a posting. */
export const POSTING = {
  amountLow: 1,
  id: 2,
  debitSlot: 6,
  creditSlot: 7,
  debitPosted: 8,
  debitVersion: 10,
  debitBack: 11,
  creditPosted: 12,
  creditVersion: 14,
  creditBack: 15,
  reference: 16,
  expectedVersion: 20,
  debitVersionWide: 22,
  creditVersionWide: 24,
  debitPrevious: 26,
  creditPrevious: 28,
  metadataBytes: 30,
  tail: 31,
  debitAvailable: 32,
  creditAvailable: 34,
  target: 36,
  options: 40,
  sum: 42,
  metadata: 44,
} as const;
export const POSTING_BYTES = RECORD_BYTES;
const TAIL_LANE_FIRST = 32;
const TAIL_BYTES = (POSTING.metadata - TAIL_LANE_FIRST) * 4;
const WIDE_POSTING_BYTES = 2 * RECORD_BYTES + TAIL_BYTES;
/** Largest version, and longest way back in records, that a narrow posting holds; neither exceeds the record's sequence. */
export const NARROW_MAX = 0xffff_ffff;

/** Lane offsets in a WalletChanged record. */
export const CHANGE = {
  operation: 1,
  slot: 2,
  version: 4,
  previous: 6,
  posted: 8,
  available: 10,
  command: 12,
} as const;
export const CHANGE_HEADER_BYTES = 48;

/** Lane offsets in a CommandRejected record. */
export const REJECTION = { code: 1, command: 2 } as const;
export const REJECTION_HEADER_BYTES = 8;

/** Lane offsets in a LimitRejected record. */
export const LIMIT_REJECTION = { codeAndLimit: 1, value: 2, left: 4, resetsAtMs: 6, command: 8 } as const;
export const LIMIT_REJECTION_HEADER_BYTES = 32;

/** Lane offsets in a HoldExpired record. */
export const EXPIRY = {
  slot: 1,
  hold: 2,
  releasedMinor: 6,
  version: 8,
  previous: 10,
  posted: 12,
  available: 14,
} as const;
export const EXPIRY_BYTES = 64;

/** Lane offsets in an object event; the payload comes later by the lanes of the cause where it has one. */
export const OBJECT = { payloadBytes: 1, payload: 2, causeSequence: 2, causeShard: 4 } as const;
export const OBJECT_HEADER_BYTES = 8;
export const OBJECT_CAUSE_BYTES = 16;

if (Math.max(CHANGE_HEADER_BYTES, WIDE_POSTING_BYTES - RECORD_BYTES) > JOURNAL_OVERHEAD_BYTES_MAX) {
  throw new Error("a journal record takes more than its allowance");
}

/** Kind of the record at a lane, without the wide bit. */
export function recordKind(lanes: Uint32Array, at: number): RecordKind {
  return ((lanes[at] >>> 24) & 0x7f) as RecordKind;
}

/** Whether the posting at a lane is a wide one, or the object event there has a cause. */
export function isWide(lanes: Uint32Array, at: number): boolean {
  return lanes[at] >>> 31 === 1;
}

/** Length of the record at a lane. **Units**: bytes. */
export function recordBytes(lanes: Uint32Array, at: number): number {
  if (recordKind(lanes, at) >= RECORD_KIND.WalletChanged) return lanes[at] & 0xff_ffff;
  if (!isWide(lanes, at)) return POSTING_BYTES;
  const bytes = widePostingBytes(lanes[at + POSTING.metadataBytes]);
  return hasTail(lanes, at) ? bytes : bytes - TAIL_BYTES;
}

/** Length of a wide posting with a tail and metadata of a length. **Units**: bytes. */
export function widePostingBytes(metadataBytes: number): number {
  return WIDE_POSTING_BYTES + Math.ceil(metadataBytes / RECORD_BYTES) * RECORD_BYTES;
}

/** Whether the posting at a lane is a wide one that goes on with a tail. */
export function hasTail(lanes: Uint32Array, at: number): boolean {
  return isWide(lanes, at) && lanes[at + POSTING.tail] === 1;
}

/** Lane of the metadata of the wide posting at a lane. */
export function postingMetadataAt(lanes: Uint32Array, at: number): number {
  return at + (hasTail(lanes, at) ? POSTING.metadata : TAIL_LANE_FIRST);
}

/** Amount of the posting at a lane. */
export function postingAmountMinor(lanes: Uint32Array, at: number): number {
  return (lanes[at] & 0x1f_ffff) * 4_294_967_296 + lanes[at + POSTING.amountLow];
}

/** Version of a wallet after the posting at a lane. */
export function postingVersion(lanes: Uint32Array, floats: Float64Array, at: number, side: "debit" | "credit"): number {
  const debit = side === "debit";
  if (!isWide(lanes, at)) return lanes[at + (debit ? POSTING.debitVersion : POSTING.creditVersion)];
  return floats[(at + (debit ? POSTING.debitVersionWide : POSTING.creditVersionWide)) >>> 1];
}
