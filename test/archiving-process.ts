/**
 * A process that writes a journal of small segments as fast as it can, and archives all but the newest of it again and
 * again, until it is killed. It says each sequence that is durable.
 */

import { openFrame } from "../engine/journal/frame.ts";
import { LmdbJournal } from "../engine/journal/journal.ts";
import { JournalArchiver } from "../engine/journal/journal-archiver.ts";
import { createJournalControlMemory } from "../engine/journal/journal-control.ts";
import { prepareSegment } from "../engine/journal/segment-file.ts";
import { FrameChain } from "./frame-chain.ts";

const SEGMENT_BYTES = 1 << 20;
const RECORDS = 500;

const [directory, archiveDirectory] = process.argv.slice(2);
const control = createJournalControlMemory();
let preparing = Promise.resolve();
const prepare = (ordinal: number): void => {
  preparing = preparing.then(() => prepareSegment(directory, ordinal, SEGMENT_BYTES));
};
const journal = await LmdbJournal.open(directory, SEGMENT_BYTES, prepare, { control, archiveDirectory });
const ledgerId = "3f2b8c1e-5a4d-4e6f-8a9b-0c1d2e3f4a5b";
const archiver = new JournalArchiver({ directory, archiveDirectory, shard: 0, ledgerId, control, keepMs: 0 });
const last = openFrame(journal.frameAt(journal.range?.last ?? 0) ?? new Uint8Array(), 0);
const chain =
  typeof last === "string" ? new FrameChain() : new FrameChain(last.hash, last.firstSequence + last.recordCount);

let durable = 0;
let archiving = Promise.resolve();
for (let round = 0; ; round += 1) {
  const { firstSequence, bytes } = chain.next(RECORDS);
  journal.append(firstSequence, bytes);
  journal.letGo();
  durable = firstSequence + RECORDS - 1;
  process.stdout.write(`${durable}\n`);
  if (round % 60 === 59) {
    const through = durable - 40 * RECORDS;
    archiving = archiving.then(async () => {
      await archiver.archiveThrough(through);
    });
  }
  await new Promise((resolve) => setImmediate(resolve));
}
