import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DELTA } from "../../protocol/result-record.ts";
import { DeltaHistory, HistoryBudget } from "./delta-history.ts";

const VERSION_LANE = DELTA.version >>> 2;

function keep(history: DeltaHistory, version: number): void {
  const lanes = new Uint32Array(16).fill(version);
  lanes[VERSION_LANE + 1] = 0;
  history.keep(lanes, 0);
}

function replayed(history: DeltaHistory, version: number): number[] {
  const versions: number[] = [];
  history.replay(version, (lanes, at) => {
    expect(lanes[at]).toBe(lanes[at + VERSION_LANE]);
    versions.push(lanes[at + VERSION_LANE]);
  });
  return versions;
}

describe("the steps kept of a wallet", () => {
  test("are the last ones, in order, without a gap", () => {
    const scenario = fc.record({
      deltasMax: fc.integer({ min: 1, max: 40 }),
      first: fc.integer({ min: 1, max: 1_000 }),
      steps: fc.array(fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 1, 2), { maxLength: 120 }),
    });
    fc.assert(
      fc.property(scenario, ({ deltasMax, first, steps }) => {
        const history = new DeltaHistory(deltasMax, new HistoryBudget(1 << 20));
        let version = first;
        let kept = [version];
        keep(history, version);
        for (const step of steps) {
          version += step;
          kept = step === 1 ? [...kept, version].slice(-deltasMax) : [version];
          keep(history, version);
          const oldest = kept[0] - 1;
          expect(history.covers(oldest, version)).toBe(true);
          expect(replayed(history, oldest)).toEqual(kept);
          expect(history.covers(oldest - 1, version)).toBe(false);
          expect(history.covers(version - 1, version + 1)).toBe(false);
        }
      }),
    );
  });

  test("take no more memory than there is for all wallets together, and give it back", () => {
    const budget = new HistoryBudget(8 * 64);
    const [rich, poor] = [new DeltaHistory(256, budget), new DeltaHistory(256, budget)];
    for (let version = 1; version <= 20; version += 1) keep(rich, version);
    keep(poor, 1);
    expect(replayed(rich, 12)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
    expect(rich.covers(11, 20)).toBe(false);
    expect(poor.covers(0, 1)).toBe(false);
    rich.free();
    keep(poor, 2);
    keep(poor, 3);
    expect(replayed(poor, 1)).toEqual([2, 3]);
  });
});
