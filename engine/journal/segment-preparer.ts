/**
 * The thread that writes the room of the next segments ahead of time, one after the other, so that no shard waits for it.
 */

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { prepareSegment } from "./segment-file.ts";

export interface SegmentRequest {
  readonly directory: string;
  readonly ordinal: number;
  readonly segmentBytes: number;
}

const { ports } = workerData as { readonly ports: readonly MessagePort[] };
let queue = Promise.resolve();

for (const port of ports) {
  port.on("message", ({ directory, ordinal, segmentBytes }: SegmentRequest) => {
    queue = queue
      .then(() => prepareSegment(directory, ordinal, segmentBytes))
      // The shard then makes the segment itself when it needs it; if the disk is full, that is where it shows.
      .catch((error: unknown) => parentPort?.postMessage({ directory, ordinal, message: String(error) }));
  });
}
