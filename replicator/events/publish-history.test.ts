import { expect, test } from "vitest";
import { PublishHistory } from "./publish-history.ts";

const SHARDS = 2;

function history(): { readonly writer: PublishHistory; readonly reader: PublishHistory } {
  const memory = PublishHistory.memory(SHARDS);
  return { writer: new PublishHistory(SHARDS, memory), reader: new PublishHistory(SHARDS, memory) };
}

test("a record was told by the first transaction that reached it, whichever shard it is of", () => {
  const { writer, reader } = history();
  expect(reader.find(0, 1)).toBe("later");
  writer.add({ beganMs: 1, committedMs: 2 }, Float64Array.of(10, 0));
  writer.add({ beganMs: 3, committedMs: 4 }, Float64Array.of(10, 5));
  writer.add({ beganMs: 5, committedMs: 6 }, Float64Array.of(12, 5));
  expect(reader.find(0, 10)).toEqual({ beganMs: 1, committedMs: 2 });
  expect(reader.find(0, 11)).toEqual({ beganMs: 5, committedMs: 6 });
  expect(reader.find(1, 1)).toEqual({ beganMs: 3, committedMs: 4 });
  expect(reader.find(1, 6)).toBe("later");
});

test("what was told long ago is forgotten", () => {
  const { writer, reader } = history();
  for (let turn = 1; turn <= 5_000; turn += 1) {
    writer.add({ beganMs: turn, committedMs: turn + 0.5 }, Float64Array.of(10 * turn, 0));
  }
  expect(reader.find(0, 50_000)).toEqual({ beganMs: 5_000, committedMs: 5_000.5 });
  expect(reader.find(0, 45_001)).toEqual({ beganMs: 4_501, committedMs: 4_501.5 });
  expect(reader.find(0, 1)).toBeUndefined();
  expect(reader.find(0, 50_001)).toBe("later");
});
