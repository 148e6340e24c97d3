import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRing, entryBytes, RingReader, RingWriter, ringDepth } from "./ring.ts";

const HEADER_BYTES = 64;

function write(writer: RingWriter, kind: number, content: Uint8Array): boolean {
  const offset = writer.reserve(HEADER_BYTES + content.byteLength, kind);
  if (offset < 0) return false;
  writer.lanes[(offset >>> 2) + 2] = content.byteLength;
  writer.bytes.set(content, offset + HEADER_BYTES);
  return true;
}

function read(reader: RingReader): { kind: number; content: Uint8Array } | undefined {
  const offset = reader.next();
  if (offset < 0) return undefined;
  const at = offset >>> 2;
  const start = offset + HEADER_BYTES;
  const entry = { kind: reader.lanes[at + 1], content: reader.bytes.slice(start, start + reader.lanes[at + 2]) };
  reader.release(offset);
  return entry;
}

describe("ring", () => {
  test("hands over every entry once, whole and in order, however writes and reads interleave", () => {
    const step = fc.oneof(
      fc.record({ write: fc.uint8Array({ maxLength: 900 }) }),
      fc.constant({ publish: true }),
      fc.constant({ read: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const memory = createRing(4_096);
        const writer = new RingWriter(memory);
        const reader = new RingReader(memory);
        const unpublished: Uint8Array[] = [];
        const visible: Uint8Array[] = [];
        for (const action of steps) {
          if ("write" in action) {
            if (write(writer, 7, action.write)) unpublished.push(action.write);
            else expect(writer.freeBytes()).toBeLessThan(2 * entryBytes(HEADER_BYTES + action.write.byteLength));
          } else if ("publish" in action) {
            writer.publish();
            visible.push(...unpublished.splice(0));
          } else {
            const entry = read(reader);
            expect(entry?.content).toEqual(visible.shift());
          }
          const { entries, bytes } = ringDepth(memory);
          expect(entries).toBe(visible.length);
          expect(bytes).toBeGreaterThanOrEqual(visible.length * HEADER_BYTES);
        }
        writer.publish();
        visible.push(...unpublished);
        for (const content of visible) expect(read(reader)).toEqual({ kind: 7, content });
        expect(read(reader)).toBeUndefined();
        expect(writer.freeBytes()).toBe(4_096);
        expect(ringDepth(memory)).toEqual({ bytes: 0, entries: 0 });
      }),
      { numRuns: 500 },
    );
  });

  test("shows nothing before it is published", () => {
    const memory = createRing(4_096);
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory);
    write(writer, 1, new Uint8Array(10));
    expect(writer.isPublished()).toBe(false);
    expect(reader.hasNext()).toBe(false);
    writer.publish();
    expect(writer.isPublished()).toBe(true);
    expect(read(reader)?.kind).toBe(1);
  });

  test("refuses an entry that has no room, and takes it after entries were released", () => {
    const memory = createRing(4_096);
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory);
    const large = new Uint8Array(3_000);
    expect(write(writer, 1, large)).toBe(true);
    expect(write(writer, 2, large)).toBe(false);
    writer.publish();
    expect(read(reader)?.kind).toBe(1);
    expect(write(writer, 2, large)).toBe(true);
  });

  test("keeps its count when positions pass 2^32", () => {
    const memory = createRing(4_096);
    new Int32Array(memory.control).fill(-4_096 + 64, 0, 2);
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory);
    for (let round = 0; round < 200; round += 1) {
      expect(write(writer, 1, new Uint8Array([round]))).toBe(true);
      writer.publish();
      expect(read(reader)?.content).toEqual(new Uint8Array([round]));
    }
    expect(writer.freeBytes()).toBe(4_096);
  });

  test.each([0, 100, 4_095, 5_000, 2 ** 31])("refuses a capacity of %i bytes", (capacityBytes) => {
    expect(() => createRing(capacityBytes)).toThrow("not a power of two");
  });
});
