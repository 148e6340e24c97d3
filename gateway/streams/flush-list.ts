import type { Flushable } from "../turn.ts";

/** An outbox on the list; `listed` keeps it from being there twice. */
export interface Listed extends Flushable {
  listed: boolean;
}

/**
 * The outboxes with deltas to send. They are flushed at the end of a turn, but not more often than the interval, so that a
 * thousand readers of a busy wallet cost a few messages each and not one for every commit; a lone delta leaves at once.
 */
export class FlushList {
  readonly #intervalMs: number;
  #outboxes: Listed[] = [];
  #spare: Listed[] = [];
  #flushedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  add(outbox: Listed): void {
    if (outbox.listed) return;
    outbox.listed = true;
    this.#outboxes.push(outbox);
  }

  endTurn(): void {
    if (this.#outboxes.length === 0 || this.#timer !== undefined) return;
    const waitMs = this.#flushedAtMs + this.#intervalMs - performance.now();
    if (waitMs <= 0) this.#flush();
    else this.#timer = setTimeout(this.#flush, waitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  readonly #flush = (): void => {
    this.#timer = undefined;
    this.#flushedAtMs = performance.now();
    const outboxes = this.#outboxes;
    this.#outboxes = this.#spare;
    this.#spare = outboxes;
    for (const outbox of outboxes) {
      outbox.listed = false;
      outbox.flush();
    }
    outboxes.length = 0;
  };
}
