import { expect, test } from "vitest";
import { mergeSlots } from "./slots.ts";

const PLACES = [0, 1, 2, 3, 4];
const VALUES = [1, 5, null, null, 7];

test("neighbours become one, by their mean or by the highest of them", () => {
  const rows = (["mean", "max"] as const).map((merge) => ({ name: merge, values: VALUES, merge }));
  const { size, places, rows: merged } = mergeSlots(PLACES, rows, 3);
  expect({ size, places, values: merged.map(({ values }) => values) }).toEqual({
    size: 2,
    places: [0, 2, 4],
    values: [
      [3, null, 7],
      [5, null, 7],
    ],
  });
});

test("few of them stay as they are", () => {
  const rows = [{ name: "a", values: VALUES, merge: "mean" as const }];
  expect(mergeSlots(PLACES, rows, 5)).toEqual({ size: 1, places: PLACES, rows });
  expect(mergeSlots([], [], 5)).toEqual({ size: 1, places: [], rows: [] });
});
