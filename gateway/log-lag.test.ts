import { beforeEach, expect, test } from "vitest";
import { LogLag } from "./log-lag.ts";

let sequence = 0;
let through = 0;
let lag: LogLag;

beforeEach(() => {
  sequence = 0;
  through = 0;
  lag = new LogLag({
    shardCount: 1,
    journal: () => ({ sequence, bytes: sequence * 64 }),
    throughSequence: () => through,
  });
});

function journal(records: number, atMs: number): void {
  sequence += records;
  lag.mark(atMs);
}

test("a log that keeps up is not behind", () => {
  journal(0, 0);
  journal(100, 1_000);
  through = 100;
  expect([lag.seconds(0, 9_000), lag.bytes(0)]).toEqual([0, 0]);
});

test("where nothing is replicated everything counts as told", () => {
  journal(100, 1_000);
  through = Number.POSITIVE_INFINITY;
  expect([lag.seconds(0, 9_000), lag.bytes(0)]).toEqual([0, 0]);
});

test("what is missing has the age of the oldest record that is not in the log", () => {
  journal(0, 0);
  journal(100, 1_000);
  through = 100;
  journal(50, 2_000);
  journal(50, 3_000);
  expect([lag.seconds(0, 9_000), lag.bytes(0)]).toEqual([7, 100 * 64]);
  through = 150;
  expect([lag.seconds(0, 9_000), lag.bytes(0)]).toEqual([6, 50 * 64]);
  through = 175;
  expect([lag.seconds(0, 9_000), lag.bytes(0)]).toEqual([6, 25 * 64]);
});

test("a long outage costs precision, and no memory", () => {
  journal(0, 0);
  for (let second = 1; second <= 10_000; second += 1) journal(10, second * 1_000);
  expect(lag.bytes(0)).toBe(100_000 * 64);
  expect(lag.seconds(0, 10_001_000)).toBeGreaterThan(9_900);
  through = 60_000;
  lag.mark(10_002_000);
  expect(lag.bytes(0)).toBe(40_000 * 64);
  expect(Math.abs(lag.seconds(0, 10_001_000) - 4_000)).toBeLessThan(50);
});
