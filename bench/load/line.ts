import type { Request } from "./request.ts";

/** One connection of a profile's client. It knows a transport's bytes; the lane above it knows when to send. */
export interface Line {
  /** Messages sent and not answered. */
  readonly inflight: number;
  /** Whether another message may be sent now. */
  readonly hasRoom: boolean;
  send(request: Request): void;
  /** Gives the connection up; what is in flight is reported as lost. */
  close(): void;
}

/** What a line tells about what comes back; codes are those of protocol/codes.ts, or words of the line's own. */
export interface LineEvents {
  readBegins(): void;
  /** `codes` tells what each command of the request came to. */
  answered(line: Line, request: Request, codeAt: (command: number) => string): void;
  /** The connection ended; these requests were never answered on it. */
  lost(line: Line, requests: readonly Request[], error: Error): void;
}

/** The requests in flight on one line, each in a slot whose number is its request id. */
export class Slots {
  readonly #requests: (Request | undefined)[];
  readonly #free: number[];

  constructor(depth: number) {
    this.#requests = new Array<Request | undefined>(depth).fill(undefined);
    this.#free = Array.from({ length: depth }, (_, slot) => depth - 1 - slot);
  }

  get inflight(): number {
    return this.#requests.length - this.#free.length;
  }

  get hasRoom(): boolean {
    return this.#free.length > 0;
  }

  put(request: Request): number {
    const slot = this.#free.pop();
    if (slot === undefined) throw new Error("a line was given more than it has room for");
    this.#requests[slot] = request;
    return slot;
  }

  take(slot: number): Request {
    const request = this.#requests[slot];
    if (request === undefined) throw new Error(`an answer to request ${slot}, which nobody asked`);
    this.#requests[slot] = undefined;
    this.#free.push(slot);
    return request;
  }

  /** Takes everything. */
  clear(): Request[] {
    const left: Request[] = [];
    for (const [slot, request] of this.#requests.entries()) {
      if (request !== undefined) left.push(this.take(slot));
    }
    return left;
  }
}
