import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FrameChain, verifyChain } from "../../test/frame-chain.ts";
import { LmdbJournal } from "./journal.ts";
import { JournalReader } from "./journal-reader.ts";
import { listSegments, openSegmentForReading, segmentPath } from "./segment-file.ts";
import { SegmentPages } from "./segment-pages.ts";
import { firstKeyIn, frameAtOrBefore, keysFrom, lastKeyIn } from "./segment-reads.ts";

const PROGRAM = fileURLToPath(new URL("../../test/journal-reading-process.ts", import.meta.url));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-segment-pages-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test.each([
  ["no frame", []],
  ["one frame", [3]],
  ["thousands of small frames", Array.from({ length: 3_000 }, (_, index) => 1 + (index % 3))],
  ["frames of all sizes", Array.from({ length: 90 }, (_, index) => 1 + ((index * 37) % 600))],
])("says of a segment with %s what LMDB says", async (_name, recordCounts) => {
  const chain = new FrameChain();
  const journal = await LmdbJournal.open(directory, 4 << 20, () => {});
  for (const recordCount of recordCounts) {
    const { firstSequence, bytes } = chain.next(recordCount);
    journal.append(firstSequence, bytes);
  }
  await journal.close();
  expect(listSegments(directory)).toEqual([1]);
  const pages = new SegmentPages(segmentPath(directory, 1));
  const segment = openSegmentForReading(segmentPath(directory, 1));
  expect(firstKeyIn(pages)).toBe(firstKeyIn(segment));
  expect(lastKeyIn(pages)).toBe(lastKeyIn(segment));
  const keys = keysFrom(segment, 1);
  expect(keys.length).toBe(recordCounts.length);
  const asked = [
    0,
    1,
    2,
    ...keys.filter((_, index) => index % 17 === 0).flatMap((key) => [key - 1, key, key + 1]),
    2 ** 40,
  ];
  for (const sequence of asked) {
    expect(keysFrom(pages, sequence)).toEqual(keysFrom(segment, sequence));
    const read = frameAtOrBefore(pages, sequence);
    expect(read && Buffer.from(read)).toEqual(
      frameAtOrBefore(segment, sequence) && Buffer.from(frameAtOrBefore(segment, sequence) as Uint8Array),
    );
  }
  await pages.close();
  await segment.close();
});

test("reading a journal from outside leaves the locks of LMDB alone", async () => {
  const chain = new FrameChain();
  const journal = await LmdbJournal.open(directory, 1 << 20, () => {});
  for (let index = 0; index < 40; index += 1) {
    const { firstSequence, bytes } = chain.next(1_000);
    journal.append(firstSequence, bytes);
  }
  await journal.close();
  const isLock = (name: string): boolean => name.endsWith("-lock");
  for (const name of readdirSync(directory).filter(isLock)) rmSync(join(directory, name));
  const reader = new JournalReader({
    directory,
    archiveDirectory: join(directory, "archive"),
    shard: 0,
    control: undefined,
  });
  expect(verifyChain(reader, chain.genesis)).toBe(40_000);
  reader.close();
  expect(readdirSync(directory).filter(isLock)).toEqual([]);
});

test("another process that opens and reads a segment, over and over, takes no frame away from the shard", async () => {
  const chain = new FrameChain();
  const journal = await LmdbJournal.open(directory, 64 << 20, () => {});
  const append = (): void => {
    const { firstSequence, bytes } = chain.next(2);
    journal.append(firstSequence, bytes);
  };
  append();
  const child = fork(PROGRAM, [directory], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  let read = 0;
  child.on("message", (frames: number) => {
    read = frames;
  });
  let isOver = false;
  const ended = once(child, "exit").then(([code]) => {
    isOver = true;
    return code as number | null;
  });
  let frames = 1;
  while (!isOver) {
    append();
    frames += 1;
    if (frames % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await ended).toBe(0);
  expect(read).toBeGreaterThan(100);
  expect([...journal.frames(1)].map(({ key }) => key)).toEqual(
    Array.from({ length: frames }, (_, index) => 1 + index * 2),
  );
  await journal.close();
}, 30_000);
