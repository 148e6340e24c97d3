import type { Cause } from "../object/cause.ts";
import { ENTRY_HEADER_BYTES, PEER, REQUEST } from "./entries.ts";
import type { RingReader, RingWriter } from "./ring.ts";

/** From one shard to another, once everything that it says is durable. */
export interface PeerMessage {
  readonly kind: number;
  readonly payload: Uint8Array;
  /** Where its sender stood: what the message leads to follows from that. */
  readonly cause: Cause;
}

/** Puts a message into the ring to its receiver; false where that has no room. It is visible after `publish`. */
export function writePeerMessage(ring: RingWriter, { kind, payload, cause }: PeerMessage, sentAtMs = 0): boolean {
  const offset = ring.reserve(ENTRY_HEADER_BYTES + payload.byteLength, kind);
  if (offset < 0) return false;
  const at = offset >>> 2;
  ring.lanes.fill(0, at + REQUEST.token, at + (ENTRY_HEADER_BYTES >>> 2));
  ring.lanes[at + REQUEST.count] = 1;
  ring.lanes[at + REQUEST.payloadBytes] = payload.byteLength;
  ring.lanes[at + PEER.fromShard] = cause.shard;
  ring.floats[(at + PEER.sequence) >>> 1] = cause.sequence;
  ring.floats[(at + REQUEST.sentAtMs) >>> 1] = sentAtMs;
  ring.bytes.set(payload, offset + ENTRY_HEADER_BYTES);
  return true;
}

/** Where the sender of the message at an offset stood. */
export function readCause(ring: RingReader, offset: number): Cause {
  const at = offset >>> 2;
  return { shard: ring.lanes[at + PEER.fromShard], sequence: ring.floats[(at + PEER.sequence) >>> 1] };
}
