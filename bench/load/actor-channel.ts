import { ACTOR_RESULT } from "../../protocol/actor-record.ts";
import { codeName } from "../../protocol/codes.ts";
import { WIRE_HEADER_BYTES } from "../../protocol/limits.ts";
import { RESULT_BYTES } from "../../protocol/result-record.ts";
import { FRAME, FRAME_TYPE } from "../../protocol/wire-frame.ts";
import { type ActorMessage, buildMessage, renewMessage, STEPS } from "./actor-messages.ts";
import type { AnswerSink, Channel } from "./channel.ts";
import type { CommandIds } from "./command-ids.ts";
import type { Pairs } from "./pairs.ts";
import { WebSocketLink } from "./websocket-link.ts";
import type { Mix, Workload } from "./workload.ts";

/** The messages of a slot, one for each step of its payments, and the one that is on its way. */
interface Slot {
  readonly messages: readonly ActorMessage[];
  at: number;
  framesLeft: number;
  rejected: number;
  reason: string;
}

/** Transfers and commands on payments and cards over `mizan.binary.v1`, mixed in each message. */
export class ActorChannel implements Channel {
  readonly sentAtMs: Float64Array;
  /** By how much the versions of wallets have grown with what was accepted. */
  acceptedVersions = 0;
  readonly #sink: AnswerSink;
  readonly #ids: CommandIds;
  readonly #mix: Mix;
  readonly #slots: readonly Slot[];
  #staged: Buffer[] = [];
  #link: WebSocketLink | undefined;

  private constructor(workload: Workload, mix: Mix, slots: readonly Slot[], ids: CommandIds, sink: AnswerSink) {
    this.sentAtMs = new Float64Array(workload.depth);
    this.#sink = sink;
    this.#ids = ids;
    this.#mix = mix;
    this.#slots = slots;
  }

  /** Connects. No card is in two messages at a time, since each slot of each connection has its own. */
  static async open(
    workload: Workload,
    _messages: number,
    pairs: Pairs,
    ids: CommandIds,
    sink: AnswerSink,
    connection: number,
  ): Promise<ActorChannel> {
    const { mix, cards = new Uint8Array(0), depth, wallets } = workload;
    if (mix === undefined) throw new Error("a load on actors needs a mix");
    const cardBytes = mix.claims * 16;
    const slots = Array.from({ length: depth }, (_, index): Slot => {
      const first = (connection * depth + index) * cardBytes;
      const own = cards.subarray(first, first + cardBytes);
      if (own.byteLength < cardBytes) throw new Error("there are too few cards");
      const messages = Array.from({ length: STEPS }, (_, step) => buildMessage(step, mix, wallets, own, pairs));
      return { messages, at: STEPS - 1, framesLeft: 0, rejected: 0, reason: "" };
    });
    const channel = new ActorChannel(workload, mix, slots, ids, sink);
    channel.#link = await WebSocketLink.open(workload.endpoint, "mizan.binary.v1", {
      readBegins: () => sink.readBegins(),
      message: (bytes, start, end) => channel.#onMessage(bytes, start, end),
      readEnds: () => sink.readEnds(channel),
      lost: (error) => sink.lost(error),
    });
    return channel;
  }

  stage(slotIndex: number): void {
    const slot = this.#slots[slotIndex];
    const before = slot.messages[slot.at];
    slot.at = (slot.at + 1) % STEPS;
    slot.framesLeft = this.#mix.transfers > 0 ? 2 : 1;
    slot.rejected = 0;
    slot.reason = "";
    const message = slot.messages[slot.at];
    renewMessage(message, before, slotIndex, this.#mix, this.#ids);
    this.#staged.push(message.bytes);
  }

  flush(): void {
    for (const bytes of this.#staged) this.#link?.write(bytes);
    this.#staged = [];
  }

  close(): void {
    this.#link?.close();
  }

  #onMessage(bytes: Uint8Array, start: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = start; at < end; ) {
      const frameBytes = view.getUint32(at + FRAME.frameBytes, true);
      if (frameBytes < WIRE_HEADER_BYTES || at + frameBytes > end) throw new Error(`a frame of ${frameBytes} bytes`);
      this.#onFrame(view, at);
      at += frameBytes;
    }
  }

  #onFrame(view: DataView, at: number): void {
    const requestId = view.getUint32(at + FRAME.requestId, true);
    const type = view.getUint8(at + FRAME.type);
    if (type === FRAME_TYPE.Error)
      throw new Error(`the server refused a message: ${codeName(view.getUint16(at + FRAME.code, true))}`);
    const isTransfers = type === FRAME_TYPE.Results;
    if (!isTransfers && type !== FRAME_TYPE.ActorResults) return;
    const strideBytes = isTransfers ? RESULT_BYTES : ACTOR_RESULT.state;
    const count = view.getUint32(at + FRAME.count, true);
    const index = (requestId - 1) >>> 1;
    const slot = this.#slots[index];
    for (let record = 0; record < count; record += 1) {
      const recordAt = at + WIRE_HEADER_BYTES + record * strideBytes;
      // A replayed answer would mean that an id was used twice.
      const code = view.getUint32(recordAt, true) & 0xff_ffff;
      if (code === 0) continue;
      slot.rejected += 1;
      slot.reason = codeName(code & 0xffff);
    }
    slot.framesLeft -= 1;
    if (slot.framesLeft > 0) return;
    const { transfers, payments, claims } = this.#mix;
    if (slot.rejected === 0) this.acceptedVersions += slot.messages[slot.at].versions;
    const accepted = transfers + payments + claims - slot.rejected;
    this.#sink.answered(this, index, accepted, slot.rejected, slot.reason);
  }
}
