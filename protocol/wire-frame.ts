/**
 * Binary frames of the subprotocol `mizan.binary.v1`. A WebSocket message holds one or more frames back to back.
 *
 * **Shape** of the header (32 bytes, little-endian):
 * ```
 *   0  frameBytes  u32  header included; a multiple of 8
 *   4  type        u8
 *   5  flags       u8
 *   6  code        u16  Error frames, and Results that were refused as a whole; else zero
 *   8  requestId   u32  chosen by the client; zero in what the server sends unasked
 *  12  count       u32  records that follow
 *  16  argument    u64  depends on the type; else zero
 *  24  reserved    8    zero
 * ```
 */

import { WIRE_HEADER_BYTES } from "./limits.ts";

/** Subprotocols in order of preference. */
export const SUBPROTOCOLS = ["mizan.binary.v1", "mizan.json.v1"] as const;
export type Subprotocol = (typeof SUBPROTOCOLS)[number];

/** Version of the binary and JSON contract; `protocol/schema-hash.test.ts` fails when the contract changes without it. */
export const PROTOCOL_MINOR = 1;

/** Frame types. Requests are below 128, what the server sends is above. Numbers are for ever. */
export const FRAME_TYPE = {
  /** Command records, behind a trace context where flagged `traced`; flag `details` asks for the long result form. Answered by Results. */
  Commands: 1,
  /** 16-byte wallet ids. Answered by Wallets. */
  LookupWallets: 2,
  /** One 16-byte command id. Answered by Transfer. */
  LookupTransfer: 3,
  /**
   * Subscription records (32 bytes: id 16, fromVersion u64, topic u8, reserved 7). `fromVersion` is the last version
   * seen of a wallet, zero = none. Answered by Subscribed, or by Error where none was accepted.
   */
  Subscribe: 4,
  /** Subscription records, fromVersion ignored. Answered by Subscribed. */
  Unsubscribe: 5,
  /** Answered by Pong with the same argument. */
  Ping: 6,
  /**
   * UTF-8 JSON of one query (`jsonQuery`), padded with zeros to a multiple of 8; count = 1, argument = its length in
   * bytes. Answered by QueryResult.
   */
  Query: 7,
  /** Records of commands on actors (actor-record.ts); flag `details` asks for states. Answered by ActorResults. */
  ActorCommands: 8,

  /** First frame of a connection: argument = PROTOCOL_MINOR, then 32 bytes of limits (see PROTOCOL.md). */
  Welcome: 128,
  Results: 129,
  Wallets: 130,
  /** UTF-8 JSON of one transfer, padded with zeros; argument = its length in bytes. */
  Transfer: 131,
  /**
   * Count = topics accepted; then the code of each record asked for as u16, in order, padded with zeros to a multiple
   * of 8; argument = number of those codes. The states follow in Deltas frames.
   */
  Subscribed: 132,
  /** Delta records, in the order of the shard's journal. */
  Deltas: 133,
  Pong: 134,
  /** Keeps an idle connection alive; argument = server time in milliseconds. */
  Heartbeat: 135,
  /** `code` says why; with requestId 0 the connection closes. UTF-8 message of `argument` bytes, padded. */
  Error: 136,
  /** UTF-8 JSON of a query's result, padded with zeros; count = 1, argument = its length in bytes. */
  QueryResult: 137,
  /** A result for each command on an actor, in order. */
  ActorResults: 138,
} as const;

/** Bits of a frame's flags byte. */
export const FRAME_FLAG = {
  /** Commands, Results: result records are in the long form. ActorCommands, ActorResults: results tell states. */
  details: 1,
  /** Commands: the trace context of the message stands before its records. */
  traced: 2,
} as const;

/** W3C Trace Context before the records of a Commands frame: trace id 16, span id 8, flags u8, reserved 7. */
export const TRACE_CONTEXT_BYTES = 32;
export const TRACE_CONTEXT = { traceId: 0, spanId: 16, flags: 24 } as const;

/** Offsets in a frame header, in bytes. */
export const FRAME = { frameBytes: 0, type: 4, flags: 5, code: 6, requestId: 8, count: 12, argument: 16 } as const;

/** One record of Subscribe and Unsubscribe. */
export const SUBSCRIPTION_BYTES = 32;
export const SUBSCRIPTION = { id: 0, fromVersion: 16, topic: 24 } as const;

/** What a subscription follows: one wallet, the wallets of one owner, or (admins) every wallet. */
export const TOPIC = { wallet: 1, owner: 2, all: 3 } as const;
export type TopicName = keyof typeof TOPIC;

/** Writes a frame header; the record bytes follow at offset + 32. */
export function writeFrameHeader(
  view: DataView,
  offset: number,
  frame: {
    frameBytes: number;
    type: number;
    flags?: number;
    code?: number;
    requestId?: number;
    count?: number;
    argument?: number | bigint;
  },
): void {
  view.setUint32(offset + FRAME.frameBytes, frame.frameBytes, true);
  view.setUint8(offset + FRAME.type, frame.type);
  view.setUint8(offset + FRAME.flags, frame.flags ?? 0);
  view.setUint16(offset + FRAME.code, frame.code ?? 0, true);
  view.setUint32(offset + FRAME.requestId, frame.requestId ?? 0, true);
  view.setUint32(offset + FRAME.count, frame.count ?? 0, true);
  view.setBigUint64(offset + FRAME.argument, BigInt(frame.argument ?? 0), true);
  view.setBigUint64(offset + WIRE_HEADER_BYTES - 8, 0n, true);
}
