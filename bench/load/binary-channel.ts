import { codeName } from "../../protocol/codes.ts";
import { RECORD_BYTES, WIRE_HEADER_BYTES } from "../../protocol/limits.ts";
import { RESULT_BYTES } from "../../protocol/result-record.ts";
import { FRAME, FRAME_TYPE, writeFrameHeader } from "../../protocol/wire-frame.ts";
import type { AnswerSink, Channel } from "./channel.ts";
import type { CommandIds } from "./command-ids.ts";
import { OPCODE } from "./frame-stream.ts";
import { MessageRing } from "./message-ring.ts";
import type { Pairs } from "./pairs.ts";
import { renewIds, writeTransfers } from "./transfer-records.ts";
import { clientFrameHeader, WebSocketLink } from "./websocket-link.ts";
import type { Workload } from "./workload.ts";

/** Transfers over `mizan.binary.v1`, a fixed number in each message; request ids are slots from one on. */
export class BinaryChannel implements Channel {
  readonly sentAtMs: Float64Array;
  readonly #sink: AnswerSink;
  readonly #ids: CommandIds;
  readonly #ring: MessageRing;
  readonly #commands: number;
  readonly #headerOffset: number;
  #link: WebSocketLink | undefined;

  private constructor(workload: Workload, messages: number, ids: CommandIds, sink: AnswerSink) {
    const frameBytes = WIRE_HEADER_BYTES + workload.commandsPerMessage * RECORD_BYTES;
    this.sentAtMs = new Float64Array(workload.depth);
    this.#sink = sink;
    this.#ids = ids;
    this.#commands = workload.commandsPerMessage;
    this.#headerOffset = clientFrameHeader(OPCODE.binary, frameBytes).byteLength;
    this.#ring = new MessageRing(this.#headerOffset + frameBytes, workload.depth, messages);
  }

  /** Connects, with `messages` prebuilt messages of transfers between the workload's wallets. */
  static async open(
    workload: Workload,
    messages: number,
    pairs: Pairs,
    ids: CommandIds,
    sink: AnswerSink,
  ): Promise<BinaryChannel> {
    const channel = new BinaryChannel(workload, messages, ids, sink);
    channel.#prebuild(workload.wallets, pairs);
    channel.#link = await WebSocketLink.open(workload.endpoint, "mizan.binary.v1", {
      readBegins: () => sink.readBegins(),
      message: (bytes, start, end) => channel.#onMessage(bytes, start, end),
      readEnds: () => sink.readEnds(channel),
      lost: (error) => sink.lost(error),
    });
    return channel;
  }

  #prebuild(wallets: Uint8Array, pairs: Pairs): void {
    const { bytes, view, messages, messageBytes } = this.#ring;
    const frameBytes = messageBytes - this.#headerOffset;
    const header = clientFrameHeader(OPCODE.binary, frameBytes);
    for (let message = 0; message < messages; message += 1) {
      const start = message * messageBytes;
      bytes.set(header, start);
      const frame = start + this.#headerOffset;
      writeFrameHeader(view, frame, { frameBytes, type: FRAME_TYPE.Commands, count: this.#commands });
      writeTransfers(view, frame + WIRE_HEADER_BYTES, this.#commands, wallets, pairs);
    }
  }

  stage(slot: number): void {
    const { view } = this.#ring;
    const frame = this.#ring.take() + this.#headerOffset;
    view.setUint32(frame + FRAME.requestId, slot + 1, true);
    renewIds(view, frame + WIRE_HEADER_BYTES, this.#commands, this.#ids);
  }

  flush(): void {
    this.#ring.flush((piece) => this.#link?.write(piece));
  }

  close(): void {
    this.#link?.close();
  }

  #onMessage(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const frameBytes = uint32(bytes, at + FRAME.frameBytes);
      if (frameBytes < WIRE_HEADER_BYTES || at + frameBytes > end) throw new Error(`a frame of ${frameBytes} bytes`);
      this.#onFrame(bytes, at);
      at += frameBytes;
    }
  }

  #onFrame(bytes: Uint8Array, at: number): void {
    const code = bytes[at + FRAME.code] | (bytes[at + FRAME.code + 1] << 8);
    const slot = uint32(bytes, at + FRAME.requestId) - 1;
    switch (bytes[at + FRAME.type]) {
      case FRAME_TYPE.Results: {
        if (code !== 0) throw new Error(`a message was refused: ${codeName(code)}`);
        const results = at + WIRE_HEADER_BYTES;
        const rejected = rejectedCount(bytes, results, this.#commands);
        const reason = rejected === 0 ? "" : firstReason(bytes, results, this.#commands);
        this.#sink.answered(this, slot, this.#commands - rejected, rejected, reason);
        return;
      }
      // What an echo server sends back.
      case FRAME_TYPE.Commands:
        this.#sink.answered(this, slot, this.#commands, 0, "");
        return;
      case FRAME_TYPE.Error:
        // Without a request it concerns the connection, which ends; else the request was refused as a whole.
        if (slot < 0) throw new Error(`the server sent an error: ${codeName(code)}`);
        this.#sink.answered(this, slot, 0, this.#commands, codeName(code));
        return;
      default:
    }
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Results that are not a fresh `ok`: a replayed one would mean that an id was used twice. */
function rejectedCount(bytes: Uint8Array, start: number, count: number): number {
  let rejected = 0;
  const end = start + count * RESULT_BYTES;
  for (let at = start; at < end; at += RESULT_BYTES) {
    if ((bytes[at] | bytes[at + 1] | bytes[at + 2]) !== 0) rejected += 1;
  }
  return rejected;
}

function firstReason(bytes: Uint8Array, start: number, count: number): string {
  const end = start + count * RESULT_BYTES;
  for (let at = start; at < end; at += RESULT_BYTES) {
    const code = bytes[at] | (bytes[at + 1] << 8);
    if (code !== 0) return codeName(code);
  }
  return "an answer was a replayed one";
}
