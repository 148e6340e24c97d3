import { setTimeout as delay } from "node:timers/promises";

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;
/** What is shorter is a connection that was cut, or a broker that hands over. */
const TOLD_AFTER_MS = 500;

/** Whether Kafka can be reached, as all who try see it together; told once when it cannot, and once when it can again. */
export class Outage {
  readonly #out = new Set<Attempts>();
  readonly #tell: (isOut: boolean, reason: string) => void;

  constructor(tell: (isOut: boolean, reason: string) => void) {
    this.#tell = tell;
  }

  /** For one of those who try. */
  attempts(): Attempts {
    return new Attempts(this);
  }

  /** One of them has failed for some time, or no longer does. */
  change(attempts: Attempts, isOut: boolean, reason: string): void {
    const before = this.#out.size > 0;
    if (isOut) this.#out.add(attempts);
    else this.#out.delete(attempts);
    const after = this.#out.size > 0;
    if (before !== after) this.#tell(after, reason);
  }
}

/** Attempts that follow each other until one succeeds, with a pause after each failure that grows up to a second. */
export class Attempts {
  readonly #outage: Outage;
  #failures = 0;
  /** When the first of them failed. */
  #sinceMs: number | undefined;

  constructor(outage: Outage) {
    this.#outage = outage;
  }

  succeeded(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#sinceMs = undefined;
    this.#outage.change(this, false, "");
  }

  /** Waits before the next attempt; ends early where it is no longer needed. */
  async failed(error: unknown, signal: AbortSignal): Promise<void> {
    this.#failures += 1;
    const reason = error instanceof Error ? error.message : String(error);
    this.#sinceMs ??= performance.now();
    if (performance.now() - this.#sinceMs > TOLD_AFTER_MS) this.#outage.change(this, true, reason);
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10));
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  }

  /** Nobody tries any more. */
  end(): void {
    this.#outage.change(this, false, "");
  }
}
