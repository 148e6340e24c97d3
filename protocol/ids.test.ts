import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatUuid,
  isSystemAccountId,
  isUuid,
  SYSTEM_ACCOUNT_KINDS,
  shardOf,
  shardOfUuid,
  UuidV7,
  uuidBytes,
  uuidTimeMs,
  writeSystemAccountId,
  writeUuid,
} from "./ids.ts";
import { readInt64, readUint64, writeInt64 } from "./int64.ts";

const lanesOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer);

describe("UUID text", () => {
  test("is read and written without a change", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const text = formatUuid(bytes);
        expect(isUuid(text)).toBe(true);
        expect(uuidBytes(text)).toEqual(bytes);
        expect(uuidBytes(text.toUpperCase())).toEqual(bytes);
      }),
    );
  });

  test("is refused where isUuid refuses it", () => {
    const character = fc.oneof(
      fc.constantFrom("0", "9", "a", "F", "-", "g", " ", "İ", "〱"),
      fc.string({ minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.uuid(), fc.nat(35), character, fc.boolean(), (uuid, at, replacement, cut) => {
        const text = cut ? uuid.slice(0, at) : uuid.slice(0, at) + replacement + uuid.slice(at + 1);
        const write = (): void => writeUuid(text, new Uint8Array(16));
        if (isUuid(text)) expect(write).not.toThrow();
        else expect(write).toThrow("not a UUID");
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("UuidV7", () => {
  test("makes ids in order, each once, with the time inside", () => {
    const ids = new UuidV7();
    const texts = Array.from({ length: 20_000 }, (_, index) => ids.next(1_763_690_000_000 + Math.floor(index / 9_000)));
    expect(new Set(texts).size).toBe(texts.length);
    expect([...texts].sort()).toEqual(texts);
    expect(uuidTimeMs(lanesOf(uuidBytes(texts[0])), 0)).toBe(1_763_690_000_000);
    expect(texts.every((text) => /^.{14}7.{4}[89ab]/.test(text))).toBe(true);
  });

  test("an id of another version has no time", () => {
    expect(uuidTimeMs(lanesOf(uuidBytes("8c6d6d3c-4f2a-4b7e-9d39-1f0000000001")), 0)).toBe(-1);
  });
});

describe("shards", () => {
  test("an id stays on its shard for ever", () => {
    const id = (number: number): string => `019352a4-c1e0-7b3a-8d5e-2f60718${number.toString().padStart(5, "0")}`;
    expect(Array.from({ length: 12 }, (_, number) => shardOfUuid(id(number), 4))).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
  });

  test("ids spread evenly", () => {
    const ids = new UuidV7();
    const counts = new Array<number>(3).fill(0);
    for (let i = 0; i < 30_000; i += 1) counts[shardOfUuid(ids.next(), 3)] += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("an account of the ledger lies on the shard in its id", () => {
    for (const [index, kind] of SYSTEM_ACCOUNT_KINDS.entries()) {
      const bytes = new Uint8Array(16);
      writeSystemAccountId(bytes, 0, 5, 818, kind);
      expect(formatUuid(bytes)).toBe(`6d697a61-6e00-8000-8005-00000332000${index}`);
      expect(isSystemAccountId(lanesOf(bytes), 0)).toBe(true);
      expect(shardOf(lanesOf(bytes), 0, 8)).toBe(5);
    }
  });
});

test("64-bit integers keep every exact number", () => {
  const lanes = new Uint32Array(2);
  const view = new DataView(lanes.buffer);
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      writeInt64(lanes, 0, value);
      expect(readInt64(lanes, 0)).toBe(value);
      expect(view.getBigInt64(0, true)).toBe(BigInt(value));
      if (value >= 0) expect(readUint64(lanes, 0)).toBe(value);
    }),
    { numRuns: 20_000 },
  );
});
