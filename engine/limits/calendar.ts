/** Farther than any day, and any month, lasts in any zone. */
const DAY_MS_MAX = 50 * 3_600_000;
const MONTH_MS_MAX = 33 * 24 * 3_600_000;

/**
 * The calendar day and month in which the ledger's clock stands, in the ledger's time zone.
 *
 * A day begins with the first instant that has its date, so it may last 23 or 25 hours, and need not begin at midnight.
 * While a day lasts a frame costs two comparisons.
 *
 * **Units**: milliseconds since the epoch; ends are the first instant behind the day or month.
 */
export class Calendar {
  readonly timeZone: string;
  clockMs = 0;
  dayStartMs = 0;
  dayEndMs = 0;
  monthStartMs = 0;
  monthEndMs = 0;
  readonly #format: Intl.DateTimeFormat;

  /** **Errors**: throws on a time zone that is none. */
  constructor(timeZone: string) {
    this.timeZone = timeZone;
    this.#format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
      timeZone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
    this.#turn(0);
  }

  /** Moves to the time of a frame, which may lie before that of a frame that was begun and stayed empty. */
  advance(clockMs: number): void {
    if (clockMs >= this.dayEndMs || clockMs < this.dayStartMs) this.#turn(clockMs);
    this.clockMs = clockMs;
  }

  #turn(clockMs: number): void {
    const { day, month } = this.#dateAt(clockMs);
    this.dayStartMs = firstInstant(clockMs - DAY_MS_MAX, clockMs, (ms) => this.#dateAt(ms).day === day);
    this.dayEndMs = firstInstant(clockMs, clockMs + DAY_MS_MAX, (ms) => this.#dateAt(ms).day > day);
    if (clockMs >= this.monthStartMs && clockMs < this.monthEndMs) return;
    this.monthStartMs = firstInstant(clockMs - MONTH_MS_MAX, clockMs, (ms) => this.#dateAt(ms).month === month);
    this.monthEndMs = firstInstant(clockMs, clockMs + MONTH_MS_MAX, (ms) => this.#dateAt(ms).month > month);
  }

  /** The local date as two numbers in the order of time: 20260131 and 202601. */
  #dateAt(ms: number): { readonly day: number; readonly month: number } {
    const parts = new Map(this.#format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const [year, month, day] = (["year", "month", "day"] as const).map((type) => parts.get(type) ?? 0);
    return { day: year * 10_000 + month * 100 + day, month: year * 100 + month };
  }
}

/** The name of a time zone as the time zone database writes it, or undefined where there is none. */
export function timeZoneName(text: string): string | undefined {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** The first instant after `beforeMs` at which something holds that does not hold there and holds at `atMs`, as from then on. */
export function firstInstant(beforeMs: number, atMs: number, holds: (ms: number) => boolean): number {
  let before = beforeMs;
  let at = atMs;
  while (at - before > 1) {
    const middle = Math.floor((before + at) / 2);
    if (holds(middle)) at = middle;
    else before = middle;
  }
  return at;
}
