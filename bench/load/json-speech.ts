import { jsonMessage } from "./command-text.ts";
import { OPCODE } from "./frame-stream.ts";
import type { Request } from "./request.ts";
import type { Speech, TakeAnswer } from "./websocket-line.ts";
import { clientFrame } from "./websocket-link.ts";

/** `mizan.json.v1`, one command in each message. */
export const JSON_SPEECH: Speech = {
  subprotocol: "mizan.json.v1",
  encode(request: Request, requestId: number): Uint8Array {
    return clientFrame(OPCODE.text, Buffer.from(jsonMessage(request, requestId)));
  },
  decode(bytes: Uint8Array, start: number, end: number, take: TakeAnswer): void {
    const { requestId, ok, error } = JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as {
      requestId?: number;
      ok?: boolean;
      error?: { code?: string };
    };
    // What the server says unasked has no request id.
    if (requestId === undefined || requestId < 1) return;
    const code = ok === true ? "ok" : (error?.code ?? "unexpected_answer");
    take(requestId, () => code);
  },
};
