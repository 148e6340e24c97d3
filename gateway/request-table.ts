import { REPLY } from "../engine/port/entries.ts";
import type { RingReader } from "../engine/port/ring.ts";

/** Something that a shard still owes answers to. */
export interface Waiting {
  /** Takes one answer, valid during the call only; true with the last one. */
  take(replies: RingReader, offset: number, shard: number): boolean;
}

/** The requests without an answer, by the token that travels with them. Token 0 is never given out. */
export class RequestTable {
  readonly #waiting: (Waiting | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** Requests that are still waiting. */
  get size(): number {
    return this.#waiting.length - 1 - this.#free.length;
  }

  add(waiting: Waiting): number {
    const token = this.#free.pop();
    if (token === undefined) return this.#waiting.push(waiting) - 1;
    this.#waiting[token] = waiting;
    return token;
  }

  remove(token: number): void {
    this.#waiting[token] = undefined;
    this.#free.push(token);
  }

  /** Hands an answer to whom it belongs. */
  answer(replies: RingReader, offset: number, shard: number): void {
    const token = replies.lanes[(offset >>> 2) + REPLY.token] as number;
    const waiting = this.#waiting[token];
    // Token 0 marks what nobody asked for.
    if (waiting === undefined) return;
    if (waiting.take(replies, offset, shard)) this.remove(token);
  }
}
