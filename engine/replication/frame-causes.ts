import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import type { Frame } from "../journal/frame.ts";
import { isWide, OBJECT, RECORD_KIND, recordBytes, recordKind } from "../journal/record.ts";
import type { Cause } from "../object/cause.ts";

/** The records of other shards that a frame of a shard follows from: for each of them the last one. */
export function causesOf({ lanes, floats, recordCount }: Frame, shard: number): readonly Cause[] {
  const sequences = new Map<number, number>();
  let at = FRAME_HEADER_BYTES >>> 2;
  for (let index = 0; index < recordCount; index += 1, at += recordBytes(lanes, at) >>> 2) {
    if (recordKind(lanes, at) !== RECORD_KIND.ObjectChanged || !isWide(lanes, at)) continue;
    const from = lanes[at + OBJECT.causeShard];
    const sequence = floats[(at + OBJECT.causeSequence) >>> 1];
    if (from !== shard && sequence > (sequences.get(from) ?? 0)) sequences.set(from, sequence);
  }
  return Array.from(sequences, ([from, sequence]) => ({ shard: from, sequence }));
}
