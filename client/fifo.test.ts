import fc from "fast-check";
import { expect, test } from "vitest";
import { Fifo } from "./fifo.ts";

test("behaves as a plain array does, also after its front has moved far", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("push"), count: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("shift"), count: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("putBack"), count: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("retain", "drain"), count: fc.constant(1) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const fifo = new Fifo<number>();
      let model: number[] = [];
      let next = 0;
      for (const { kind, count } of steps) {
        for (let i = 0; i < count; i += 1) {
          next += 1;
          if (kind === "push") {
            fifo.push(next);
            model.push(next);
          } else if (kind === "putBack") {
            fifo.putBack(next);
            model.unshift(next);
          } else if (kind === "shift") {
            expect(fifo.peek()).toBe(model[0]);
            expect(fifo.shift()).toBe(model.shift());
          } else if (kind === "retain") {
            fifo.retain((item) => item % 3 !== 0);
            model = model.filter((item) => item % 3 !== 0);
          } else {
            expect(fifo.drain()).toEqual(model);
            model = [];
          }
        }
        expect(fifo.size).toBe(model.length);
      }
      expect(fifo.drain()).toEqual(model);
    }),
  );
});
