/** A thread that reads a journal from its beginning on until it has seen a sequence, verifying every frame and the chain. */

import { parentPort, workerData } from "node:worker_threads";
import { openFrame } from "../engine/journal/frame.ts";
import { JournalReader, type JournalReaderOptions } from "../engine/journal/journal-reader.ts";

interface Task {
  readonly journal: JournalReaderOptions;
  readonly through: number;
}

const { journal, through } = workerData as Task;
const reader = new JournalReader(journal);
let last = 0;
let frames = 0;
let previous: Uint8Array | undefined;
while (last < through) {
  for (const { bytes } of reader.frames(last + 1)) {
    const frame = openFrame(bytes, 0);
    if (typeof frame === "string") throw new Error(frame);
    if (previous !== undefined && Buffer.compare(previous, frame.previousHash) !== 0)
      throw new Error("the chain is broken");
    previous = frame.hash.slice();
    last = frame.firstSequence + frame.recordCount - 1;
    frames += 1;
  }
}
reader.close();
parentPort?.postMessage({ frames, last });
