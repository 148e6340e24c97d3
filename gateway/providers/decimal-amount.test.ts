import fc from "fast-check";
import { expect, test } from "vitest";
import { settings } from "../../test/property-settings.ts";
import { decimalText, minorOf } from "./decimal-amount.ts";

test("amounts have two decimals, and come back as they were, as text and as JSON numbers", () => {
  expect([0, 5, 10, 12_345].map(decimalText)).toEqual(["0.00", "0.05", "0.10", "123.45"]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 99_999_999_999_999 }), (minor) => {
      expect(minorOf(decimalText(minor))).toBe(minor);
      expect(minorOf(JSON.parse(decimalText(minor)))).toBe(minor);
    }),
    settings(200),
  );
});

test("what is no amount, or finer than a minor unit, is none", () => {
  expect(["12.5", 12.5, "12.500", 7].map(minorOf)).toEqual([1_250, 1_250, 1_250, 700]);
  expect(["", "-1", "1.005", "1e3", "12.", null, undefined, {}, Number.NaN].map(minorOf)).toEqual(
    Array(9).fill(undefined),
  );
});
