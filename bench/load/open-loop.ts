import type { AnswerSink, Channel } from "./channel.ts";
import type { Meter } from "./meter.ts";

/** Longest sleep between looks at the clock and at the sockets; it bounds how late a message leaves. */
const NAP_MS_MAX = 0.05;

/**
 * Sends messages on a schedule, whatever comes back, and takes each latency from the time its message was meant to
 * leave: a stall of the server counts against every message that fell due during it.
 *
 * Timers of Node are a millisecond coarse and turning without pause would take a core from the server, so the loop naps
 * for a moment between turns.
 */
export class OpenLoop implements AnswerSink {
  readonly #meter: Meter;
  readonly #onLost: (error: Error) => void;
  readonly #intervalMs: number;
  readonly #nap = new Int32Array(new SharedArrayBuffer(4));
  #channels: readonly Channel[] = [];
  #freeSlots: number[][] = [];
  #nowMs = 0;
  #dueAtMs = 0;
  #turn = 0;
  #running = false;
  #inflight = 0;

  constructor(messagesPerSecond: number, meter: Meter, onLost: (error: Error) => void) {
    this.#intervalMs = 1_000 / messagesPerSecond;
    this.#meter = meter;
    this.#onLost = onLost;
  }

  get inflight(): number {
    return this.#inflight;
  }

  start(channels: readonly Channel[], depth: number): void {
    this.#channels = channels;
    this.#freeSlots = channels.map(() => Array.from({ length: depth }, (_, slot) => slot));
    this.#running = true;
    this.#dueAtMs = performance.now();
    setImmediate(() => this.#pace());
  }

  stop(): void {
    this.#running = false;
  }

  #pace(): void {
    if (!this.#running) return;
    const nowMs = performance.now();
    try {
      while (this.#dueAtMs <= nowMs) this.#sendNext(nowMs);
    } catch (error) {
      this.#running = false;
      this.#onLost(error as Error);
      return;
    }
    for (const channel of this.#channels) channel.flush();
    Atomics.wait(this.#nap, 0, 0, Math.min(NAP_MS_MAX, this.#dueAtMs - nowMs));
    setImmediate(() => this.#pace());
  }

  #sendNext(nowMs: number): void {
    const at = this.#turn % this.#channels.length;
    const slot = this.#freeSlots[at].pop();
    if (slot === undefined) throw new Error(`the server is behind by more than ${this.#inflight} messages`);
    this.#turn += 1;
    const channel = this.#channels[at];
    channel.sentAtMs[slot] = this.#dueAtMs;
    channel.stage(slot);
    this.#inflight += 1;
    this.#meter.sent(nowMs - this.#dueAtMs);
    this.#dueAtMs += this.#intervalMs;
  }

  readBegins(): void {
    this.#nowMs = performance.now();
  }

  answered(channel: Channel, slot: number, accepted: number, rejected: number, reason: string): void {
    this.#meter.answered(this.#nowMs - channel.sentAtMs[slot], accepted, rejected, reason);
    this.#inflight -= 1;
    this.#freeSlots[this.#channels.indexOf(channel)].push(slot);
  }

  readEnds(): void {}

  lost(error: Error): void {
    this.#onLost(error);
  }
}
