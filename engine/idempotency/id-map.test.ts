import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IdMap } from "./id-map.ts";
import { IdSecond } from "./id-second.ts";

const SECOND_MS = 1_700_000_000_000;

/** A UUIDv7 of a number: a thousand numbers share a millisecond, and differ in one lane only. */
function id(number: number): Uint32Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const timeMs = SECOND_MS + (Math.floor(number / 1_000) % 1_000);
  view.setUint32(0, Math.floor(timeMs / 65_536));
  view.setUint16(4, timeMs % 65_536);
  bytes[6] = 0x70;
  bytes[8] = 0x80;
  view.setUint32(12, number);
  return new Uint32Array(bytes.buffer);
}

function busySecond(): IdSecond {
  const second = new IdSecond(undefined);
  for (let number = 0; number < 3_000; number += 1) second.add(id(number), 0, 1);
  return second;
}

const sequence = fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 2 ** 32 - 2, max: 2 ** 52 }));
const action = fc.record({ type: fc.constantFrom("add", "move", "get"), number: fc.nat(400), sequence });

describe.each<[string, () => IdMap | IdSecond]>([
  ["IdMap", () => new IdMap(0)],
  ["IdMap with room ahead", () => new IdMap(1_000)],
  ["IdSecond", () => new IdSecond(undefined)],
  ["IdSecond after a busy one", () => new IdSecond(busySecond())],
])("%s", (_name, create) => {
  test("keeps what a plain map keeps", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const ids = create();
        const model = new Map<number, number>();
        for (const { type, number, sequence } of actions) {
          const isKept = model.has(number);
          if (type === "add" && !isKept) ids.add(id(number), 0, sequence);
          if (type === "move") ids.move(id(number), 0, sequence, false);
          if (type === "add" ? !isKept : type === "move" && isKept) model.set(number, sequence);
          expect(ids.get(id(number), 0)).toBe(model.get(number) ?? 0);
          expect(ids.size).toBe(model.size);
        }
        for (let number = 0; number <= 400; number += 1) expect(ids.get(id(number), 0)).toBe(model.get(number) ?? 0);
      }),
      { numRuns: 50 },
    );
  });

  test("keeps every id while it doubles many times, and moves each", () => {
    const ids = create();
    const COUNT = 20_000;
    // A thousand to a millisecond, then out of the order of time.
    const number = (index: number): number => (index * 7_919) % 1_000_003;
    for (let index = 0; index < COUNT; index += 1) ids.add(id(number(index)), 0, index + 1);
    for (let index = 0; index < COUNT; index += 2) ids.move(id(number(index)), 0, 2 ** 40 + index, false);
    for (let index = 0; index < COUNT; index += 1) {
      expect(ids.get(id(number(index)), 0)).toBe(index % 2 === 0 ? 2 ** 40 + index : index + 1);
    }
    expect(ids.size).toBe(COUNT);
    expect(ids.get(id(1_000_004), 0)).toBe(0);
  });

  test("reads an id at any lane", () => {
    const ids = create();
    const lanes = new Uint32Array(16);
    lanes.set(id(1), 8);
    ids.add(lanes, 8, 77);
    expect(ids.get(id(1), 0)).toBe(77);
    expect(ids.get(lanes, 8)).toBe(77);
    expect(ids.get(lanes, 0)).toBe(0);
  });
});

test("IdMap says whether it moved an id", () => {
  const ids = new IdMap(0);
  expect(ids.move(id(1), 0, 5, false)).toBe(false);
  ids.add(id(1), 0, 5);
  expect(ids.move(id(1), 0, 6, false)).toBe(true);
  expect(ids.get(id(1), 0)).toBe(6);
});
