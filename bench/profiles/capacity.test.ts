import fc from "fast-check";
import { expect, test } from "vitest";
import { type Probe, searchCapacity } from "./capacity.ts";

const BOUNDS = { fromRate: 1_000, rateMax: 5_000_000, precision: 0.05, probesMax: 60 };

/** A server that holds every rate up to a limit. */
function limitedTo(limit: number): (ratePerSecond: number) => Promise<Probe> {
  return async (ratePerSecond) => ({ ratePerSecond, holds: ratePerSecond <= limit, reason: "" });
}

test("finds the limit, as close as wanted and never above it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 10, max: 4_000_000, noNaN: true }), async (limit) => {
      const { ratePerSecond, isBounded } = await searchCapacity(limitedTo(limit), BOUNDS);
      expect(isBounded).toBe(true);
      expect(ratePerSecond).toBeLessThanOrEqual(limit);
      expect(ratePerSecond).toBeGreaterThanOrEqual(limit * 0.94);
    }),
  );
});

test("ends at the highest rate that may be tried", async () => {
  const capacity = await searchCapacity(limitedTo(Number.POSITIVE_INFINITY), { ...BOUNDS, rateMax: 30_000 });
  expect(capacity).toMatchObject({ ratePerSecond: 30_000, isBounded: false });
});

test("a server that holds nothing has none, after a bounded number of probes", async () => {
  const { ratePerSecond, probes } = await searchCapacity(limitedTo(0), BOUNDS);
  expect(ratePerSecond).toBe(0);
  expect(probes.length).toBeLessThanOrEqual(BOUNDS.probesMax);
});

test("one bad moment does not count against a rate", async () => {
  let hiccups = 1;
  const probe = async (ratePerSecond: number): Promise<Probe> => {
    const isHiccup = ratePerSecond === 4_000 && hiccups-- > 0;
    return { ratePerSecond, holds: ratePerSecond <= 50_000 && !isHiccup, reason: "" };
  };
  const { ratePerSecond } = await searchCapacity(probe, BOUNDS);
  expect(ratePerSecond).toBeGreaterThan(40_000);
});
