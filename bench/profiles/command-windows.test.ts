import { expect, test } from "vitest";
import type { Answers } from "../load/answer-log.ts";
import { commandWindows } from "./command-windows.ts";

/** Messages due, each with when it left and how long its answer took. */
function answersOf(...messages: readonly (readonly [dueMs: number, sentMs: number, latencyMs: number])[]): Answers {
  const column = (at: 0 | 1 | 2): Float64Array => Float64Array.from(messages, (message) => message[at]);
  return { dueMs: column(0), sentMs: column(1), latencyMs: column(2) };
}

test("the storm begins with the first message that left on time, and ends with the last dashboard", () => {
  const storm = { stoppingAtMs: 100, readyAtMs: 200, backAtMs: 300 };
  const answers = answersOf([90, 90, 1], [150, 220, 71], [210, 222, 13], [230, 231, 2], [250, 251, 4], [310, 310, 1]);
  const windows = commandWindows([answers], { startAtMs: 0, storm, hostileAtMs: 400, endedAtMs: 500 });
  expect(windows.map(({ name, answered, seconds }) => [name, answered, seconds])).toEqual([
    ["before", 1, 0.1],
    ["storm", 2, 0.07],
    ["after", 1, 0.1],
    ["beside slow and silent ones", 0, 0.1],
  ]);
  expect(windows[1].latency?.maxMs).toBeCloseTo(4, 2);
  expect(windows[3].latency).toBeNull();
});

test("of several generators the last one to be on time begins the storm", () => {
  const storm = { stoppingAtMs: 100, readyAtMs: 200, backAtMs: 300 };
  const [early, late] = [answersOf([205, 205, 1], [260, 260, 1]), answersOf([205, 240, 36], [250, 250, 1])];
  const [, during] = commandWindows([early, late], {
    startAtMs: 0,
    storm,
    hostileAtMs: Number.POSITIVE_INFINITY,
    endedAtMs: 500,
  });
  expect(during.answered).toBe(2);
});

test("without a restart everything until strangers come is before", () => {
  const windows = commandWindows([answersOf([10, 10, 1], [450, 450, 1])], {
    startAtMs: 0,
    storm: null,
    hostileAtMs: 400,
    endedAtMs: 500,
  });
  expect(windows.map(({ name, answered }) => [name, answered])).toEqual([
    ["before", 1],
    ["beside slow and silent ones", 1],
  ]);
});
