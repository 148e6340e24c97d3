import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { uuidBytes } from "../../protocol/ids.ts";
import { timedId, untimedId } from "../../test/ledger-command.ts";
import { IdWindow } from "./id-window.ts";

const BASE_MS = 1_700_000_000_000;
const WINDOW_MS = 24_000;
/** Ids without a time are forgotten together with those of the same 24th part of the window. */
const GENERATION_MS = WINDOW_MS / 24;

function lanes(id: string): Uint32Array {
  return new Uint32Array(uuidBytes(id).buffer);
}

function opened(idsMax = 1_000_000): IdWindow {
  const ids = new IdWindow(WINDOW_MS, idsMax);
  ids.advance(BASE_MS);
  return ids;
}

describe("ids with a time", () => {
  test("are found until their second leaves the window, and never again", () => {
    const ids = opened();
    const id = lanes(timedId(BASE_MS + 999, 1));
    ids.remember(id, 0, 7);
    ids.advance(BASE_MS + WINDOW_MS + 999);
    expect(ids.find(id, 0)).toBe(7);
    expect(ids.floorMs).toBe(BASE_MS);
    ids.advance(BASE_MS + WINDOW_MS + 1_000);
    expect(ids.find(id, 0)).toBe(0);
    expect(ids.floorMs).toBe(BASE_MS + 1_000);
    ids.remember(id, 0, 8);
    expect(ids.find(id, 0)).toBe(0);
    expect(ids.size).toBe(0);
  });

  test("move to a newer sequence only while they are remembered", () => {
    const ids = opened();
    const id = lanes(timedId(BASE_MS, 1));
    ids.move(id, 0, 1);
    expect(ids.find(id, 0)).toBe(0);
    ids.remember(id, 0, 1);
    ids.move(id, 0, 2);
    expect(ids.find(id, 0)).toBe(2);
    expect(ids.size).toBe(1);
    ids.advance(BASE_MS + 2 * WINDOW_MS);
    ids.move(id, 0, 3);
    expect(ids.find(id, 0)).toBe(0);
  });

  test("are forgotten oldest first where there are too many, and the floor says so", () => {
    const ids = opened(100);
    for (let second = 0; second < 15; second += 1) {
      ids.advance(BASE_MS + second * 1_000);
      expect(ids.isFull()).toBe(false);
      for (let number = 0; number < 10; number += 1) {
        ids.remember(lanes(timedId(BASE_MS + second * 1_000, number)), 0, second + 1);
      }
    }
    ids.advance(BASE_MS + 15_000);
    // A quarter of a small window is kept free for the ids of the next frame.
    expect(ids.size).toBe(70);
    expect(ids.floorMs).toBe(BASE_MS + 8_000);
    expect(ids.effectiveWindowMs).toBe(7_000);
    for (let second = 0; second < 15; second += 1) {
      expect(ids.find(lanes(timedId(BASE_MS + second * 1_000, 3)), 0)).toBe(second < 8 ? 0 : second + 1);
    }
  });

  test("fill the window where all of them are young, until the clock has moved on", () => {
    const ids = opened(100);
    for (let number = 0; number < 100; number += 1) ids.remember(lanes(timedId(BASE_MS, number)), 0, 1);
    expect(ids.isFull()).toBe(true);
    ids.advance(BASE_MS + 1_000);
    expect(ids.isFull()).toBe(true);
    ids.advance(BASE_MS + 2_000);
    expect(ids.isFull()).toBe(false);
    expect(ids.find(lanes(timedId(BASE_MS, 5)), 0)).toBe(0);
  });

  test("that lie ahead of the clock leave no gap that is walked over twice", () => {
    const ids = opened();
    ids.remember(lanes(timedId(BASE_MS + 300_000, 1)), 0, 5);
    ids.remember(lanes(timedId(BASE_MS, 2)), 0, 6);
    ids.advance(BASE_MS + WINDOW_MS + 5_000);
    expect(ids.find(lanes(timedId(BASE_MS + 300_000, 1)), 0)).toBe(5);
    expect(ids.floorMs).toBe(BASE_MS + 5_000);
  });
});

describe("ids without a time", () => {
  test("are found for the whole window, and forgotten a generation later at most", () => {
    const ids = opened();
    const first = lanes(untimedId(1));
    const second = lanes(untimedId(2));
    ids.remember(first, 0, 1);
    ids.advance(BASE_MS + GENERATION_MS);
    ids.remember(second, 0, 2);
    ids.advance(BASE_MS + GENERATION_MS + WINDOW_MS);
    expect([ids.find(first, 0), ids.find(second, 0)]).toEqual([1, 2]);
    ids.advance(BASE_MS + 2 * GENERATION_MS + WINDOW_MS);
    expect([ids.find(first, 0), ids.find(second, 0)]).toEqual([0, 0]);
    expect(ids.size).toBe(0);
  });

  test("do not hold back the floor, nor are they held to it", () => {
    const ids = opened();
    ids.remember(lanes(untimedId(1)), 0, 1);
    ids.advance(BASE_MS + WINDOW_MS / 2);
    expect(ids.floorMs).toBe(BASE_MS - WINDOW_MS / 2);
    expect(ids.find(lanes(untimedId(1)), 0)).toBe(1);
  });

  test("are forgotten by generations where there are too many", () => {
    const ids = opened(320);
    for (let number = 0; number < 400; number += 1) {
      if (ids.isFull()) ids.advance(BASE_MS);
      ids.remember(lanes(untimedId(number)), 0, number + 1);
    }
    expect(ids.size).toBeLessThanOrEqual(320);
    expect(ids.find(lanes(untimedId(0)), 0)).toBe(0);
    expect(ids.find(lanes(untimedId(399)), 0)).toBe(400);
  });
});

test("whatever comes and however time moves, it knows exactly what it must", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("timed" as const), agoMs: fc.integer({ min: -2_000, max: WINDOW_MS + 3_000 }) }),
    fc.record({ type: fc.constant("untimed" as const) }),
    // The clock of a machine may be set back.
    fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: -500, max: 6_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
      const ids = opened();
      let nowMs = BASE_MS;
      let newestMs = BASE_MS;
      let floorMs = ids.floorMs;
      const timed: { readonly id: Uint32Array; readonly timeMs: number; readonly sequence: number }[] = [];
      const untimed: { readonly id: Uint32Array; readonly addedMs: number; readonly sequence: number }[] = [];
      for (const [index, action] of steps.entries()) {
        if (action.type === "advance") {
          nowMs += action.ms;
          newestMs = Math.max(newestMs, nowMs);
          ids.advance(nowMs);
          expect(ids.floorMs).toBeGreaterThanOrEqual(floorMs);
          floorMs = ids.floorMs;
          expect(floorMs).toBe(Math.floor((newestMs - WINDOW_MS) / 1_000) * 1_000);
        } else if (action.type === "timed") {
          const timeMs = nowMs - action.agoMs;
          const id = lanes(timedId(timeMs, index));
          ids.remember(id, 0, index + 1);
          timed.push({ id, timeMs, sequence: index + 1 });
        } else {
          const id = lanes(untimedId(index));
          ids.remember(id, 0, index + 1);
          untimed.push({ id, addedMs: nowMs, sequence: index + 1 });
        }
        for (const { id, timeMs, sequence } of timed) expect(ids.find(id, 0)).toBe(timeMs < floorMs ? 0 : sequence);
        for (const { id, addedMs, sequence } of untimed) {
          if (newestMs - addedMs <= WINDOW_MS) expect(ids.find(id, 0)).toBe(sequence);
        }
      }
      const kept = timed.filter(({ timeMs }) => timeMs >= floorMs).length;
      expect(ids.size).toBe(kept + untimed.filter(({ id }) => ids.find(id, 0) !== 0).length);
    }),
    { numRuns: 200 },
  );
});
