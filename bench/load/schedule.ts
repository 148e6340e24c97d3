/** One stretch of a schedule. **Units**: milliseconds, messages a second. */
export interface Stretch {
  readonly durationMs: number;
  readonly fromRate: number;
  readonly toRate: number;
}

/**
 * When each message of an open loop is due: the nth when the integral of the rate reaches n plus a phase.
 *
 * Nothing that comes back can move a due time, and the backlog needs no queue: what is due and was not sent follows from
 * the number of the next message.
 */
export class Schedule {
  readonly #stretches: readonly Stretch[];
  /** Messages due, and time passed, before each stretch; one entry more for the end. */
  readonly #messagesBefore: readonly number[];
  readonly #startsMs: readonly number[];
  readonly #phase: number;
  #cursor = 0;

  /** `phase`, from 0 to below 1, sets generators apart that share a rate. */
  constructor(stretches: readonly Stretch[], phase: number) {
    this.#stretches = stretches;
    this.#phase = phase;
    const messagesBefore = [0];
    const startsMs = [0];
    for (const { durationMs, fromRate, toRate } of stretches) {
      messagesBefore.push(messagesBefore[messagesBefore.length - 1] + ((fromRate + toRate) / 2) * (durationMs / 1_000));
      startsMs.push(startsMs[startsMs.length - 1] + durationMs);
    }
    this.#messagesBefore = messagesBefore;
    this.#startsMs = startsMs;
  }

  get durationMs(): number {
    return this.#startsMs[this.#startsMs.length - 1];
  }

  /** When message n is due, since the start; Infinity beyond the last one. Cheapest when n rises from call to call. */
  dueMs(n: number): number {
    const wanted = n + this.#phase;
    const stretches = this.#stretches.length;
    if (wanted >= this.#messagesBefore[stretches]) return Number.POSITIVE_INFINITY;
    if (wanted < this.#messagesBefore[this.#cursor]) this.#cursor = 0;
    while (wanted >= this.#messagesBefore[this.#cursor + 1]) this.#cursor += 1;
    const { durationMs, fromRate, toRate } = this.#stretches[this.#cursor];
    const inside = timeUntil(wanted - this.#messagesBefore[this.#cursor], fromRate, toRate, durationMs / 1_000);
    return this.#startsMs[this.#cursor] + Math.min(durationMs, inside * 1_000);
  }

  /** Messages that are due before a time. */
  dueBefore(timeMs: number): number {
    let messages = 0;
    for (const [at, { durationMs, fromRate, toRate }] of this.#stretches.entries()) {
      const insideMs = Math.min(durationMs, timeMs - this.#startsMs[at]);
      if (insideMs <= 0) break;
      const rate = fromRate + ((toRate - fromRate) * insideMs) / durationMs;
      messages += ((fromRate + rate) / 2) * (insideMs / 1_000);
    }
    return Math.max(0, Math.ceil(messages - this.#phase));
  }
}

/** Seconds until a rate that changes in a straight line has let through a number of messages. */
function timeUntil(messages: number, fromRate: number, toRate: number, seconds: number): number {
  if (messages === 0) return 0;
  const slope = (toRate - fromRate) / seconds;
  if (slope === 0) return messages / fromRate;
  // The root of slope/2·t² + fromRate·t = messages, in the form that does not cancel where the slope is small.
  return (2 * messages) / (fromRate + Math.sqrt(Math.max(0, fromRate * fromRate + 2 * slope * messages)));
}
