/** Parts of the journal as it stands, for a node that begins with a snapshot. */

import type { JournalReader } from "../journal/journal-reader.ts";

/** At most so many bytes at once, besides the frame that goes beyond them. */
const PART_BYTES = 512 << 10;

/** First record of the oldest frame that was decided after a time, or of the one that holds `through` where that comes before. */
export function firstFrameSince(
  reader: Pick<JournalReader, "range" | "frameAt" | "frameAtTime">,
  sinceMs: number,
  through: number,
): number {
  const last = reader.frameAt(through);
  if (last === undefined) throw new Error(`the journal does not have record ${through}`);
  const lastFirst = last.firstSequence;
  const before = reader.frameAtTime(sinceMs);
  const first = before === undefined ? (reader.range?.first ?? lastFirst) : before.firstSequence + before.recordCount;
  return Math.min(first, lastFirst);
}

/** Frames from the one that begins with a record on, back to back, and the record that follows them. */
export function framesFrom(
  reader: Pick<JournalReader, "frameAt">,
  from: number,
  through: number,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly nextSequence: number } {
  const parts: Uint8Array[] = [];
  let nextSequence = from;
  for (let bytes = 0; bytes < PART_BYTES && nextSequence <= through; ) {
    const frame = reader.frameAt(nextSequence);
    if (frame === undefined || frame.firstSequence !== nextSequence) {
      throw new Error(`no frame begins with record ${nextSequence}`);
    }
    parts.push(frame.bytes.slice());
    bytes += frame.bytes.byteLength;
    nextSequence += frame.recordCount;
  }
  return { bytes: new Uint8Array(Buffer.concat(parts)), nextSequence };
}
