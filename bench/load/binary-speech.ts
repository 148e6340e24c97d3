import { codeName } from "../../protocol/codes.ts";
import { WIRE_HEADER_BYTES } from "../../protocol/limits.ts";
import { RESULT, RESULT_BYTES, RESULT_FLAG, WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import { FRAME, FRAME_TYPE, writeFrameHeader } from "../../protocol/wire-frame.ts";
import { OPCODE } from "./frame-stream.ts";
import type { Request } from "./request.ts";
import type { Speech, TakeAnswer } from "./websocket-line.ts";
import { clientFrameHeader } from "./websocket-link.ts";

/** `mizan.binary.v1`. */
export const BINARY_SPEECH: Speech = {
  subprotocol: "mizan.binary.v1",
  encode(request: Request, requestId: number): Uint8Array {
    const frameBytes = WIRE_HEADER_BYTES + request.records.byteLength;
    const head = clientFrameHeader(OPCODE.binary, frameBytes);
    const message = new Uint8Array(head.byteLength + frameBytes);
    message.set(head);
    writeFrameHeader(new DataView(message.buffer), head.byteLength, {
      frameBytes,
      type: request.kind === "reads" ? FRAME_TYPE.LookupWallets : FRAME_TYPE.Commands,
      requestId,
      count: request.count,
    });
    message.set(request.records, head.byteLength + WIRE_HEADER_BYTES);
    return message;
  },
  decode(bytes: Uint8Array, start: number, end: number, take: TakeAnswer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = start; at < end; ) {
      const frameBytes = view.getUint32(at + FRAME.frameBytes, true);
      if (frameBytes < WIRE_HEADER_BYTES || at + frameBytes > end) throw new Error(`a frame of ${frameBytes} bytes`);
      takeFrame(view, at, take);
      at += frameBytes;
    }
  },
};

function takeFrame(view: DataView, at: number, take: TakeAnswer): void {
  const requestId = view.getUint32(at + FRAME.requestId, true);
  const code = view.getUint16(at + FRAME.code, true);
  const type = view.getUint8(at + FRAME.type);
  if (requestId === 0) {
    if (type === FRAME_TYPE.Error) throw new Error(`the server sent an error: ${codeName(code)}`);
    return;
  }
  const records = at + WIRE_HEADER_BYTES;
  if (type === FRAME_TYPE.Results && code === 0) {
    take(requestId, (command) => resultCode(view, records + command * RESULT_BYTES));
  } else if (type === FRAME_TYPE.Wallets) {
    take(requestId, (wallet) => codeName(view.getUint16(records + wallet * WALLET_BYTES + WALLET.code, true)));
  } else {
    take(requestId, () => (code === 0 ? "unexpected_frame" : codeName(code)));
  }
}

/** A replayed answer to a first request would mean that an id was used twice. */
function resultCode(view: DataView, at: number): string {
  const code = view.getUint16(at + RESULT.code, true);
  if (code !== 0) return codeName(code);
  return (view.getUint8(at + RESULT.flags) & RESULT_FLAG.replayed) === 0 ? "ok" : "replayed";
}
