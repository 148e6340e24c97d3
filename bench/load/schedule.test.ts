import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Schedule, type Stretch } from "./schedule.ts";

const rate = fc.double({ min: 0.5, max: 5_000, noNaN: true });
const stretch: fc.Arbitrary<Stretch> = fc.record({
  durationMs: fc.double({ min: 10, max: 3_000, noNaN: true }),
  fromRate: rate,
  toRate: rate,
});
const stretches = fc.array(stretch, { minLength: 1, maxLength: 5 });
const phase = fc.double({ min: 0, max: 0.999, noNaN: true });

function allDue(schedule: Schedule): number[] {
  const due: number[] = [];
  for (let n = 0; Number.isFinite(schedule.dueMs(n)); n += 1) due.push(schedule.dueMs(n));
  return due;
}

describe("schedule", () => {
  test("a steady rate is due at even distances", () => {
    const schedule = new Schedule([{ durationMs: 1_000, fromRate: 10, toRate: 10 }], 0);
    expect(allDue(schedule)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
  });

  test("a ramp sends a quarter of its messages in the first half", () => {
    const schedule = new Schedule([{ durationMs: 10_000, fromRate: 0.000_001, toRate: 800 }], 0.5);
    const due = allDue(schedule);
    expect(due.filter((dueMs) => dueMs < 5_000)).toHaveLength(1_000);
    expect(due).toHaveLength(4_000);
  });

  test("due times never go back, stay within the schedule and add up to the integral of the rate", () => {
    fc.assert(
      fc.property(stretches, phase, (parts, shift) => {
        const schedule = new Schedule(parts, shift);
        const due = allDue(schedule);
        for (let n = 1; n < due.length; n += 1) expect(due[n]).toBeGreaterThanOrEqual(due[n - 1]);
        expect(due.at(-1) ?? 0).toBeLessThanOrEqual(schedule.durationMs + 1e-6);
        const integral = parts.reduce(
          (sum, { durationMs, fromRate, toRate }) => sum + ((fromRate + toRate) / 2) * (durationMs / 1_000),
          0,
        );
        expect(Math.abs(due.length - integral)).toBeLessThanOrEqual(1 + 1e-6);
      }),
      { numRuns: 200 },
    );
  });

  test("a due time does not depend on which one was asked before", () => {
    fc.assert(
      fc.property(stretches, phase, fc.array(fc.nat(200), { minLength: 1, maxLength: 20 }), (parts, shift, asked) => {
        const schedule = new Schedule(parts, shift);
        for (const n of asked) expect(schedule.dueMs(n)).toBe(new Schedule(parts, shift).dueMs(n));
      }),
      { numRuns: 100 },
    );
  });

  test("what is due before a time agrees with the due times", () => {
    fc.assert(
      fc.property(stretches, phase, fc.double({ min: 0, max: 1, noNaN: true }), (parts, shift, share) => {
        const schedule = new Schedule(parts, shift);
        const timeMs = schedule.durationMs * share;
        const counted = allDue(schedule).filter((dueMs) => dueMs < timeMs).length;
        // A message due within a rounding error of the time may count on either side.
        expect(Math.abs(schedule.dueBefore(timeMs) - counted)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 200 },
    );
  });

  test("generators that share a rate send as much together as one alone, at other times", () => {
    fc.assert(
      fc.property(stretches, fc.integer({ min: 2, max: 5 }), (parts, generators) => {
        const shared = parts.map(({ durationMs, fromRate, toRate }) => ({
          durationMs,
          fromRate: fromRate / generators,
          toRate: toRate / generators,
        }));
        const due = Array.from({ length: generators }, (_, at) => allDue(new Schedule(shared, at / generators))).flat();
        const alone = allDue(new Schedule(parts, 0));
        expect(Math.abs(due.length - alone.length)).toBeLessThanOrEqual(1);
        due.sort((a, b) => a - b);
        for (let n = 0; n < Math.min(due.length, alone.length); n += 1) expect(due[n]).toBeCloseTo(alone[n], 3);
      }),
      { numRuns: 60 },
    );
  });
});
