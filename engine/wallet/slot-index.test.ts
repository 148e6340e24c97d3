import fc from "fast-check";
import { expect, test } from "vitest";
import { SlotIndex } from "./slot-index.ts";

/** Ids of slots: no two alike, most lanes the same. */
function column(slots: number): Uint32Array {
  const ids = new Uint32Array(slots * 4);
  for (let slot = 0; slot < slots; slot += 1) ids.set([slot, 7, 7, slot ^ 0x5555], slot * 4);
  return ids;
}

test("finds the slots that a plain set holds, whatever was added and removed", () => {
  const SLOTS = 6_000;
  const ids = column(SLOTS);
  fc.assert(
    fc.property(
      fc.array(fc.record({ first: fc.nat(SLOTS - 1), count: fc.nat(900), add: fc.boolean() }), { maxLength: 40 }),
      (steps) => {
        const index = new SlotIndex(ids);
        const model = new Set<number>();
        for (const { first, count, add } of steps) {
          for (let slot = first; slot < Math.min(SLOTS, first + count); slot += 1) {
            if (add === model.has(slot)) continue;
            if (add) index.add(slot);
            else index.remove(slot);
            if (add) model.add(slot);
            else model.delete(slot);
          }
        }
        for (let slot = 0; slot < SLOTS; slot += 1) {
          const found = index.find(ids, slot * 4);
          if (found !== (model.has(slot) ? slot : -1)) expect.unreachable(`slot ${slot} was found at ${found}`);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test("finds every slot while all partitions grow", () => {
  const SLOTS = 100_000;
  const ids = column(SLOTS);
  const index = new SlotIndex(ids);
  for (let slot = 0; slot < SLOTS; slot += 1) index.add(slot);
  for (let slot = 0; slot < SLOTS; slot += 1) {
    if (index.find(ids, slot * 4) !== slot) expect.unreachable(`slot ${slot} is lost`);
  }
  expect(index.find(new Uint32Array([1, 2, 3, 4]), 0)).toBe(-1);
});
