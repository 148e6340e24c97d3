/** A process that reads a journal as `mizan backup` does, each time anew, beside the shard that writes it. */

import { join } from "node:path";
import { JournalReader } from "../engine/journal/journal-reader.ts";

const READING_MS = 4_000;
const FRAMES_READ_EVERY = 16;

const [directory] = process.argv.slice(2);
const deadlineMs = Date.now() + READING_MS;
const archiveDirectory = join(directory, "archive");
let frames = 0;
for (let round = 0; Date.now() < deadlineMs; round += 1) {
  const reader = new JournalReader({ directory, archiveDirectory, shard: 0, control: undefined });
  const last = reader.range?.last ?? 0;
  let next = round % FRAMES_READ_EVERY === 0 ? Math.max(1, last - 39) : last + 1;
  for (const { firstSequence, recordCount } of reader.frames(next)) {
    if (firstSequence !== next) throw new Error(`read the frame at ${firstSequence} where ${next} comes next`);
    next = firstSequence + recordCount;
    frames += 1;
    if (next > last) break;
  }
  reader.close();
}
process.send?.(frames);
