import { Fifo } from "./fifo.ts";
import type { BalanceUpdate } from "./results.ts";
import { type StreamUpdate, subjectOf } from "./stream-update.ts";

/**
 * What waits for the reader of a subscription: every step, up to a bound; beyond it only the latest of each wallet,
 * until the reader has caught up.
 */
export class UpdateBuffer<Update extends StreamUpdate = BalanceUpdate> {
  readonly #steps = new Fifo<Update>();
  readonly #latest = new Map<string, Update>();
  readonly #stepsMax: number;
  readonly #walletsMax: number;

  constructor(stepsMax: number, walletsMax: number) {
    this.#stepsMax = stepsMax;
    this.#walletsMax = walletsMax;
  }

  /** Adds an update, or returns false where there is no room for one more wallet. */
  push(update: Update): boolean {
    if (this.#latest.size === 0 && this.#steps.size < this.#stepsMax) {
      this.#steps.push(update);
      return true;
    }
    for (const step of this.#steps.drain()) this.#conflate(step);
    this.#conflate(update);
    return this.#latest.size <= this.#walletsMax;
  }

  shift(): Update | undefined {
    for (const [walletId, update] of this.#latest) {
      this.#latest.delete(walletId);
      return update;
    }
    return this.#steps.shift();
  }

  clear(): void {
    this.#steps.drain();
    this.#latest.clear();
  }

  #conflate(update: Update): void {
    const subject = subjectOf(update);
    const earlier = this.#latest.get(subject);
    this.#latest.delete(subject);
    this.#latest.set(
      subject,
      earlier === undefined ? update : { ...update, reset: update.reset || earlier.reset, conflated: true },
    );
  }
}
