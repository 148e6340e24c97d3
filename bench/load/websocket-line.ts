import type { Subprotocol } from "../../protocol/wire-frame.ts";
import { type Line, type LineEvents, Slots } from "./line.ts";
import type { Request } from "./request.ts";
import { WebSocketLink } from "./websocket-link.ts";
import type { Endpoint } from "./workload.ts";

/** Takes what an answer says: the request that it belongs to, and the code of each of its commands. */
export type TakeAnswer = (requestId: number, codeAt: (command: number) => string) => void;

/** How a subprotocol puts requests and answers. */
export interface Speech {
  readonly subprotocol: Subprotocol;
  /** A request as it goes over the socket. */
  encode(request: Request, requestId: number): Uint8Array;
  /** Reads the answers in a message; what the server says unasked is passed over. */
  decode(bytes: Uint8Array, start: number, end: number, take: TakeAnswer): void;
}

/** A WebSocket connection in some speech; request ids are slots from one on. */
export class WebSocketLine implements Line {
  readonly #speech: Speech;
  readonly #events: LineEvents;
  readonly #slots: Slots;
  #link: WebSocketLink | undefined;

  private constructor(speech: Speech, depth: number, events: LineEvents) {
    this.#speech = speech;
    this.#events = events;
    this.#slots = new Slots(depth);
  }

  static async open(speech: Speech, endpoint: Endpoint, depth: number, events: LineEvents): Promise<WebSocketLine> {
    const line = new WebSocketLine(speech, depth, events);
    const take: TakeAnswer = (requestId, codeAt) => events.answered(line, line.#slots.take(requestId - 1), codeAt);
    line.#link = await WebSocketLink.open(endpoint, speech.subprotocol, {
      readBegins: () => events.readBegins(),
      message: (bytes, start, end) => speech.decode(bytes, start, end, take),
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
    this.#link?.write(this.#speech.encode(request, this.#slots.put(request) + 1));
  }

  close(): void {
    this.#link?.close();
    const left = this.#slots.clear();
    if (left.length > 0) this.#events.lost(this, left, new Error("the connection was given up"));
  }
}
