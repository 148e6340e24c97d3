import { describe, expect, test } from "vitest";
import { Calendar, timeZoneName } from "./calendar.ts";

const HOUR_MS = 3_600_000;

function at(timeZone: string, time: string): Calendar {
  const calendar = new Calendar(timeZone);
  calendar.advance(Date.parse(time));
  return calendar;
}

function text(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

describe("the day and month of a time", () => {
  test.each([
    // An ordinary day in winter, two hours ahead of UTC: both sides of midnight.
    [
      "Africa/Cairo",
      "2026-01-14T21:59:59.999Z",
      "2026-01-13T22:00:00Z",
      24,
      "2025-12-31T22:00:00Z",
      "2026-01-31T22:00:00Z",
    ],
    [
      "Africa/Cairo",
      "2026-01-14T22:00:00.000Z",
      "2026-01-14T22:00:00Z",
      24,
      "2025-12-31T22:00:00Z",
      "2026-01-31T22:00:00Z",
    ],
    // The ends of a month and of a year.
    [
      "Africa/Cairo",
      "2025-12-31T21:59:59.999Z",
      "2025-12-30T22:00:00Z",
      24,
      "2025-11-30T22:00:00Z",
      "2025-12-31T22:00:00Z",
    ],
    [
      "Africa/Cairo",
      "2025-12-31T22:00:00.000Z",
      "2025-12-31T22:00:00Z",
      24,
      "2025-12-31T22:00:00Z",
      "2026-01-31T22:00:00Z",
    ],
    // A leap day.
    [
      "Africa/Cairo",
      "2028-02-29T12:00:00Z",
      "2028-02-28T22:00:00Z",
      24,
      "2028-01-31T22:00:00Z",
      "2028-02-29T22:00:00Z",
    ],
    // Summer time begins at midnight of the last Friday of April: that day begins at one o'clock and has 23 hours.
    [
      "Africa/Cairo",
      "2026-04-23T21:59:59.999Z",
      "2026-04-22T22:00:00Z",
      24,
      "2026-03-31T22:00:00Z",
      "2026-04-30T21:00:00Z",
    ],
    [
      "Africa/Cairo",
      "2026-04-23T22:00:00.000Z",
      "2026-04-23T22:00:00Z",
      23,
      "2026-03-31T22:00:00Z",
      "2026-04-30T21:00:00Z",
    ],
    // It ends with the last Thursday of October, whose last hour comes twice.
    [
      "Africa/Cairo",
      "2026-10-29T20:30:00Z",
      "2026-10-28T21:00:00Z",
      25,
      "2026-09-30T21:00:00Z",
      "2026-10-31T22:00:00Z",
    ],
    [
      "Africa/Cairo",
      "2026-10-29T21:59:59.999Z",
      "2026-10-28T21:00:00Z",
      25,
      "2026-09-30T21:00:00Z",
      "2026-10-31T22:00:00Z",
    ],
    [
      "Africa/Cairo",
      "2026-10-29T22:00:00.000Z",
      "2026-10-29T22:00:00Z",
      24,
      "2026-09-30T21:00:00Z",
      "2026-10-31T22:00:00Z",
    ],
    // A zone whose clock changes in the night, not at midnight.
    [
      "America/New_York",
      "2026-03-08T12:00:00Z",
      "2026-03-08T05:00:00Z",
      23,
      "2026-03-01T05:00:00Z",
      "2026-04-01T04:00:00Z",
    ],
    [
      "America/New_York",
      "2026-11-01T12:00:00Z",
      "2026-11-01T04:00:00Z",
      25,
      "2026-11-01T04:00:00Z",
      "2026-12-01T05:00:00Z",
    ],
    [
      "Asia/Kathmandu",
      "2026-06-15T18:14:59.999Z",
      "2026-06-14T18:15:00Z",
      24,
      "2026-05-31T18:15:00Z",
      "2026-06-30T18:15:00Z",
    ],
    ["UTC", "2026-06-15T00:00:00Z", "2026-06-15T00:00:00Z", 24, "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"],
    // Samoa had no 30 December 2011: the day after the 29th is the 31st.
    [
      "Pacific/Apia",
      "2011-12-30T09:59:59.999Z",
      "2011-12-29T10:00:00Z",
      24,
      "2011-12-01T10:00:00Z",
      "2011-12-31T10:00:00Z",
    ],
    [
      "Pacific/Apia",
      "2011-12-30T10:00:00.000Z",
      "2011-12-30T10:00:00Z",
      24,
      "2011-12-01T10:00:00Z",
      "2011-12-31T10:00:00Z",
    ],
  ])("%s at %s", (timeZone, time, dayStart, hours, monthStart, monthEnd) => {
    const calendar = at(timeZone, time);
    expect(text(calendar.dayStartMs)).toBe(dayStart);
    expect((calendar.dayEndMs - calendar.dayStartMs) / HOUR_MS).toBe(hours);
    expect([calendar.monthStartMs, calendar.monthEndMs].map(text)).toEqual([monthStart, monthEnd]);
  });

  test("follow a clock that moves on, through two years an hour and a half at a time", () => {
    const moving = new Calendar("Africa/Cairo");
    const format = new Intl.DateTimeFormat("en-CA", { timeZone: "Africa/Cairo" });
    const startMs = Date.parse("2025-03-01T00:00:00Z");
    for (let ms = startMs; ms < startMs + 2 * 366 * 24 * HOUR_MS; ms += 1.5 * HOUR_MS) {
      moving.advance(ms);
      const date = format.format(ms);
      if (
        format.format(moving.dayStartMs) !== date ||
        format.format(moving.dayStartMs - 1) >= date ||
        format.format(moving.dayEndMs - 1) !== date ||
        format.format(moving.dayEndMs) <= date ||
        format.format(moving.monthStartMs).slice(0, 7) !== date.slice(0, 7) ||
        format.format(moving.monthStartMs - 1).slice(0, 7) >= date.slice(0, 7) ||
        format.format(moving.monthEndMs - 1).slice(0, 7) !== date.slice(0, 7) ||
        format.format(moving.monthEndMs).slice(0, 7) <= date.slice(0, 7)
      ) {
        expect.unreachable(`wrong at ${text(ms)}`);
      }
    }
  });

  test.each([
    ["in steps", "2024-04-26T10:00:00Z"],
    ["back from the next day", "2026-10-29T21:30:00Z"],
    ["back from the next month", "2026-11-01T10:00:00Z"],
  ])("are the same whether the clock came there %s or at once", (_how, before) => {
    const moving = at("Africa/Cairo", "2024-01-01T00:00:00Z");
    moving.advance(Date.parse(before));
    moving.advance(Date.parse("2026-10-29T20:30:00Z"));
    const fresh = at("Africa/Cairo", "2026-10-29T20:30:00Z");
    const facts = ({ clockMs, dayStartMs, dayEndMs, monthStartMs, monthEndMs }: Calendar): number[] => [
      clockMs,
      dayStartMs,
      dayEndMs,
      monthStartMs,
      monthEndMs,
    ];
    expect(facts(moving)).toEqual(facts(fresh));
  });
});

test("a time zone is taken under its proper name, or refused", () => {
  expect(timeZoneName("africa/cairo")).toBe("Africa/Cairo");
  expect(timeZoneName("Africa/Atlantis")).toBeUndefined();
  expect(() => new Calendar("Africa/Atlantis")).toThrow("time zone");
});
