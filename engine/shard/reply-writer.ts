import { CODES, type Code } from "../../protocol/codes.ts";
import { RESULT_DETAIL_BYTES } from "../../protocol/result-record.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { pack } from "../object/object-record.ts";
import { ENTRY_HEADER_BYTES, REPLY, REPLY_KIND, RING_DELTA_BYTES } from "../port/entries.ts";
import type { RingWriter } from "../port/ring.ts";
import type { Outcome } from "./outcome.ts";
import type { TransferWaiter } from "./transfer-desk.ts";

/** Writes answers into the reply ring, ahead of what is published; each depends on all that was decided before it. */
export class ReplyWriter {
  readonly ring: RingWriter;
  readonly #frame: FrameBuilder;
  readonly #shard: number;
  /** Of the first answer that is not published, or -1. */
  #firstOffset = -1;
  /** Of the last frame since answers were published, or 0 where there was none. */
  #frameBeganMs = 0;
  #syncBeganMs = 0;

  constructor(ring: RingWriter, frame: FrameBuilder, shard: number) {
    this.ring = ring;
    this.#frame = frame;
    this.#shard = shard;
  }

  /**
   * Begins an answer and returns the byte offset of its header; the caller fills in the payload behind it.
   *
   * **Errors**: throws where the ring is full: the shard asks for room before it takes a request.
   */
  begin(kind: number, token: number, count: number, payloadBytes: number): number {
    const offset = this.ring.reserve(ENTRY_HEADER_BYTES + payloadBytes, kind);
    if (offset < 0) throw new Error("the reply ring is full although there was room before the request");
    const { lanes } = this.ring;
    const at = offset >>> 2;
    lanes[at + REPLY.token] = token;
    lanes[at + REPLY.count] = count;
    lanes[at + REPLY.flags] = 0;
    lanes[at + REPLY.code] = 0;
    lanes[at + REPLY.payloadBytes] = payloadBytes;
    lanes[at + REPLY.index] = 0;
    lanes[at + REPLY.deferred] = 0;
    this.ring.floats[(at + REPLY.publishedAtMs) >>> 1] = 0;
    this.dependOnAll(offset);
    if (this.#firstOffset < 0) this.#firstOffset = offset;
    return offset;
  }

  /** Whether the ring has room for an answer and for so many changes of wallets. */
  hasRoom(payloadBytes: number, changes: number): boolean {
    const neededBytes = 2 * ENTRY_HEADER_BYTES + payloadBytes + (changes + 2) * RING_DELTA_BYTES;
    return this.ring.freeBytes() >= 2 * neededBytes + 4_096;
  }

  /** Lets the answer at an offset depend on all that has been decided by now. */
  dependOnAll(offset: number): void {
    this.ring.floats[((offset >>> 2) + REPLY.dependsOnSequence) >>> 1] = this.#frame.nextSequence - 1;
  }

  /** Notes when the frame was begun, and its sync, that the answers wait for. */
  noteFrame(beganMs: number, syncBeganMs: number): void {
    this.#frameBeganMs = beganMs;
    this.#syncBeganMs = syncBeganMs;
  }

  /** Shows the answers written so far, and with the first of them when that was, and how long before it their frame was begun. */
  publish(nowMs: number): void {
    const { lanes, floats } = this.ring;
    const at = this.#firstOffset >>> 2;
    if (this.#firstOffset >= 0) {
      floats[(at + REPLY.publishedAtMs) >>> 1] = nowMs;
      lanes[at + REPLY.frameBeganUs] = sinceUs(this.#frameBeganMs, nowMs);
      lanes[at + REPLY.syncBeganUs] = sinceUs(this.#syncBeganMs, nowMs);
    }
    this.#firstOffset = -1;
    this.noteFrame(0, 0);
    this.ring.publish();
  }

  /** Answers a command whose result was put off, with what the other shard said where one took part; an actor that asked gets the code alone. */
  late(
    waiter: Pick<TransferWaiter, "token" | "index" | "answerTo">,
    code: number,
    outcome: Outcome,
    farShard = 0,
    farAtMs = 0,
  ): void {
    if (waiter.answerTo !== undefined) {
      waiter.answerTo(code);
      return;
    }
    const offset = this.begin(REPLY_KIND.LateResult, waiter.token, 1, RESULT_DETAIL_BYTES);
    const { lanes, floats } = this.ring;
    const at = offset >>> 2;
    lanes[at + REPLY.index] = waiter.index;
    lanes[at + REPLY.farShard] = farShard;
    floats[(at + REPLY.farAtMs) >>> 1] = farAtMs;
    outcome.writeDetails(lanes, (offset + ENTRY_HEADER_BYTES) >>> 2, code, this.#shard);
  }

  /** Answers with a MessagePack value; one that is too large for the ring is answered as `message_too_large`. */
  object(token: number, code: Code, value: unknown): void {
    let payload = pack(value);
    let shown = code;
    if (2 * payload.byteLength + 4_096 > this.ring.freeBytes()) {
      payload = pack(null);
      shown = "message_too_large";
    }
    const offset = this.begin(REPLY_KIND.Object, token, 1, payload.byteLength);
    this.ring.lanes[(offset >>> 2) + REPLY.code] = CODES[shown].number;
    this.ring.bytes.set(payload, offset + ENTRY_HEADER_BYTES);
  }

  /** Tells what nobody asked for now. **Errors**: throws where the ring has no room. */
  unasked(kind: number, payload: Uint8Array, count = 1): void {
    const offset = this.begin(kind, 0, count, payload.byteLength);
    this.ring.bytes.set(payload, offset + ENTRY_HEADER_BYTES);
  }
}

/** Whole microseconds since a time; 0 stands for no time. */
function sinceUs(beganMs: number, nowMs: number): number {
  return beganMs === 0 ? 0 : Math.max(1, Math.round((nowMs - beganMs) * 1_000));
}
