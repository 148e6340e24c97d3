import type { SettlementCalendar } from "../../protocol/merchant/commands.ts";
import { firstInstant } from "../limits/calendar.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Farther than any local time is from UTC, and any change of a clock from the time before it. */
const OFFSET_MS_MAX = 40 * HOUR_MS;

/** One for each time zone, of which there are some hundreds: making one takes longer than asking it. */
const FORMATS = new Map<string, Intl.DateTimeFormat>();

/**
 * The first moment after a time at which a calendar closes a batch.
 *
 * A day's moment is the first one that has its date and the hour or a later one: where the clocks skip the hour it is the moment
 * after the gap, and where they repeat it the first time around. **Errors**: throws on no time zone.
 */
export function nextBatchAtMs(calendar: SettlementCalendar, afterMs: number): number {
  const { timeZone, hour } = calendar;
  const { dateMs } = localAt(timeZone, afterMs);
  // Also from the day before, whose moment may lie behind midnight.
  for (let dayMs = dateMs - DAY_MS; ; dayMs += DAY_MS) {
    if (!isSettled(calendar, new Date(dayMs))) continue;
    const atMs = momentOf(timeZone, dayMs, hour);
    if (atMs > afterMs) return atMs;
  }
}

/** Whether a batch is closed on a date, which stands as if it were one of UTC. */
function isSettled({ every, weekday = 1 }: SettlementCalendar, date: Date): boolean {
  switch (every) {
    case "day":
      return true;
    case "week":
      return date.getUTCDay() === weekday % 7;
    case "month":
      return date.getUTCDate() === 1;
  }
}

function momentOf(timeZone: string, dateMs: number, hour: number): number {
  const nearMs = dateMs + hour * HOUR_MS;
  return firstInstant(nearMs - OFFSET_MS_MAX, nearMs + OFFSET_MS_MAX, (ms) => {
    const local = localAt(timeZone, ms);
    return local.dateMs > dateMs || (local.dateMs === dateMs && local.hour >= hour);
  });
}

/** The local date, as if it were one of UTC, and the hour. */
function localAt(timeZone: string, ms: number): { readonly dateMs: number; readonly hour: number } {
  let format = FORMATS.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
      timeZone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      hourCycle: "h23",
    });
    FORMATS.set(timeZone, format);
  }
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const [year, month, day, hour] = (["year", "month", "day", "hour"] as const).map((type) => parts.get(type) ?? 0);
  return { dateMs: Date.UTC(year, month - 1, day), hour };
}
