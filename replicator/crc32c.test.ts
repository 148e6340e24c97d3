import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "./crc32c.ts";

const kafkajsCrc32c = createRequire(import.meta.url)("kafkajs/src/protocol/recordBatch/crc32C/index.js") as (
  bytes: Buffer,
) => number;

/** Of RFC 3720, appendix B.4, and the check value of the algorithm. */
test.each([
  ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
  ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
  ["32 rising", Buffer.from(Array.from({ length: 32 }, (_, byte) => byte)), 0x46dd794e],
  ["32 falling", Buffer.from(Array.from({ length: 32 }, (_, byte) => 31 - byte)), 0x113fdb5c],
  ["nine digits", Buffer.from("123456789"), 0xe3069283],
  ["nothing", Buffer.alloc(0), 0],
])("%s", (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

test("any bytes have the checksum that kafkajs gives them, in one piece or in two", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (bytes, cut) => {
      const expected = kafkajsCrc32c(Buffer.from(bytes));
      expect(crc32c(bytes)).toBe(expected);
      const first = bytes.subarray(0, cut % (bytes.length + 1));
      expect(crc32c(bytes.subarray(first.length), crc32c(first))).toBe(expected);
    }),
  );
});
