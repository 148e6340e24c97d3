import type { openSegmentForReading } from "../engine/journal/segment-file.ts";

/** The first key in a segment from a sequence on; no read transaction outlives the question. */
export function firstKeyFrom(segment: ReturnType<typeof openSegmentForReading>, sequence: number): number | undefined {
  segment.resetReadTxn();
  for (const key of segment.getKeys({ start: sequence, limit: 1 })) return key;
  return undefined;
}
