import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FrameChain } from "../../test/frame-chain.ts";
import { LmdbJournal } from "./journal.ts";
import { segmentProblem } from "./segment-check.ts";
import { giveUpSegment, listSegments, prepareSegment, segmentPath } from "./segment-file.ts";

const SEGMENT_BYTES = 1 << 20;
const PAGE_BYTES = 4_096;
const PAGE = { commit: 8, pad: 16, flags: 18, lower: 20, pointers: 24 } as const;
const META = { magic: 24, mainDepth: 102, mainRoot: 136, lastPage: 144, commit: 152 } as const;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-segment-check-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Writes frames of some numbers of records, and closes the journal. */
async function writeFrames(recordCounts: readonly number[], cutsLast = false): Promise<void> {
  const chain = new FrameChain();
  const journal = await LmdbJournal.open(directory, SEGMENT_BYTES, () => {});
  for (const recordCount of recordCounts) {
    const { firstSequence, bytes } = chain.next(recordCount);
    journal.append(firstSequence, bytes);
  }
  if (cutsLast) journal.removeLast(journal.range?.last ?? 0);
  await journal.close();
}

const small = Array.from({ length: 300 }, (_, index) => 1 + (index % 20));
const mixed = Array.from({ length: 60 }, (_, index) => 1 + ((index * 37) % 600));

describe("a sound segment has no problem", () => {
  test.each([
    ["empty", [], false],
    ["one frame", [3], false],
    ["small frames inside the tree's pages", small, false],
    ["small and large frames", mixed, false],
    ["several segments", Array.from({ length: 40 }, () => 1_000), false],
    ["the last frame cut off", mixed, true],
    ["the only frame cut off", [3], true],
  ])("%s", async (_name, recordCounts, cutsLast) => {
    await writeFrames(recordCounts, cutsLast);
    for (const ordinal of listSegments(directory)) {
      expect(segmentProblem(segmentPath(directory, ordinal))).toBeUndefined();
    }
  });

  test("in the room of a used one, and while it is written", async () => {
    await writeFrames(small);
    giveUpSegment(directory, 1, true);
    await prepareSegment(directory, 2, SEGMENT_BYTES);
    expect(segmentProblem(segmentPath(directory, 2))).toBeUndefined();
    const chain = new FrameChain();
    const journal = await LmdbJournal.open(directory, SEGMENT_BYTES, () => {});
    for (let index = 0; index < 80; index += 1) {
      const { firstSequence, bytes } = chain.next(1 + (index % 50));
      journal.append(firstSequence, bytes);
      expect(segmentProblem(segmentPath(directory, 2))).toBeUndefined();
    }
    await journal.close();
  });
});

/** Bits of a segment that LMDB goes by, and that no hash of a frame covers. */
function* structuralBits(bytes: Buffer): Generator<{ readonly at: number; readonly bit: number }> {
  const fields = (start: number, end: number) => ({ start, end });
  const ranges = [0, PAGE_BYTES].flatMap((page) => [
    fields(page, page + 8),
    fields(page + PAGE.flags, page + PAGE.lower),
    fields(page + META.magic, page + META.magic + 8),
    fields(page + META.commit, page + META.commit + 8),
  ]);
  const newest = bytes.readBigUInt64LE(META.commit) > bytes.readBigUInt64LE(PAGE_BYTES + META.commit) ? 0 : PAGE_BYTES;
  // Of the newest meta page also what it says of the tree with the frames.
  ranges.push(fields(newest + META.mainDepth, newest + META.lastPage));
  const root = Number(bytes.readBigUInt64LE(newest + META.mainRoot)) * PAGE_BYTES;
  const pointersEnd = root + PAGE.pointers + bytes.readUInt16LE(root + PAGE.lower);
  ranges.push(fields(root, root + PAGE.commit), fields(root + PAGE.flags, pointersEnd));
  for (const { start, end } of ranges) {
    for (let at = start; at < end; at += 1) for (let bit = 0; bit < 8; bit += 1) yield { at, bit };
  }
}

describe("a flipped bit", () => {
  test.each([
    ["small frames", small],
    ["small and large frames", mixed],
  ])("in the structure of a segment of %s is a problem, wherever it is", async (_name, recordCounts) => {
    await writeFrames(recordCounts);
    const path = segmentPath(directory, 1);
    const bytes = readFileSync(path);
    const missed: string[] = [];
    const copy = join(directory, "damaged");
    let flips = 0;
    for (const { at, bit } of structuralBits(bytes)) {
      bytes[at] ^= 1 << bit;
      writeFileSync(copy, bytes);
      if (segmentProblem(copy) === undefined) missed.push(`${at}.${bit}`);
      bytes[at] ^= 1 << bit;
      flips += 1;
    }
    expect(flips).toBeGreaterThan(500);
    expect(missed).toEqual([]);
  });

  test("in the number of a commit cannot take the newest frame away: the start is refused, and names the file", async () => {
    await writeFrames(mixed.slice(0, 7));
    const path = segmentPath(directory, 1);
    const bytes = readFileSync(path);
    const older = bytes.readBigUInt64LE(META.commit) > bytes.readBigUInt64LE(PAGE_BYTES + META.commit) ? PAGE_BYTES : 0;
    bytes[older + META.commit + 1] ^= 0x40;
    writeFileSync(path, bytes);
    await expect(LmdbJournal.open(directory, SEGMENT_BYTES, () => {})).rejects.toThrow(
      /segment-00000001\.mdb is damaged: its meta pages are of commits .* Nothing was changed/,
    );
  });
});
