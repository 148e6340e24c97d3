/** Records and batches that are encoded here are, to the byte, those that kafkajs makes of the same. */

import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { nextNumber, recordBatch } from "./record-batch.ts";
import { recordParts } from "./record-bytes.ts";

interface Encoded {
  readonly buffer: Buffer;
}

const require = createRequire(import.meta.url);
const encodeRecord = require("kafkajs/src/protocol/recordBatch/record/v0/index.js") as (record: object) => Encoded;
const { RecordBatch: encodeBatch } = require("kafkajs/src/protocol/recordBatch/v0/index.js") as {
  readonly RecordBatch: (batch: object) => Promise<Encoded>;
};

const text = fc.string({ unit: "binary-ascii", maxLength: 100 });
const record = fc.record(
  {
    timestampMs: fc.integer({ min: 0, max: 2 ** 41 }),
    key: text,
    value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    headers: fc.dictionary(text, text, { maxKeys: 5, noNullPrototype: true }),
  },
  { requiredKeys: ["timestampMs", "value", "headers"] },
);
const origin = fc.record({
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }).map(String),
  producerEpoch: fc.integer({ min: -1, max: 2 ** 15 - 1 }),
  firstNumber: fc.nat(),
  isTransactional: fc.boolean(),
});

test("a batch of any records", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 80 }), origin, async (records, from) => {
      const times = records.map(({ timestampMs }) => timestampMs);
      const firstTimestampMs = Math.min(...times);
      const lastTimestampMs = Math.max(...times);
      const parts = records.flatMap(({ timestampMs, ...rest }, offsetDelta) =>
        recordParts({ ...rest, offsetDelta, timestampDeltaMs: timestampMs - firstTimestampMs }),
      );
      const batch = recordBatch({ parts, count: records.length, firstTimestampMs, lastTimestampMs }, from);
      const expected = await encodeBatch({
        records: records.map(({ timestampMs, ...rest }, offsetDelta) =>
          encodeRecord({ ...rest, offsetDelta, timestampDelta: timestampMs - firstTimestampMs }),
        ),
        firstTimestamp: firstTimestampMs,
        maxTimestamp: lastTimestampMs,
        lastOffsetDelta: records.length - 1,
        producerId: from.producerId,
        producerEpoch: from.producerEpoch,
        firstSequence: from.firstNumber,
        transactional: from.isTransactional,
      });
      expect(Buffer.concat(batch).toString("hex")).toBe(expected.buffer.toString("hex"));
    }),
  );
});

test("numbers of records begin again after 2 ^ 31", () => {
  expect(nextNumber(2 ** 31 - 2, 1)).toBe(2 ** 31 - 1);
  expect(nextNumber(2 ** 31 - 1, 3)).toBe(2);
});
