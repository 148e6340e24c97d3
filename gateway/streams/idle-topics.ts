/** What is watched and has no reader, and stays so for a while, so that one who comes back misses nothing. */
export class IdleTopics<Topic> {
  readonly #graceMs: number;
  readonly #topicsMax: number;
  /** In the order in which they became idle. */
  readonly #sinceMs = new Map<Topic, number>();

  constructor(graceMs: number, topicsMax: number) {
    this.#graceMs = graceMs;
    this.#topicsMax = topicsMax;
  }

  add(topic: Topic, nowMs: number): void {
    this.#sinceMs.set(topic, nowMs);
  }

  remove(topic: Topic): void {
    this.#sinceMs.delete(topic);
  }

  /** Hands over each topic whose time has come, or that is one too many; it stays idle where `release` returns false. */
  sweep(nowMs: number, release: (topic: Topic) => boolean): void {
    for (const [topic, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < this.#graceMs && this.#sinceMs.size <= this.#topicsMax) return;
      if (!release(topic)) return;
      this.#sinceMs.delete(topic);
    }
  }
}
