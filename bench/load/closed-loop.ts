import type { AnswerSink, Channel } from "./channel.ts";
import type { Meter } from "./meter.ts";

/** Keeps a fixed number of messages in flight: each answer frees its slot for the next message at once. */
export class ClosedLoop implements AnswerSink {
  readonly #meter: Meter;
  readonly #onLost: (error: Error) => void;
  #nowMs = 0;
  #running = false;
  #inflight = 0;

  constructor(meter: Meter, onLost: (error: Error) => void) {
    this.#meter = meter;
    this.#onLost = onLost;
  }

  get inflight(): number {
    return this.#inflight;
  }

  start(channels: readonly Channel[], depth: number): void {
    this.#running = true;
    for (const channel of channels) {
      this.#nowMs = performance.now();
      for (let slot = 0; slot < depth; slot += 1) this.#send(channel, slot);
      channel.flush();
    }
  }

  /** Sends nothing more; what is in flight is still counted when its answers come. */
  stop(): void {
    this.#running = false;
  }

  readBegins(): void {
    this.#nowMs = performance.now();
  }

  answered(channel: Channel, slot: number, accepted: number, rejected: number, reason: string): void {
    this.#meter.answered(this.#nowMs - channel.sentAtMs[slot], accepted, rejected, reason);
    this.#inflight -= 1;
    if (this.#running) this.#send(channel, slot);
  }

  readEnds(channel: Channel): void {
    channel.flush();
  }

  lost(error: Error): void {
    this.#onLost(error);
  }

  #send(channel: Channel, slot: number): void {
    channel.sentAtMs[slot] = this.#nowMs;
    channel.stage(slot);
    this.#inflight += 1;
  }
}
