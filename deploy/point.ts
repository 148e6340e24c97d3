import type { Frame } from "../engine/journal/frame.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";
import type { FrameLimit } from "./merged-frames.ts";

/** A moment of a ledger: a time, or a position of each shard. */
export type Point = { readonly timeMs: number } | { readonly sequences: ReadonlyMap<number, number> };

const POSITIONS = /^\d+:\d+(?:,\d+:\d+)*$/;

/**
 * Reads a point as it is given on the command line: `2026-11-21T10:00:00Z`, milliseconds since the epoch, or positions
 * `0:512,1:498`; a shard that is not named is taken to its end.
 *
 * **Errors**: `invalid_point`.
 */
export function parsePoint(text: string, shards: number): Point {
  if (POSITIONS.test(text)) {
    const sequences = new Map(text.split(",").map((part) => part.split(":").map(Number) as [number, number]));
    const unknown = [...sequences.keys()].find((shard) => shard >= shards);
    if (unknown !== undefined) throw invalid(text, `there is no shard ${unknown}`);
    return { sequences };
  }
  const timeMs = /^\d{10,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(timeMs))
    throw invalid(text, "give a time such as 2026-11-21T10:00:00Z, or positions such as 0:512,1:498");
  return { timeMs };
}

/** Wants the frames that end at the point or before it. A frame is never divided. */
export function until(point: Point | undefined): FrameLimit {
  if (point === undefined) return () => true;
  if ("timeMs" in point) return (_shard, frame) => frame.clockMs <= point.timeMs;
  return (shard, frame) => lastSequence(frame) <= (point.sequences.get(shard) ?? Number.POSITIVE_INFINITY);
}

/** Whether a record lies at a point or after it. */
export function isFrom(point: Point | undefined, shard: number, sequence: number, clockMs: number): boolean {
  if (point === undefined) return true;
  if ("timeMs" in point) return clockMs >= point.timeMs;
  return sequence >= (point.sequences.get(shard) ?? 0);
}

function lastSequence(frame: Frame): number {
  return frame.firstSequence + frame.recordCount - 1;
}

function invalid(text: string, why: string): CommandError {
  return new CommandError(EXIT.usage, "invalid_point", `"${text}" is no point of this ledger: ${why}`);
}
