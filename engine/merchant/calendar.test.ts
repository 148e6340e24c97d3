import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SettlementCalendar } from "../../protocol/merchant/commands.ts";
import { settings } from "../../test/property-settings.ts";
import { nextBatchAtMs } from "./calendar.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function next(calendar: Partial<SettlementCalendar>, after: string): string {
  const whole = { every: "day", hour: 0, timeZone: "Africa/Cairo", ...calendar } as const;
  return new Date(nextBatchAtMs(whole, Date.parse(after))).toISOString();
}

describe("the next batch is closed", () => {
  test.each<{ name: string; calendar: Partial<SettlementCalendar>; after: string; expected: string }>([
    { name: "today", calendar: { hour: 23 }, after: "2026-01-10T12:00:00Z", expected: "2026-01-10T21:00:00.000Z" },
    { name: "tomorrow", calendar: { hour: 1 }, after: "2026-01-10T12:00:00Z", expected: "2026-01-10T23:00:00.000Z" },
    {
      name: "strictly later",
      calendar: { hour: 1 },
      after: "2026-01-10T23:00:00Z",
      expected: "2026-01-11T23:00:00.000Z",
    },
    {
      name: "on a Monday",
      calendar: { every: "week", hour: 9 },
      after: "2026-01-08T00:00:00Z",
      expected: "2026-01-12T07:00:00.000Z",
    },
    {
      name: "on a Sunday",
      calendar: { every: "week", weekday: 7, hour: 9 },
      after: "2026-01-11T07:00:00Z",
      expected: "2026-01-18T07:00:00.000Z",
    },
    {
      name: "on the first of a month, across a year",
      calendar: { every: "month", hour: 4, timeZone: "UTC" },
      after: "2026-12-01T04:00:00Z",
      expected: "2027-01-01T04:00:00.000Z",
    },
    {
      name: "behind the gap, where the clocks skip the hour",
      calendar: { hour: 2, timeZone: "Europe/Berlin" },
      after: "2026-03-28T12:00:00Z",
      expected: "2026-03-29T01:00:00.000Z",
    },
    {
      name: "the first time around, where the clocks repeat the hour",
      calendar: { hour: 2, timeZone: "Europe/Berlin" },
      after: "2026-10-24T12:00:00Z",
      expected: "2026-10-25T00:00:00.000Z",
    },
    {
      name: "only once, where the clocks repeat the hour",
      calendar: { hour: 2, timeZone: "Europe/Berlin" },
      after: "2026-10-25T00:00:00Z",
      expected: "2026-10-26T01:00:00.000Z",
    },
    {
      name: "at the first moment of a day that has no midnight",
      calendar: { timeZone: "Africa/Cairo" },
      after: "2026-04-23T12:00:00Z",
      expected: "2026-04-23T22:00:00.000Z",
    },
    {
      name: "on the day behind one that a zone leaves out",
      calendar: { hour: 12, timeZone: "Pacific/Apia" },
      after: "2011-12-29T22:00:00Z",
      expected: "2011-12-30T10:00:00.000Z",
    },
  ])("$name", ({ calendar, after, expected }) => {
    expect(next(calendar, after)).toBe(expected);
  });
});

test("it is the first minute at which a clock on the wall shows that day and hour", () => {
  const zones = ["Africa/Cairo", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin", "UTC"];
  const plans = fc.record({
    timeZone: fc.constantFrom(...zones),
    every: fc.constantFrom("day" as const, "week" as const),
    weekday: fc.integer({ min: 1, max: 7 }),
    hour: fc.integer({ min: 0, max: 23 }),
    // Days around which clocks change in some of the zones.
    day: fc.constantFrom(
      "2026-03-08",
      "2026-03-29",
      "2026-04-05",
      "2026-04-24",
      "2026-10-04",
      "2026-10-25",
      "2026-10-30",
      "2026-11-01",
    ),
    minute: fc.integer({ min: -2 * 1_440, max: 2 * 1_440 }),
  });
  fc.assert(
    fc.property(plans, ({ day, minute, ...calendar }) => {
      const afterMs = Date.parse(`${day}T00:00:00Z`) + minute * MINUTE_MS;
      const foundMs = nextBatchAtMs(calendar, afterMs);
      expect(foundMs).toBeGreaterThan(afterMs);
      expect(foundMs % MINUTE_MS).toBe(0);
      // No moment between has a date that is settled, with that hour or a later one, whose first such moment it is.
      const wall = wallClock(calendar.timeZone);
      const isOver = (ms: number): string | undefined => {
        const { date, hour, weekday } = wall(ms);
        const isDay = calendar.every === "day" || weekday === calendar.weekday;
        return isDay && hour >= calendar.hour ? date : undefined;
      };
      const found = isOver(foundMs);
      expect(found).toBeDefined();
      expect(isOver(foundMs - MINUTE_MS)).not.toBe(found);
      const begun = isOver(afterMs);
      for (let ms = Math.max(afterMs, foundMs - 2 * DAY_MS) + 15 * MINUTE_MS; ms < foundMs; ms += 15 * MINUTE_MS) {
        const passed = isOver(ms);
        if (passed !== undefined && passed !== begun) throw new Error(`${new Date(ms).toISOString()} was passed over`);
      }
    }),
    settings(60),
  );
});

function wallClock(timeZone: string): (ms: number) => { date: string; hour: number; weekday: number } {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, dateStyle: "short", timeStyle: "short" });
  return (ms) => {
    const [date = "", time = ""] = format.format(ms).split(", ");
    const [day, month, year] = date.split("/").map(Number);
    const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
    return { date, hour: Number(time.slice(0, 2)), weekday: weekday === 0 ? 7 : weekday };
  };
}
