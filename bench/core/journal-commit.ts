import { randomFillSync } from "node:crypto";
import { Worker } from "node:worker_threads";
import { FrameBuilder, genesisHash } from "../../engine/journal/frame.ts";
import { LmdbJournal } from "../../engine/journal/journal.ts";
import { SETTINGS } from "../../gateway/settings.ts";
import { COMMANDS_PER_MESSAGE_MAX, RECORD_BYTES } from "../../protocol/limits.ts";
import type { CoreOutcome } from "./core-job.ts";
import { sample } from "./sample.ts";

const SEGMENT_BYTES = SETTINGS.journalSegmentBytes.default;

/**
 * The journal as a shard uses it: a full frame is hashed, chained and committed, and segments change while the next ones
 * are prepared by another thread.
 */
export async function measureCommit(directory: string, measureMs: number): Promise<CoreOutcome> {
  const { port1, port2 } = new MessageChannel();
  const preparer = new Worker(new URL("../../engine/journal/segment-preparer.ts", import.meta.url), {
    workerData: { ports: [port2] },
    transferList: [port2],
  });
  const journal = await LmdbJournal.open(directory, SEGMENT_BYTES, (ordinal) => {
    port1.postMessage({ directory, ordinal, segmentBytes: SEGMENT_BYTES });
  });
  const frame = new FrameBuilder(0);
  randomFillSync(frame.bytes);
  let previousHash = genesisHash("bench", 0);
  let sequence = 1;
  const options = { timeMs: measureMs, iterations: 1, warmupMs: measureMs / 4, warmupIterations: 1 };
  const { callsPerSecond, latency } = sample("commit", options, () => {
    frame.begin(sequence, Date.now());
    for (let i = 0; i < COMMANDS_PER_MESSAGE_MAX; i += 1) frame.add(RECORD_BYTES);
    const sealed = frame.seal(previousHash);
    journal.append(sequence, sealed);
    previousHash = sealed.slice(0, 32);
    sequence += COMMANDS_PER_MESSAGE_MAX;
  });
  await journal.close();
  await preparer.terminate();
  return { rate: callsPerSecond * COMMANDS_PER_MESSAGE_MAX, latency, notes: ["hash and segment changes included"] };
}
