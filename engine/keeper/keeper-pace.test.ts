import { expect, test } from "vitest";
import { keeperPace } from "./keeper-pace.ts";

function workFor(ms: number): number {
  const startedMs = performance.now();
  while (performance.now() - startedMs < ms);
  return startedMs;
}

test("the keeper rests four times as long as it worked", async () => {
  const rest = keeperPace(() => false);
  await rest();
  const startedMs = workFor(5);
  await rest();
  // Timers may come a millisecond early.
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(5 * 5 - 1);
});

test("in haste it only lets others of its thread have their turn", async () => {
  const rest = keeperPace(() => true);
  workFor(5);
  const turns: string[] = [];
  setImmediate(() => {
    turns.push("this");
    setImmediate(() => turns.push("next"));
  });
  await rest();
  expect(turns).toEqual(["this"]);
});
