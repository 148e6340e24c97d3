import fc from "fast-check";
import { expect, test } from "vitest";
import { HoldTable } from "./hold-table.ts";

const CAPACITY = 24;
const NOBODY = new Uint32Array(8);

interface ModelHold {
  readonly id: number;
  readonly slot: number;
  readonly expiresAtMs: number;
  remainingMinor: number;
}

function idOf(number: number): Uint32Array {
  return Uint32Array.from({ length: 8 }, (_, lane) => (lane < 4 ? number * 7 + lane + 1 : 0));
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("open" as const), slot: fc.nat(3), expires: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("close" as const), nth: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("take" as const), nth: fc.nat(30), amount: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("lapse" as const), clock: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("undo" as const), nth: fc.nat(30), amount: fc.nat(9) }) },
);

function open(table: HoldTable, number: number, slot: number, expiresAtMs: number): void {
  const hold = { slot, amountMinor: 100, placedAtMs: 1, expiresAtMs, sequence: number };
  table.open(idOf(number), 0, 4, hold);
}

test("a table of holds keeps what a plain list keeps, and its rows depend on nothing else", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const table = new HoldTable(CAPACITY);
      const model: ModelHold[] = [];
      let number = 0;
      const pick = (nth: number): ModelHold | undefined => model[nth % Math.max(1, model.length)];
      for (const action of steps) {
        switch (action.type) {
          case "open":
            expect(table.hasRoom()).toBe(model.length < CAPACITY);
            if (!table.hasRoom()) break;
            number += 1;
            open(table, number, action.slot, action.expires);
            model.push({ id: number, slot: action.slot, expiresAtMs: action.expires, remainingMinor: 100 });
            break;
          case "close": {
            const hold = pick(action.nth);
            if (hold === undefined) break;
            table.close(table.find(idOf(hold.id), 0));
            model.splice(model.indexOf(hold), 1);
            break;
          }
          case "take": {
            const hold = pick(action.nth);
            if (hold === undefined) break;
            table.addRemaining(table.find(idOf(hold.id), 0), -action.amount);
            hold.remainingMinor -= action.amount;
            break;
          }
          case "lapse": {
            const row = table.lapsed(action.clock);
            const lapsing = model.filter(({ expiresAtMs }) => expiresAtMs !== 0 && expiresAtMs <= action.clock);
            expect(row >= 0).toBe(lapsing.length > 0);
            if (row < 0) break;
            const first = Math.min(...model.filter((hold) => hold.expiresAtMs !== 0).map((hold) => hold.expiresAtMs));
            expect(table.expiresAtMs[row]).toBe(first);
            break;
          }
          case "undo": {
            // What a linked run does and takes back leaves every row where it was.
            const hold = pick(action.nth);
            if (hold === undefined) break;
            const before = rowsOf(table);
            const row = table.find(idOf(hold.id), 0);
            const image = table.image(row);
            table.addRemaining(row, -action.amount);
            if (action.amount % 2 === 0) table.close(row);
            table.restore(row, image);
            expect(rowsOf(table)).toEqual(before);
            break;
          }
        }
        agree(table, model);
      }
    }),
    { numRuns: 200 },
  );
});

function rowsOf(table: HoldTable): Float64Array[] {
  return Array.from({ length: table.count }, (_, row) => {
    const values = new Float64Array(14);
    table.copyRow(row, values, 0);
    return values;
  });
}

function agree(table: HoldTable, model: readonly ModelHold[]): void {
  expect(table.count).toBe(model.length);
  for (const hold of model) {
    const row = table.find(idOf(hold.id), 0);
    expect([table.slot[row], table.remainingMinor[row], table.expiresAtMs[row], table.hasCounterparty(row)]).toEqual([
      hold.slot,
      hold.remainingMinor,
      hold.expiresAtMs,
      false,
    ]);
  }
  for (let slot = 0; slot < 4; slot += 1) {
    const sequences = [...table.ofSlot(slot)].map((row) => table.sequence[row]).sort((a, b) => a - b);
    expect(sequences).toEqual(model.filter((hold) => hold.slot === slot).map(({ id }) => id));
  }
  const expiring = model.filter(({ expiresAtMs }) => expiresAtMs !== 0).map(({ expiresAtMs }) => expiresAtMs);
  expect(table.nextExpiryMs()).toBe(expiring.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...expiring));
}

test("a table that is loaded from its rows is the same table", () => {
  const table = new HoldTable(CAPACITY);
  for (let number = 1; number <= 9; number += 1) open(table, number, number % 3, number * 10);
  table.close(table.find(idOf(2), 0));
  table.addRemaining(table.find(idOf(5), 0), -40);
  const loaded = new HoldTable(CAPACITY);
  for (const row of rowsOf(table)) loaded.adopt(row, 0);
  expect(rowsOf(loaded)).toEqual(rowsOf(table));
  expect(loaded.find(idOf(5), 0)).toBe(table.find(idOf(5), 0));
  expect(loaded.find(NOBODY, 0)).toBe(-1);
  expect(loaded.nextExpiryMs()).toBe(10);
});
