import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FrameChain, verifyChain } from "../../test/frame-chain.ts";
import { archivePath, listArchives } from "./archive-file.ts";
import { archiveSegment } from "./archive-segment.ts";
import { LmdbJournal } from "./journal.ts";
import { JournalArchiver } from "./journal-archiver.ts";
import { createJournalControlMemory } from "./journal-control.ts";
import { JournalReader } from "./journal-reader.ts";
import { giveUpSegment, listSegments, prepareSegment, segmentPath } from "./segment-file.ts";

const SEGMENT_BYTES = 1 << 20;
const LEDGER_ID = "3f2b8c1e-5a4d-4e6f-8a9b-0c1d2e3f4a5b";

let root: string;
let directory: string;
let archiveDirectory: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mizan-archive-crash-"));
  directory = join(root, "shard-0");
  archiveDirectory = join(root, "archive");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Forty frames in three segments, closed. */
async function writeJournal(): Promise<FrameChain> {
  const chain = new FrameChain();
  const journal = await LmdbJournal.open(directory, SEGMENT_BYTES, () => {});
  for (let index = 0; index < 40; index += 1) {
    const { firstSequence, bytes } = chain.next(1_000);
    journal.append(firstSequence, bytes);
  }
  await journal.close();
  expect(listSegments(directory)).toEqual([1, 2, 3]);
  return chain;
}

const task = () => ({ directory, archiveDirectory, shard: 0, ledgerId: LEDGER_ID });

/** The directories as a process leaves them that ends at a point of archiving the first segment. */
const CRASH_POINTS: Readonly<Record<string, () => Promise<void>>> = {
  "while the archive file is written": async () => {
    await archiveSegment(task(), 1);
    rmSync(archivePath(archiveDirectory, 1));
    writeFileSync(join(archiveDirectory, "archiving-1.mza"), new Uint8Array(1_000));
  },
  "before the archive file gets its name": async () => {
    await archiveSegment(task(), 1);
    renameSync(archivePath(archiveDirectory, 1), join(archiveDirectory, "archiving-1.mza"));
  },
  "when the archive file is complete, and the segment still there": async () => {
    await archiveSegment(task(), 1);
  },
  "when the first of two segments has been given up": async () => {
    await archiveSegment(task(), 1);
    await archiveSegment(task(), 2);
    giveUpSegment(directory, 1, false);
  },
  "when the segment has become spare room": async () => {
    await archiveSegment(task(), 1);
    giveUpSegment(directory, 1, true);
  },
  "when the spare room has been taken, and its head not written": async () => {
    await archiveSegment(task(), 1);
    giveUpSegment(directory, 1, true);
    rmSync(segmentPath(directory, 4), { force: true });
    renameSync(join(directory, "spare-1.mdb"), join(directory, "preparing-4.mdb"));
  },
  "when the new segment has its name, and still the one before it": async () => {
    await archiveSegment(task(), 1);
    giveUpSegment(directory, 1, true);
    await prepareSegment(directory, 4, SEGMENT_BYTES);
    linkSync(segmentPath(directory, 4), join(directory, "preparing-4.mdb"));
  },
};

describe("a crash while archiving", () => {
  test.each(Object.keys(CRASH_POINTS))("%s: nothing is lost, and archiving goes on", async (point) => {
    const chain = await writeJournal();
    await CRASH_POINTS[point]();
    const control = createJournalControlMemory();
    let preparing = Promise.resolve();
    const prepare = (ordinal: number): void => {
      preparing = preparing.then(() => prepareSegment(directory, ordinal, SEGMENT_BYTES));
    };
    const journal = await LmdbJournal.open(directory, SEGMENT_BYTES, prepare, { control, archiveDirectory });
    const archiver = new JournalArchiver({ ...task(), control, keepMs: 0 });
    const reader = new JournalReader({ directory, archiveDirectory, shard: 0, control });
    expect(verifyChain(reader, chain.genesis)).toBe(40_000);
    await preparing;
    const archiving = archiver.archiveThrough(40_000);
    const timer = setInterval(() => {
      journal.letGo();
      reader.frameAt(40_000);
    }, 2);
    await archiving;
    clearInterval(timer);
    for (let index = 0; index < 40; index += 1) {
      const { firstSequence, bytes } = chain.next(1_000);
      journal.append(firstSequence, bytes);
      await preparing;
    }
    expect(verifyChain(reader, chain.genesis)).toBe(80_000);
    expect(listArchives(archiveDirectory)).toEqual([1, 2]);
    expect(listSegments(directory)[0]).toBe(3);
    expect(readdirSync(archiveDirectory).filter((name) => name.startsWith("archiving-"))).toEqual([]);
    expect(readdirSync(directory).filter((name) => name.startsWith("preparing-"))).toEqual([]);
    reader.close();
    await journal.close();
  });

  test("an archive file that does not hold what the segment holds is never taken for it", async () => {
    await writeJournal();
    await archiveSegment(task(), 1);
    await archiveSegment(task(), 2);
    copyFileSync(archivePath(archiveDirectory, 2), archivePath(archiveDirectory, 1));
    const archiver = new JournalArchiver({ ...task(), control: controlOf(3), keepMs: 0 });
    await expect(archiver.archiveThrough(40_000)).rejects.toThrow("does not hold the same frames");
    expect(existsSync(segmentPath(directory, 1))).toBe(true);
  });

  test("kill -9 again and again under load, while another process reads: every acknowledged record stays", async () => {
    const reader = new JournalReader({ directory, archiveDirectory, shard: 0, control: undefined });
    const { genesis } = new FrameChain();
    let acknowledged = 0;
    for (let round = 0; round < 4; round += 1) {
      const child = startProcess((sequence) => {
        acknowledged = sequence;
      });
      // Each round ends at another place between two rounds of archiving.
      const enough = acknowledged + (90 + round * 17) * 500;
      while (acknowledged < enough && child.exitCode === null) {
        if (existsSync(directory)) verifyChain(reader, genesis);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await kill(child);
      expect(verifyChain(reader, genesis)).toBeGreaterThanOrEqual(acknowledged);
    }
    reader.close();
    expect(listArchives(archiveDirectory).length).toBeGreaterThan(2);
    expect(listSegments(directory).length).toBeLessThan(acknowledged / 500 / 30);
  }, 60_000);
});

function controlOf(newest: number): SharedArrayBuffer {
  const memory = createJournalControlMemory();
  new Int32Array(memory)[0] = newest;
  return memory;
}

function startProcess(onDurable: (sequence: number) => void): ChildProcess {
  const program = fileURLToPath(new URL("../../test/archiving-process.ts", import.meta.url));
  const child = spawn(process.execPath, [program, directory, archiveDirectory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: child.stdout }).on("line", (line) => onDurable(Number(line)));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  expect(child.exitCode).toBeNull();
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await ended;
}
