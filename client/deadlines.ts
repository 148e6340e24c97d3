import type { FailureCode } from "./errors.ts";

/** Expirations closer together than this are one. */
const GRANULARITY_MS = 10;

/** Timers wait no longer than this; what is due later is looked at again then. */
const TIMER_MS_MAX = 2_147_483_647;

interface Group {
  readonly waiting: Map<Expiring, number>;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Something that ends when it was not removed in time. */
export interface Expiring {
  readonly timeoutMs: number;
  expire(): void;
  fail(code: FailureCode, message: string, cause?: unknown): void;
}

/**
 * Deadlines of many calls with few timers: those of one timeout fall due in the order in which they were added, so
 * each timeout needs one timer only.
 */
export class Deadlines {
  readonly #groups = new Map<number, Group>();
  readonly #afterExpiry: () => void;

  /** `afterExpiry` is called once after each round in which something expired. */
  constructor(afterExpiry: () => void) {
    this.#afterExpiry = afterExpiry;
  }

  add(item: Expiring): void {
    let group = this.#groups.get(item.timeoutMs);
    if (group === undefined) {
      group = { waiting: new Map(), timer: undefined };
      this.#groups.set(item.timeoutMs, group);
    }
    group.waiting.set(item, performance.now() + item.timeoutMs);
    if (group.timer === undefined) this.#arm(group, item.timeoutMs);
  }

  remove(item: Expiring): void {
    const group = this.#groups.get(item.timeoutMs);
    if (group?.waiting.delete(item) !== true || group.waiting.size > 0) return;
    clearTimeout(group.timer);
    this.#groups.delete(item.timeoutMs);
  }

  /** Removes and returns all that wait. */
  drain(): Expiring[] {
    const items: Expiring[] = [];
    for (const group of this.#groups.values()) {
      clearTimeout(group.timer);
      items.push(...group.waiting.keys());
    }
    this.#groups.clear();
    return items;
  }

  #arm(group: Group, delayMs: number): void {
    clearTimeout(group.timer);
    const boundedMs = Math.min(Math.max(delayMs, GRANULARITY_MS), TIMER_MS_MAX);
    group.timer = setTimeout(() => this.#expire(group), boundedMs);
  }

  #expire(group: Group): void {
    group.timer = undefined;
    const nowMs = performance.now();
    let expired = 0;
    for (const [item, dueMs] of group.waiting) {
      if (dueMs > nowMs) {
        this.#arm(group, dueMs - nowMs);
        break;
      }
      this.remove(item);
      item.expire();
      expired += 1;
    }
    if (expired > 0) this.#afterExpiry();
  }
}
