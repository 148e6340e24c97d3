import fc from "fast-check";
import { Partitioners } from "kafkajs";
import { expect, test } from "vitest";
import { partitionOf } from "./partition.ts";

test("a key goes where every other client sends it", () => {
  const partitioner = Partitioners.DefaultPartitioner();
  fc.assert(
    fc.property(
      fc.string({ unit: "binary-ascii", minLength: 1 }),
      fc.integer({ min: 1, max: 50 }),
      (key, partitions) => {
        const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
          partitionErrorCode: 0,
          partitionId,
          leader: 1,
          replicas: [],
          isr: [],
        }));
        const message = { key, value: null };
        expect(partitionOf(key, partitions)).toBe(partitioner({ topic: "t", partitionMetadata, message }));
      },
    ),
  );
});
