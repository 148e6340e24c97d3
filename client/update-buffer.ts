import { Fifo } from "./fifo.ts";
import type { BalanceUpdate } from "./results.ts";

/**
 * What waits for the reader of a subscription: every step, up to a bound; beyond it only the latest of each wallet,
 * until the reader has caught up.
 */
export class UpdateBuffer {
  readonly #steps = new Fifo<BalanceUpdate>();
  readonly #latest = new Map<string, BalanceUpdate>();
  readonly #stepsMax: number;
  readonly #walletsMax: number;

  constructor(stepsMax: number, walletsMax: number) {
    this.#stepsMax = stepsMax;
    this.#walletsMax = walletsMax;
  }

  /** Adds an update, or returns false where there is no room for one more wallet. */
  push(update: BalanceUpdate): boolean {
    if (this.#latest.size === 0 && this.#steps.size < this.#stepsMax) {
      this.#steps.push(update);
      return true;
    }
    for (const step of this.#steps.drain()) this.#conflate(step);
    this.#conflate(update);
    return this.#latest.size <= this.#walletsMax;
  }

  shift(): BalanceUpdate | undefined {
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

  #conflate(update: BalanceUpdate): void {
    const { walletId } = update;
    const earlier = this.#latest.get(walletId);
    this.#latest.delete(walletId);
    this.#latest.set(
      walletId,
      earlier === undefined ? update : { ...update, reset: update.reset || earlier.reset, conflated: true },
    );
  }
}
