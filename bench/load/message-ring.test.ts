import fc from "fast-check";
import { expect, test } from "vitest";
import { MessageRing } from "./message-ring.ts";

test("a flush hands over exactly what was staged, in order, wherever the ring stands", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.nat(8), { maxLength: 60 }),
      (depth, wanted, turns) => {
        const ring = new MessageRing(4, depth, wanted);
        expect(ring.messages).toBeGreaterThanOrEqual(2 * depth);
        let number = 0;
        const sent: number[] = [];
        for (const turn of turns) {
          for (let i = 0; i < Math.min(turn, depth); i += 1) {
            ring.view.setUint32(ring.take(), number);
            number += 1;
          }
          ring.flush((piece) => {
            expect(piece.byteLength).toBeGreaterThan(0);
            const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
            for (let at = 0; at < piece.byteLength; at += 4) sent.push(view.getUint32(at));
          });
        }
        expect(sent).toEqual(Array.from({ length: number }, (_, i) => i));
      },
    ),
  );
});

test("a message keeps its bytes while the last `depth` messages may still be in the socket", () => {
  const depth = 3;
  const ring = new MessageRing(1, depth, 0);
  const taken = new Set<number>();
  for (let i = 0; i < 2 * depth; i += 1) taken.add(ring.take());
  expect(taken.size).toBe(2 * depth);
});
