import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BalanceUpdate } from "./results.ts";
import { UpdateBuffer } from "./update-buffer.ts";

function step(walletId: string, version: number, reset = false): BalanceUpdate {
  return {
    walletId,
    version,
    postedMinor: version,
    availableMinor: version,
    currency: "EGP",
    status: "active",
    position: `0:${version}`,
    timestampMs: 0,
    kind: "change",
    reset,
    conflated: false,
  };
}

describe("update buffer", () => {
  test("gives each wallet's steps in order, marks every gap it made, ends with the latest, and stays in its bounds", () => {
    // A number adds a step of that wallet; undefined lets the reader take one.
    const actions = fc.array(fc.option(fc.nat(5), { nil: undefined }), { maxLength: 200 });
    fc.assert(
      fc.property(actions, fc.integer({ min: 1, max: 8 }), (sequence, stepsMax) => {
        const buffer = new UpdateBuffer(stepsMax, 6);
        const added = new Map<string, number>();
        const taken = new Map<string, number>();
        let waiting = 0;
        const take = (): boolean => {
          const update = buffer.shift();
          if (update === undefined) return false;
          const last = taken.get(update.walletId) ?? 0;
          expect(update.version).toBeGreaterThan(last);
          expect(update.conflated).toBe(update.version !== last + 1);
          taken.set(update.walletId, update.version);
          return true;
        };
        for (const wallet of sequence) {
          if (wallet === undefined) take();
          else {
            const version = (added.get(`${wallet}`) ?? 0) + 1;
            added.set(`${wallet}`, version);
            expect(buffer.push(step(`${wallet}`, version))).toBe(true);
          }
        }
        while (take()) waiting += 1;
        expect(waiting).toBeLessThanOrEqual(Math.max(stepsMax, 6));
        expect(taken).toEqual(added);
      }),
    );
  });

  test("keeps the mark of a reset that it passes over", () => {
    const buffer = new UpdateBuffer(1, 1);
    buffer.push(step("a", 5, true));
    buffer.push(step("a", 6));
    expect(buffer.shift()).toMatchObject({ version: 6, reset: true, conflated: true });
  });

  test("says when one wallet more is waiting than there is room for", () => {
    const buffer = new UpdateBuffer(1, 2);
    expect(["a", "b", "a", "c"].map((walletId, index) => buffer.push(step(walletId, index)))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
