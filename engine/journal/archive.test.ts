import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FrameChain, verifyChain } from "../../test/frame-chain.ts";
import { archivePath, listArchives } from "./archive-file.ts";
import { archiveSegment, verifyArchive } from "./archive-segment.ts";
import { openFrame } from "./frame.ts";
import { LmdbJournal } from "./journal.ts";
import { JournalArchiver } from "./journal-archiver.ts";
import { createJournalControlMemory } from "./journal-control.ts";
import { HistoryExpiredError } from "./journal-files.ts";
import { JournalReader } from "./journal-reader.ts";
import { listSegments, prepareSegment } from "./segment-file.ts";

const SEGMENT_BYTES = 1 << 20;
const LEDGER_ID = "3f2b8c1e-5a4d-4e6f-8a9b-0c1d2e3f4a5b";

let root: string;
let directory: string;
let archiveDirectory: string;
let control: SharedArrayBuffer;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mizan-archive-"));
  directory = join(root, "shard-0");
  archiveDirectory = join(root, "archive");
  control = createJournalControlMemory();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function openJournal(): Promise<LmdbJournal> {
  return LmdbJournal.open(directory, SEGMENT_BYTES, () => {}, { control, archiveDirectory });
}

function openReader(): JournalReader {
  return new JournalReader({ directory, archiveDirectory, shard: 0, control });
}

function openArchiver(keepMs = 0): JournalArchiver {
  return new JournalArchiver({ directory, archiveDirectory, shard: 0, ledgerId: LEDGER_ID, control, keepMs });
}

function append(journal: LmdbJournal, chain: FrameChain, frames: number, recordsPerFrame: number): void {
  for (let index = 0; index < frames; index += 1) {
    const { firstSequence, bytes } = chain.next(recordsPerFrame);
    journal.append(firstSequence, bytes);
    journal.letGo();
  }
}

/** Calls `letGo` for a journal and its readers, as their threads do, until something is done. */
async function whileLettingGo<T>(work: Promise<T>, ...holders: { letGo(): void }[]): Promise<T> {
  const timer = setInterval(() => {
    for (const holder of holders) holder.letGo();
  }, 5);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

describe("archive", () => {
  test("moves sealed segments, and gives back every frame afterwards", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    const reader = openReader();
    append(journal, chain, 60, 1_000);
    expect(verifyChain(reader, chain.genesis)).toBe(60_000);
    const before = listSegments(directory);
    expect(before.length).toBeGreaterThan(3);
    const report = await whileLettingGo(openArchiver().archiveThrough(40_000), journal);
    expect(report.archived.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    expect(report).toMatchObject({ recycled: 2, removed: 0, dropped: [] });
    expect(listSegments(directory)).toEqual(before.slice(2));
    expect(listArchives(archiveDirectory)).toEqual([1, 2]);
    expect(reader.range).toEqual({ first: 1, last: 60_000 });
    expect(verifyChain(reader, chain.genesis)).toBe(60_000);
    for (const sequence of [1, 999, 1_000, 1_001, 20_500, 59_999]) {
      expect(openFrame(journal.frameAt(sequence) ?? new Uint8Array(), 0)).toMatchObject({
        firstSequence: Math.floor((sequence - 1) / 1_000) * 1_000 + 1,
      });
    }
    expect(reader.frameAtTime(1_001)?.firstSequence).toBe(1);
    reader.close();
    await journal.close();
  });

  test("puts small frames into one block and large ones into one each", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    append(journal, chain, 2_000, 5);
    append(journal, chain, 20, 4_000);
    const first = 1;
    const facts = await archiveSegment({ directory, archiveDirectory, shard: 0, ledgerId: LEDGER_ID }, first);
    expect(facts.contentBytes).toBeGreaterThan(facts.storedBytes);
    const verified = await verifyArchive(archivePath(archiveDirectory, first));
    expect(verified).toMatchObject({ firstSequence: 1, lastSequence: facts.lastSequence, frames: facts.frames });
    expect(Buffer.compare(verified.firstPreviousHash, chain.genesis)).toBe(0);
    await journal.close();
  });

  test("a reader that does not let go keeps reading, and its file is not used again", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    append(journal, chain, 40, 1_000);
    const reader = openReader();
    expect(reader.frameAt(1)?.firstSequence).toBe(1);
    const archiver = openArchiver();
    const report = await whileLettingGo(archiver.archiveThrough(20_000, 200), journal);
    expect(report).toMatchObject({ recycled: 0, removed: 1 });
    expect(verifyChain(reader, chain.genesis)).toBe(40_000);
    reader.close();
    await journal.close();
  });

  test("uses the room of a segment that was given up for the next one", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    append(journal, chain, 40, 1_000);
    await whileLettingGo(openArchiver().archiveThrough(40_000), journal);
    const spares = readdirSync(directory).filter((name) => name.startsWith("spare-"));
    expect(spares.length).toBeGreaterThan(0);
    const { ino } = statSync(join(directory, spares[0]));
    const next = (listSegments(directory).at(-1) ?? 0) + 1;
    await prepareSegment(directory, next, SEGMENT_BYTES);
    expect(statSync(join(directory, `segment-${String(next).padStart(8, "0")}.mdb`)).ino).toBe(ino);
    append(journal, chain, 40, 1_000);
    const reader = openReader();
    expect(verifyChain(reader, chain.genesis)).toBe(80_000);
    reader.close();
    await journal.close();
  });

  test("other threads read everything while segments are archived and their files used again", async () => {
    const records = 1_000;
    const frames = 300;
    let preparing = Promise.resolve();
    const prepare = (ordinal: number): void => {
      preparing = preparing.then(() => prepareSegment(directory, ordinal, SEGMENT_BYTES));
    };
    const chain = new FrameChain();
    const journal = await LmdbJournal.open(directory, SEGMENT_BYTES, prepare, { control, archiveDirectory });
    const archiver = openArchiver();
    const url = new URL("../../test/journal-reading-thread.ts", import.meta.url);
    const workerData = { journal: { directory, archiveDirectory, shard: 0, control }, through: frames * records };
    const threads = Array.from({ length: 2 }, () => new Worker(url, { workerData }));
    const ends = threads.map(
      (thread) =>
        new Promise((resolve, reject) => {
          thread.once("message", resolve);
          thread.once("error", reject);
        }),
    );
    let recycled = 0;
    for (let index = 1; index <= frames; index += 1) {
      append(journal, chain, 1, records);
      await preparing;
      if (index % 40 !== 0) continue;
      const report = await whileLettingGo(archiver.archiveThrough((index - 20) * records), journal);
      recycled += report.recycled;
    }
    expect(await Promise.all(ends)).toEqual(threads.map(() => ({ frames, last: frames * records })));
    expect(recycled).toBeGreaterThan(5);
    await Promise.all(threads.map((thread) => thread.terminate()));
    await journal.close();
  }, 30_000);

  test("a spare file of another length is not used", async () => {
    const journal = await openJournal();
    writeFileSync(join(directory, "spare-7.mdb"), new Uint8Array(SEGMENT_BYTES / 2));
    await prepareSegment(directory, 2, SEGMENT_BYTES);
    expect(existsSync(join(directory, "spare-7.mdb"))).toBe(false);
    expect(statSync(join(directory, "segment-00000002.mdb")).size).toBeGreaterThanOrEqual(SEGMENT_BYTES);
    await journal.close();
  });

  test("says that history has expired where the file was dropped", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    append(journal, chain, 60, 1_000);
    await whileLettingGo(openArchiver().archiveThrough(40_000), journal);
    const reader = openReader();
    expect(reader.frameAt(1)?.firstSequence).toBe(1);
    // The clock of these frames lies in 1970.
    const { dropped } = await openArchiver(60_000).archiveThrough(1);
    expect(dropped.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    reader.close();
    const later = openReader();
    expect(() => later.frameAt(1)).toThrow(HistoryExpiredError);
    expect(later.range?.first).toBe(dropped[1].lastSequence + 1);
    expect(later.frameAt(dropped[1].lastSequence + 1)).toBeDefined();
    later.close();
    await journal.close();
  });

  test.each([
    ["its content", 200, "its content does not match its hash"],
    ["its header", 40, "its header does not match its checksum"],
    ["its directory", -100, "its directory does not match its checksum"],
    ["its hash", -1, "its content does not match its hash"],
  ])("finds damage in %s", async (_, at, reason) => {
    const journal = await openJournal();
    append(journal, new FrameChain(), 60, 1_000);
    await archiveSegment({ directory, archiveDirectory, shard: 0, ledgerId: LEDGER_ID }, 1);
    const path = archivePath(archiveDirectory, 1);
    const bytes = readFileSync(path);
    const offset = at < 0 ? bytes.length + at : at;
    const file = openSync(path, "r+");
    writeSync(file, new Uint8Array([bytes[offset] ^ 1]), 0, 1, offset);
    closeSync(file);
    await expect(verifyArchive(path)).rejects.toThrow(reason);
    await journal.close();
  });
});
