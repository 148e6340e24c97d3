import type { Socket } from "node:net";
import { restRequest } from "./command-text.ts";
import { openSocket } from "./endpoint-socket.ts";
import type { Line, LineEvents } from "./line.ts";
import type { Request } from "./request.ts";
import { ResponseStream } from "./response-stream.ts";
import type { Endpoint } from "./workload.ts";

/** One kept-alive HTTP connection with one request in flight, as browsers and pools do. */
export class RestLine implements Line {
  readonly #endpoint: Endpoint;
  readonly #events: LineEvents;
  readonly #socket: Socket;
  #request: Request | undefined;
  #closed = false;

  private constructor(endpoint: Endpoint, events: LineEvents, onOpen: () => void) {
    this.#endpoint = endpoint;
    this.#events = events;
    const responses = new ResponseStream((status, bytes, start, end) => this.#onResponse(status, bytes, start, end));
    this.#socket = openSocket(endpoint, onOpen);
    this.#socket.on("data", (chunk: Buffer) => {
      try {
        events.readBegins();
        responses.push(chunk, 0, chunk.byteLength);
      } catch (error) {
        this.#lose(error as Error);
      }
    });
    this.#socket.once("error", (error) => this.#lose(error));
    this.#socket.once("end", () => this.#lose(new Error("the server ended the connection")));
  }

  static open(endpoint: Endpoint, _depth: number, events: LineEvents): Promise<RestLine> {
    return new Promise((resolve, reject) => {
      const line = new RestLine(endpoint, events, () => resolve(line));
      line.#socket.once("error", reject);
    });
  }

  get inflight(): number {
    return this.#request === undefined ? 0 : 1;
  }

  get hasRoom(): boolean {
    return this.#request === undefined;
  }

  send(request: Request): void {
    this.#request = request;
    this.#socket.write(restRequest(request, this.#endpoint));
  }

  close(): void {
    const left = this.#request;
    if (left === undefined) this.#end();
    else this.#lose(new Error("the connection was given up"));
  }

  #onResponse(status: number, bytes: Uint8Array, start: number, end: number): void {
    const request = this.#request;
    if (request === undefined) throw new Error("a response that nobody asked for");
    this.#request = undefined;
    const code = status < 300 ? "ok" : problemCode(status, bytes, start, end);
    this.#events.answered(this, request, () => code);
  }

  #lose(error: Error): void {
    if (this.#closed) return;
    this.#end();
    const left = this.#request;
    this.#request = undefined;
    this.#events.lost(this, left === undefined ? [] : [left], error);
  }

  #end(): void {
    this.#closed = true;
    this.#socket.destroy();
  }
}

function problemCode(status: number, bytes: Uint8Array, start: number, end: number): string {
  try {
    const { code } = JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as { code?: string };
    return code ?? `HTTP ${status}`;
  } catch {
    return `HTTP ${status}`;
  }
}
