import { codeName } from "../../protocol/codes.ts";
import { WIRE_HEADER_BYTES } from "../../protocol/limits.ts";
import { RESULT, RESULT_BYTES, RESULT_FLAG, WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import { FRAME, FRAME_TYPE, writeFrameHeader } from "../../protocol/wire-frame.ts";
import { OPCODE } from "./frame-stream.ts";
import { type Line, type LineEvents, Slots } from "./line.ts";
import type { Request } from "./request.ts";
import { clientFrameHeader, WebSocketLink } from "./websocket-link.ts";
import type { Endpoint } from "./workload.ts";

/** A connection over `mizan.binary.v1`; request ids are slots from one on. */
export class BinaryLine implements Line {
  readonly #events: LineEvents;
  readonly #slots: Slots;
  #link: WebSocketLink | undefined;

  private constructor(depth: number, events: LineEvents) {
    this.#events = events;
    this.#slots = new Slots(depth);
  }

  static async open(endpoint: Endpoint, depth: number, events: LineEvents): Promise<BinaryLine> {
    const line = new BinaryLine(depth, events);
    line.#link = await WebSocketLink.open(endpoint, "mizan.binary.v1", {
      readBegins: () => events.readBegins(),
      message: (bytes, start, end) => line.#onMessage(bytes, start, end),
      readEnds: () => {},
      lost: (error) => events.lost(line, line.#slots.clear(), error),
    });
    return line;
  }

  get inflight(): number {
    return this.#slots.inflight;
  }

  get hasRoom(): boolean {
    return this.#slots.hasRoom;
  }

  send(request: Request): void {
    const frameBytes = WIRE_HEADER_BYTES + request.records.byteLength;
    const head = clientFrameHeader(OPCODE.binary, frameBytes);
    const message = new Uint8Array(head.byteLength + frameBytes);
    message.set(head);
    writeFrameHeader(new DataView(message.buffer), head.byteLength, {
      frameBytes,
      type: request.kind === "reads" ? FRAME_TYPE.LookupWallets : FRAME_TYPE.Commands,
      requestId: this.#slots.put(request) + 1,
      count: request.count,
    });
    message.set(request.records, head.byteLength + WIRE_HEADER_BYTES);
    this.#link?.write(message);
  }

  close(): void {
    this.#link?.close();
    const left = this.#slots.clear();
    if (left.length > 0) this.#events.lost(this, left, new Error("the connection was given up"));
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
    const code = view.getUint16(at + FRAME.code, true);
    const type = view.getUint8(at + FRAME.type);
    if (requestId === 0) {
      if (type === FRAME_TYPE.Error) throw new Error(`the server sent an error: ${codeName(code)}`);
      return;
    }
    const request = this.#slots.take(requestId - 1);
    const records = at + WIRE_HEADER_BYTES;
    if (type === FRAME_TYPE.Results && code === 0) {
      this.#events.answered(this, request, (command) => resultCode(view, records + command * RESULT_BYTES));
    } else if (type === FRAME_TYPE.Wallets) {
      this.#events.answered(this, request, (wallet) =>
        codeName(view.getUint16(records + wallet * WALLET_BYTES + WALLET.code, true)),
      );
    } else {
      this.#events.answered(this, request, () => (code === 0 ? "unexpected_frame" : codeName(code)));
    }
  }
}

/** A replayed answer to a first request would mean that an id was used twice. */
function resultCode(view: DataView, at: number): string {
  const code = view.getUint16(at + RESULT.code, true);
  if (code !== 0) return codeName(code);
  return (view.getUint8(at + RESULT.flags) & RESULT_FLAG.replayed) === 0 ? "ok" : "replayed";
}
