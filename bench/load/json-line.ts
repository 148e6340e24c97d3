import { jsonMessage } from "./command-text.ts";
import { OPCODE } from "./frame-stream.ts";
import { type Line, type LineEvents, Slots } from "./line.ts";
import type { Request } from "./request.ts";
import { clientFrame, WebSocketLink } from "./websocket-link.ts";
import type { Endpoint } from "./workload.ts";

/** A connection over `mizan.json.v1`, one command in each message; request ids are slots from one on. */
export class JsonLine implements Line {
  readonly #events: LineEvents;
  readonly #slots: Slots;
  #link: WebSocketLink | undefined;

  private constructor(depth: number, events: LineEvents) {
    this.#events = events;
    this.#slots = new Slots(depth);
  }

  static async open(endpoint: Endpoint, depth: number, events: LineEvents): Promise<JsonLine> {
    const line = new JsonLine(depth, events);
    line.#link = await WebSocketLink.open(endpoint, "mizan.json.v1", {
      readBegins: () => events.readBegins(),
      message: (bytes, start, end) => line.#onMessage(Buffer.from(bytes.subarray(start, end)).toString()),
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
    const text = jsonMessage(request, this.#slots.put(request) + 1);
    this.#link?.write(clientFrame(OPCODE.text, Buffer.from(text)));
  }

  close(): void {
    this.#link?.close();
    const left = this.#slots.clear();
    if (left.length > 0) this.#events.lost(this, left, new Error("the connection was given up"));
  }

  #onMessage(text: string): void {
    const { requestId, ok, error } = JSON.parse(text) as {
      requestId?: number;
      ok?: boolean;
      error?: { code?: string };
    };
    // What the server says unasked has no request id.
    if (requestId === undefined || requestId < 1) return;
    const code = ok === true ? "ok" : (error?.code ?? "unexpected_answer");
    this.#events.answered(this, this.#slots.take(requestId - 1), () => code);
  }
}
