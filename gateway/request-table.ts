import { Distribution, TIME_BOUNDS_SECONDS } from "../engine/meter/distribution.ts";
import { REPLY } from "../engine/port/entries.ts";
import type { RingReader } from "../engine/port/ring.ts";

/** Bit of a token: the answer waits for the log. Travels with the request, so that nobody has to look it up. */
export const AWAITS_LOG = 0x8000_0000;
const TOKEN = 0x7fff_ffff;

/** Something that a shard still owes answers to. */
export interface Waiting {
  /** Takes one answer, valid during the call only; true with the last one. */
  take(replies: RingReader, offset: number, shard: number): boolean;
  /** Answers with `replication_pending`; what is taken afterwards is dropped. Absent where there is no hurry. */
  expire?(): void;
  /** What a slow one is called in the log. */
  about?(): SlowFacts;
}

/** What its caller calls a request: a name of its own, and the id of its only command where that is at hand. */
export interface RequestName {
  readonly requestId: string | number;
  readonly commandId: string | undefined;
}

/** Who asked for what, as far as it is known. */
export interface SlowFacts extends Partial<RequestName> {
  /** Of the socket that it came through. */
  readonly connectionId: number | undefined;
  readonly keyId: string | undefined;
  readonly commands: number;
  /** Where it is traced. */
  readonly traceId: string | undefined;
}

/** Told of a request that took long. */
export type TellSlow = (facts: SlowFacts | undefined, shard: number, durationMs: number) => void;

/** The requests without an answer, by the token that travels with them. Token 0 is never given out. */
export class RequestTable {
  readonly #waiting: (Waiting | undefined)[] = [undefined];
  /** When each was handed over, and whether it waits for the log. */
  readonly #bornMs: number[] = [0];
  readonly #awaitsLog: boolean[] = [false];
  readonly #free: number[] = [];
  /** From when a request was handed over until its whole answer was there. */
  readonly seconds = new Distribution(TIME_BOUNDS_SECONDS);
  /** A coarse clock, moved on by whoever hands requests over, takes answers, or lets requests expire. */
  nowMs = 0;
  #slowMs = Number.POSITIVE_INFINITY;
  #tellSlow: TellSlow = () => {};
  #isTimed = false;

  /** Requests that are still waiting. */
  get size(): number {
    return this.#waiting.length - 1 - this.#free.length;
  }

  /** Names who is told of requests that take as long as this; 0 for nobody. */
  onSlow(slowMs: number, tell: TellSlow): void {
    this.#slowMs = slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs;
    this.#tellSlow = tell;
  }

  /** From now on requests are timed; the clock has to be kept then. */
  time(): void {
    this.#isTimed = true;
  }

  add(waiting: Waiting, awaitsLog: boolean): number {
    const index = this.#free.pop() ?? this.#waiting.length;
    this.#waiting[index] = waiting;
    this.#bornMs[index] = this.nowMs;
    this.#awaitsLog[index] = awaitsLog;
    return awaitsLog ? index + AWAITS_LOG : index;
  }

  remove(token: number): void {
    const index = token & TOKEN;
    this.#waiting[index] = undefined;
    this.#free.push(index);
  }

  /** Hands an answer to whom it belongs. */
  answer(replies: RingReader, offset: number, shard: number): void {
    const token = replies.lanes[(offset >>> 2) + REPLY.token] as number;
    const waiting = this.#waiting[token & TOKEN];
    // Token 0 marks what nobody asked for.
    if (waiting === undefined) return;
    if (!waiting.take(replies, offset, shard)) return;
    // A snapshot that was asked for takes as long as it takes, and says nothing about the others.
    if (this.#isTimed && waiting.expire !== undefined) this.#measure(token & TOKEN, waiting, shard);
    this.remove(token);
  }

  #measure(index: number, waiting: Waiting, shard: number): void {
    const durationMs = this.nowMs - this.#bornMs[index];
    // One that has expired was answered before.
    if (durationMs === Number.NEGATIVE_INFINITY) return;
    this.seconds.add(durationMs / 1_000);
    if (durationMs >= this.#slowMs) this.#tellSlow(waiting.about?.(), shard, durationMs);
  }

  /** Lets those expire that were handed over before a time, all of them or those that wait for the log; tells how many. */
  expire(beforeMs: number, all: boolean): number {
    let expired = 0;
    for (let index = 1; index < this.#waiting.length; index += 1) {
      const waiting = this.#waiting[index];
      if (waiting?.expire === undefined || this.#bornMs[index] >= beforeMs) continue;
      if (!all && !this.#awaitsLog[index]) continue;
      this.#bornMs[index] = Number.POSITIVE_INFINITY;
      waiting.expire();
      expired += 1;
    }
    return expired;
  }

  /** Lets one expire; true where its answer is dropped from now on. */
  expireOne(token: number): boolean {
    const waiting = this.#waiting[token & TOKEN];
    if (waiting?.expire === undefined) return false;
    this.#bornMs[token & TOKEN] = Number.POSITIVE_INFINITY;
    waiting.expire();
    return true;
  }

  /** Lets all expire and forgets them: nothing that a shard still answers is shown. */
  abandon(): void {
    this.expire(Number.POSITIVE_INFINITY, true);
    this.#waiting.length = 1;
    this.#free.length = 0;
  }
}
