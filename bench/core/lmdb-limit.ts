import { randomFillSync } from "node:crypto";
import { mkdirSync } from "node:fs";
import { openSegment, prepareSegment, segmentPath } from "../../engine/journal/segment-file.ts";
import { COMMANDS_PER_MESSAGE_MAX, FRAME_HEADER_BYTES, RECORD_BYTES } from "../../protocol/limits.ts";
import type { CoreOutcome } from "./core-job.ts";
import { sample } from "./sample.ts";

const FRAME_BYTES = FRAME_HEADER_BYTES + COMMANDS_PER_MESSAGE_MAX * RECORD_BYTES;
const SEGMENT_BYTES = 512 << 20;
const WARMUP_COMMITS = 64;
/** As many frames as surely fit: each takes whole pages, and the tree over them a little. */
const COMMITS = Math.floor((0.95 * SEGMENT_BYTES) / (FRAME_BYTES + 4_096)) - WARMUP_COMMITS;
const ORDINAL = 1;

/**
 * LMDB alone: frames of a full batch, one `putSync` each, durable on return, opened as the journal opens it.
 *
 * A file that grows is what LMDB gives by itself; a prepared one has its room written beforehand, as journal segments have.
 */
export async function measureLmdb(directory: string, file: "growing" | "prepared"): Promise<CoreOutcome> {
  mkdirSync(directory, { recursive: true });
  if (file === "prepared") await prepareSegment(directory, ORDINAL, SEGMENT_BYTES);
  const segment = openSegment(segmentPath(directory, ORDINAL), SEGMENT_BYTES);
  const frame = new Uint8Array(FRAME_BYTES);
  randomFillSync(frame);
  const firstLane = new Uint32Array(frame.buffer, 0, 1);
  let sequence = 1;
  const options = { timeMs: 0, iterations: COMMITS, warmupMs: 0, warmupIterations: WARMUP_COMMITS };
  const { callsPerSecond, latency } = sample(`LMDB, ${file} file`, options, () => {
    firstLane[0] = sequence;
    segment.putSync(sequence, frame, { append: true, noOverwrite: true });
    sequence += COMMANDS_PER_MESSAGE_MAX;
  });
  await segment.close();
  return { rate: callsPerSecond * COMMANDS_PER_MESSAGE_MAX, latency, notes: [] };
}
