import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FrameChain, verifyChain } from "../../test/frame-chain.ts";
import { LmdbJournal } from "./journal.ts";
import { createJournalControlMemory } from "./journal-control.ts";
import { JournalReader } from "./journal-reader.ts";
import { listSegments, segmentPath } from "./segment-file.ts";

const SEGMENT_BYTES = 1 << 20;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-reader-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function archive(): string {
  return join(directory, "archive");
}

function openJournal(control?: SharedArrayBuffer): Promise<LmdbJournal> {
  return LmdbJournal.open(directory, SEGMENT_BYTES, () => {}, control && { control, archiveDirectory: archive() });
}

function append(journal: LmdbJournal, chain: FrameChain, frames: number, recordsPerFrame: number): void {
  for (let index = 0; index < frames; index += 1) {
    const { firstSequence, bytes } = chain.next(recordsPerFrame);
    journal.append(firstSequence, bytes);
  }
}

describe("journal reader", () => {
  test("finds frames by sequence, in order and by time, beside the journal that writes them", async () => {
    const control = createJournalControlMemory();
    const chain = new FrameChain();
    const journal = await openJournal(control);
    const reader = new JournalReader({ directory, archiveDirectory: archive(), shard: 0, control });
    expect(reader.range).toBeUndefined();
    expect(reader.frameAt(1)).toBeUndefined();
    append(journal, chain, 60, 1_000);
    expect(reader.range).toEqual({ first: 1, last: 60_000 });
    for (const sequence of [1, 1_000, 1_001, 31_500, 60_000]) {
      expect(reader.frameAt(sequence)?.firstSequence).toBe(Math.floor((sequence - 1) / 1_000) * 1_000 + 1);
    }
    expect(reader.frameAt(0)).toBeUndefined();
    expect(reader.frameAt(60_001)).toBeUndefined();
    expect(verifyChain(reader, chain.genesis)).toBe(60_000);
    append(journal, chain, 30, 1_000);
    expect(reader.frameAt(90_000)?.firstSequence).toBe(89_001);
    expect(verifyChain(reader, chain.genesis)).toBe(90_000);
    reader.close();
    await journal.close();
  });

  test("finds the last frame at a time or before it", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    append(journal, chain, 40, 500);
    await journal.close();
    const reader = new JournalReader({ directory, archiveDirectory: archive(), shard: 0, control: undefined });
    // The clock of a frame of the chain is 1,000 more than its first sequence.
    expect(reader.frameAtTime(1_000)).toBeUndefined();
    expect(reader.frameAtTime(1_001)?.firstSequence).toBe(1);
    expect(reader.frameAtTime(1_500)?.firstSequence).toBe(1);
    expect(reader.frameAtTime(1_501)?.firstSequence).toBe(501);
    expect(reader.frameAtTime(1e9)?.firstSequence).toBe(19_501);
    reader.close();
  });

  test("passes over a segment that goes between the moment it is listed and the one it is opened", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    append(journal, chain, 40, 1_000);
    await journal.close();
    const [first, second] = listSegments(directory);
    expect(second).toBeDefined();
    // A name that is listed and cannot be opened, as the other process left it.
    rmSync(segmentPath(directory, first));
    symlinkSync(join(directory, "gone"), segmentPath(directory, first));
    const reader = new JournalReader({ directory, archiveDirectory: archive(), shard: 0, control: undefined });
    expect(reader.range).toEqual({ first: expect.any(Number), last: 40_000 });
    expect(reader.range?.first).toBeGreaterThan(1);
    reader.close();
  });

  test("lets the shard open its journal again after it was read, in the same process", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    append(journal, chain, 40, 1_000);
    await journal.close();
    const reader = new JournalReader({ directory, archiveDirectory: archive(), shard: 0, control: undefined });
    expect(verifyChain(reader, chain.genesis)).toBe(40_000);
    reader.close();
    const again = await openJournal();
    [...again.frames()];
    append(again, chain, 40, 1_000);
    await again.close();
  });

  test("two readers of one journal share a thread, without lanes too", async () => {
    const chain = new FrameChain();
    const journal = await openJournal();
    append(journal, chain, 40, 1_000);
    await journal.close();
    const options = { directory, archiveDirectory: archive(), shard: 0, control: undefined };
    const [first, second] = [new JournalReader(options), new JournalReader(options)];
    for (let sequence = 1; sequence <= 40_000; sequence += 1_777) {
      expect(first.frameAt(sequence)?.firstSequence).toBe(second.frameAt(sequence)?.firstSequence);
    }
    first.close();
    expect(verifyChain(second, chain.genesis)).toBe(40_000);
    second.close();
  });

  test("reads in other threads while the journal is written, and holds nothing up", async () => {
    const control = createJournalControlMemory();
    const chain = new FrameChain();
    const journal = await openJournal(control);
    const url = new URL("../../test/journal-reading-thread.ts", import.meta.url);
    const threads = Array.from(
      { length: 3 },
      () =>
        new Worker(url, {
          workerData: { journal: { directory, archiveDirectory: archive(), shard: 0, control }, through: 120_000 },
        }),
    );
    const ends = threads.map((thread) => new Promise((resolve) => thread.once("message", resolve)));
    for (let round = 0; round < 120; round += 1) {
      append(journal, chain, 1, 1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await Promise.all(ends)).toEqual(threads.map(() => ({ frames: 120, last: 120_000 })));
    await Promise.all(threads.map((thread) => thread.terminate()));
    await journal.close();
  }, 30_000);
});
