import { expect, test } from "vitest";
import { Distribution, distributionLength } from "./distribution.ts";

const BOUNDS = [0.001, 0.01, 0.1];

test("counts each value within the first bound that is not below it", () => {
  const times = new Distribution(BOUNDS);
  for (const seconds of [0, 0.001, 0.0011, 0.01, 0.05, 0.1, 0.2, 7]) times.add(seconds);
  const { counts, sum } = times.view();
  expect(counts).toEqual([2, 2, 2, 2]);
  expect(sum).toBeCloseTo(7.3621, 10);
});

test("a value below zero, as two clocks may make it, counts as zero", () => {
  const times = new Distribution(BOUNDS);
  times.add(-0.000_001);
  expect(times.view()).toEqual({ bounds: BOUNDS, counts: [1, 0, 0, 0], sum: 0 });
});

test("what one side writes into shared memory the other side reads", () => {
  const memory = new SharedArrayBuffer(distributionLength(BOUNDS) * 8);
  const writer = new Distribution(BOUNDS, new Float64Array(memory));
  const reader = new Distribution(BOUNDS, new Float64Array(memory));
  writer.add(0.05);
  expect(reader.view()).toEqual({ bounds: BOUNDS, counts: [0, 0, 1, 0], sum: 0.05 });
});
