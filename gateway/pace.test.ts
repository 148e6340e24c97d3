import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Pace } from "./pace.ts";

test("so many a turn, all in order, and the first ones at once", async () => {
  const pace = new Pace(3, 1_000);
  const done: number[] = [];
  for (let task = 0; task < 100; task += 1) expect(pace.run(() => done.push(task))).toBe(true);
  expect(done).toEqual([0, 1, 2]);
  expect(pace.waiting).toBe(97);
  let before = done.length;
  while (done.length < 100) {
    await turn();
    // This test's own turn may fall before or behind the pace's.
    expect(done.length - before).toBeLessThanOrEqual(6);
    before = done.length;
  }
  expect(done).toEqual(Array.from({ length: 100 }, (_, task) => task));
  expect(pace.waiting).toBe(0);
});

test("a task given while others wait goes behind them, also one that a task gives", async () => {
  const pace = new Pace(1, 10);
  const done: string[] = [];
  pace.run(() => done.push("first"));
  pace.run(() => {
    done.push("second");
    pace.run(() => done.push("fourth"));
  });
  pace.run(() => done.push("third"));
  while (done.length < 4) await turn();
  expect(done).toEqual(["first", "second", "third", "fourth"]);
});

test("beyond its limit nothing is taken", async () => {
  const pace = new Pace(1, 2);
  const done: number[] = [];
  expect([0, 1, 2, 3].map((task) => pace.run(() => done.push(task)))).toEqual([true, true, true, false]);
  while (pace.waiting > 0) await turn();
  expect(done).toEqual([0, 1, 2]);
  expect(pace.run(() => done.push(4))).toBe(true);
});
