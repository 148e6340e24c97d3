import type { WalletTopic } from "./topic.ts";

/** Wallets without a reader that stay watched for a while, so that one who comes back misses nothing. */
export class IdleTopics {
  readonly #graceMs: number;
  readonly #topicsMax: number;
  /** In the order in which they became idle. */
  readonly #sinceMs = new Map<WalletTopic, number>();

  constructor(graceMs: number, topicsMax: number) {
    this.#graceMs = graceMs;
    this.#topicsMax = topicsMax;
  }

  add(topic: WalletTopic, nowMs: number): void {
    this.#sinceMs.set(topic, nowMs);
  }

  remove(topic: WalletTopic): void {
    this.#sinceMs.delete(topic);
  }

  /** Hands over each topic whose time has come, or that is one too many; it stays idle where `release` returns false. */
  sweep(nowMs: number, release: (topic: WalletTopic) => boolean): void {
    for (const [topic, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < this.#graceMs && this.#sinceMs.size <= this.#topicsMax) return;
      if (!release(topic)) return;
      this.#sinceMs.delete(topic);
    }
  }
}
