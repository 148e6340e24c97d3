import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FrameChain, verifyChain } from "../../test/frame-chain.ts";
import { LmdbJournal } from "../journal/journal.ts";
import { createJournalControlMemory } from "../journal/journal-control.ts";
import { JournalReader } from "../journal/journal-reader.ts";
import { listSegments } from "../journal/segment-file.ts";
import { ArchiveKeeper, type ArchiveState } from "./archive-keeper.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mizan-archive-keeper-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("where archiving fails, nothing is given up, it is said and counted, and the next time makes up for it", async () => {
  const directory = join(root, "shard-0");
  const blocked = join(root, "archive");
  const archiveDirectory = join(blocked, "shard-0");
  const control = createJournalControlMemory();
  const journal = await LmdbJournal.open(directory, 1 << 20, () => {}, { control, archiveDirectory });
  const chain = new FrameChain();
  for (let index = 0; index < 40; index += 1) {
    const { firstSequence, bytes } = chain.next(1_000);
    journal.append(firstSequence, bytes);
  }
  writeFileSync(blocked, "a file where the directory should be");
  const logged: string[] = [];
  let state: ArchiveState | undefined;
  const keeper = new ArchiveKeeper({
    directory,
    archiveDirectory,
    shard: 0,
    ledgerId: "3f2b8c1e-5a4d-4e6f-8a9b-0c1d2e3f4a5b",
    control,
    keepMs: 0,
    log: (level, fact) => logged.push(`${level}: ${fact}`),
    onChange: (changed) => {
      state = changed;
    },
  });
  const warning = "warn: the journal cannot be archived, and stays where it is";
  expect(logged).toEqual([warning]);
  await keeper.archiveThrough(40_000);
  expect(logged).toEqual([warning, warning]);
  expect(state).toEqual({ files: 0, bytes: 0, lagSegments: 2, failures: 2, droppedThrough: 0 });
  expect(listSegments(directory)).toEqual([1, 2, 3]);

  rmSync(blocked);
  const timer = setInterval(() => journal.letGo(), 2);
  await keeper.archiveThrough(40_000);
  clearInterval(timer);
  expect(logged.at(-1)).toBe("info: journal archived");
  expect(state).toMatchObject({ files: 2, lagSegments: 0, failures: 2 });
  expect(listSegments(directory)).toEqual([3]);
  expect(journal.live).toEqual({ segments: 1, bytes: 1 << 20 });
  const reader = new JournalReader({ directory, archiveDirectory, shard: 0, control });
  expect(verifyChain(reader, chain.genesis)).toBe(40_000);
  reader.close();
  await journal.close();
});
