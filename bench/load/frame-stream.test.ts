import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameStream, OPCODE } from "./frame-stream.ts";

function serverFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const header =
    length < 126
      ? [0x80 | opcode, length]
      : length < 65_536
        ? [0x80 | opcode, 126, length >>> 8, length & 0xff]
        : [0x80 | opcode, 127, 0, 0, 0, 0, length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff];
  return Buffer.concat([Uint8Array.from(header), payload]);
}

/** A payload whose every byte tells its place, so that a shifted cut is seen. */
function payloadOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff);
}

const frames = fc.array(
  fc.record({
    opcode: fc.constantFrom(OPCODE.text, OPCODE.binary, OPCODE.ping),
    length: fc.oneof(fc.nat(130), fc.integer({ min: 120, max: 2_000 }), fc.integer({ min: 65_530, max: 70_000 })),
    seed: fc.nat(255),
  }),
  { maxLength: 12 },
);

describe("frame stream", () => {
  test("finds the same messages however the bytes are cut into reads", () => {
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.oneof(fc.nat(12), fc.nat(3_000), fc.nat(200_000))), (sent, cuts) => {
        const expected = sent.map(({ opcode, length, seed }) => ({ opcode, payload: payloadOf(length, seed) }));
        const stream = Buffer.concat(expected.map(({ opcode, payload }) => serverFrame(opcode, payload)));
        const received: { opcode: number; payload: Uint8Array }[] = [];
        const parser = new FrameStream((opcode, bytes, start, end) => {
          received.push({ opcode, payload: new Uint8Array(bytes.subarray(start, end)) });
        });
        // One buffer serves every read, as in the generator: what the parser keeps, it must have copied.
        const shared = Buffer.alloc(200_016);
        for (let at = 0; at < stream.length; ) {
          const taken = Math.min(1 + (cuts.next().value ?? 0), stream.length - at);
          shared.fill(0xee);
          shared.set(stream.subarray(at, at + taken), 8);
          parser.push(shared, 8, 8 + taken);
          at += taken;
        }
        expect(received.length).toBe(expected.length);
        for (const [i, { opcode, payload }] of expected.entries()) {
          expect(received[i].opcode).toBe(opcode);
          expect(Buffer.compare(received[i].payload, payload)).toBe(0);
        }
      }),
      { numRuns: 150 },
    );
  });

  test.each([125, 126, 65_535, 65_536])("a frame of %i bytes whose header is cut anywhere", (length) => {
    const payload = payloadOf(length, 7);
    const bytes = serverFrame(OPCODE.binary, payload);
    for (let cut = 1; cut < 12; cut += 1) {
      const received: Uint8Array[] = [];
      const parser = new FrameStream((_opcode, from, start, end) => received.push(from.slice(start, end)));
      parser.push(bytes, 0, cut);
      parser.push(bytes, cut, bytes.length);
      expect(received.map((found) => Buffer.compare(found, payload))).toEqual([0]);
    }
  });

  test.each([
    ["a masked frame", [0x82, 0x81, 0, 0, 0, 0, 1]],
    ["the first part of a fragmented message", [0x02, 0x01, 1]],
    ["a continuation", [0x80, 0x01, 1]],
    ["a frame above 2 GiB", [0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0]],
  ])("refuses %s", (_name, bytes) => {
    expect(() => new FrameStream(() => {}).push(Uint8Array.from(bytes), 0, bytes.length)).toThrow();
  });
});
