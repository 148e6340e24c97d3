import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FrameChain } from "../../test/frame-chain.ts";
import { recover } from "../shard/recover.ts";
import { ShardState } from "../shard/shard-state.ts";
import { FrameBuilder, genesisHash, openFrame } from "./frame.ts";
import { LmdbJournal } from "./journal.ts";
import { RECORD_KIND, REJECTION_HEADER_BYTES } from "./record.ts";
import { openSegment, prepareSegment, segmentPath } from "./segment-file.ts";

const SEGMENT_BYTES = 1 << 20;
const GENESIS = genesisHash("ledger", 0);
const RECORD_BYTES = REJECTION_HEADER_BYTES + 64;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-journal-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function openJournal(asked: number[] = []): Promise<LmdbJournal> {
  return LmdbJournal.open(directory, SEGMENT_BYTES, (ordinal) => asked.push(ordinal));
}

function freshState(): ShardState {
  const options = {
    shard: 0,
    walletsPerShardMax: 100,
    calendarTimeZone: "UTC",
    holdsPerShardMax: 1_024,
    idempotencyWindowMs: 1e9,
    idempotencyIdsMax: 1e6,
  };
  return new ShardState(options, GENESIS);
}

/** Changes bytes of a stored frame behind LMDB's back, as a bad disk would. */
function damage(path: string, frame: Uint8Array, at: number, value: number): void {
  const offset = readFileSync(path).indexOf(frame.subarray(0, 96));
  expect(offset).toBeGreaterThan(0);
  const file = openSync(path, "r+");
  writeSync(file, new Uint8Array([value]), 0, 1, offset + at);
  closeSync(file);
}

async function fill(frames: number, recordsPerFrame: number): Promise<Uint8Array[]> {
  const chain = new FrameChain();
  const journal = await openJournal();
  const written: Uint8Array[] = [];
  for (let index = 0; index < frames; index += 1) {
    const { firstSequence, bytes } = chain.next(recordsPerFrame);
    journal.append(firstSequence, bytes);
    written.push(bytes);
  }
  await journal.close();
  return written;
}

describe("journal", () => {
  test("gives back every frame in order after it was closed, over several segments", async () => {
    const written = await fill(60, 1_000);
    expect(readdirSync(directory).filter((name) => name.endsWith(".mdb")).length).toBeGreaterThan(3);
    const journal = await openJournal();
    const frames = [...journal.frames()];
    expect(frames.map(({ value }, index) => Buffer.compare(value, written[index]))).toEqual(written.map(() => 0));
    expect(frames.map(({ key }) => key)).toEqual(written.map((_, index) => 1 + index * 1_000));
    expect(frames.filter(({ isLast }) => isLast).map(({ key }) => key)).toEqual([59_001]);
    await journal.close();
  });

  test("goes on where it ended", async () => {
    const chain = new FrameChain();
    for (let round = 0; round < 3; round += 1) {
      const journal = await openJournal();
      [...journal.frames()];
      for (let index = 0; index < 15; index += 1) {
        const { firstSequence, bytes } = chain.next(1_000);
        journal.append(firstSequence, bytes);
      }
      await journal.close();
    }
    const journal = await openJournal();
    const state = freshState();
    recover(state, journal, directory, { progress: () => {}, cut: () => expect.unreachable() });
    expect(state.sequence).toBe(45_000);
    await journal.close();
  });

  test("finds the frame that holds a sequence, in sealed segments and in the newest", async () => {
    await fill(60, 1_000);
    const journal = await openJournal();
    for (const sequence of [1, 2, 1_000, 1_001, 31_500, 59_999, 60_000]) {
      const frame = openFrame(journal.frameAt(sequence) ?? new Uint8Array(), 0);
      if (typeof frame === "string") throw new Error(frame);
      expect(frame.firstSequence).toBe(Math.floor((sequence - 1) / 1_000) * 1_000 + 1);
    }
    expect(journal.frameAt(0)).toBeUndefined();
    await journal.close();
  });

  test("asks for the next segment at once and whenever it begins one", async () => {
    const asked: number[] = [];
    const chain = new FrameChain();
    const journal = await openJournal(asked);
    for (let index = 0; index < 30; index += 1) {
      const { firstSequence, bytes } = chain.next(1_000);
      journal.append(firstSequence, bytes);
    }
    expect(asked).toEqual([2, 3, 4]);
    await journal.close();
  });

  test("uses a segment that was prepared ahead, and a preparation that comes too late changes nothing", async () => {
    await prepareSegment(directory, 1, SEGMENT_BYTES);
    expect(statSync(segmentPath(directory, 1)).size).toBeGreaterThanOrEqual(SEGMENT_BYTES);
    const written = await fill(3, 10);
    await prepareSegment(directory, 1, SEGMENT_BYTES);
    const journal = await openJournal();
    expect([...journal.frames()].map(({ value }) => value.byteLength)).toEqual(
      written.map((frame) => frame.byteLength),
    );
    await journal.close();
    expect(readdirSync(directory).filter((name) => name.startsWith("preparing"))).toEqual([]);
  });

  test("refuses a frame whose sequence is there already", async () => {
    const { firstSequence, bytes } = new FrameChain().next(1);
    const journal = await openJournal();
    journal.append(firstSequence, bytes);
    expect(() => journal.append(firstSequence, bytes)).toThrow("another process writes to this journal");
    await journal.close();
  });
});

describe("recovery", () => {
  test("cuts off a damaged last frame, keeps it aside and says so", async () => {
    const written = await fill(5, 100);
    damage(segmentPath(directory, 1), written[4], 200, 0xff);
    const journal = await openJournal();
    const cuts: { position: string; reason: string; keptIn: string }[] = [];
    const state = freshState();
    recover(state, journal, directory, { progress: () => {}, cut: (cut) => cuts.push(cut) });
    expect(state.sequence).toBe(400);
    expect(cuts).toMatchObject([{ position: "0:401", reason: "its hash does not match its content" }]);
    expect(existsSync(cuts[0].keptIn)).toBe(true);
    expect(journal.range).toEqual({ first: 1, last: 301 });
    await journal.close();
  });

  test("stops at damage anywhere else, with the position and what to do", async () => {
    const written = await fill(5, 100);
    damage(segmentPath(directory, 1), written[2], 200, 0xff);
    const journal = await openJournal();
    const recovery = (): unknown =>
      recover(freshState(), journal, directory, { progress: () => {}, cut: () => expect.unreachable() });
    expect(recovery).toThrow(/frame at 0:201 in .*segment-00000001\.mdb is damaged: its hash does not match.*Restore/);
    await journal.close();
  });

  test("stops where a frame is missing", async () => {
    await fill(5, 100);
    const segment = openSegment(segmentPath(directory, 1), SEGMENT_BYTES);
    segment.removeSync(201);
    await segment.close();
    const journal = await openJournal();
    const recovery = (): unknown =>
      recover(freshState(), journal, directory, { progress: () => {}, cut: () => expect.unreachable() });
    expect(recovery).toThrow("the records 0:201 to 0:300 are neither in the journal nor in its archive");
    await journal.close();
  });

  test("stops where a frame was exchanged for another with a valid hash", async () => {
    await fill(3, 100);
    const other = new FrameChain();
    other.next(99);
    const builder = new FrameBuilder(0);
    builder.begin(101, 5);
    for (let index = 0; index < 100; index += 1) {
      const at = builder.add(RECORD_BYTES);
      builder.lanes.fill(0, at, at + (RECORD_BYTES >>> 2));
      builder.lanes[at] = (RECORD_KIND.CommandRejected << 24) | RECORD_BYTES;
    }
    const forged = builder.seal(other.next(1).bytes.slice(0, 32));
    const segment = openSegment(segmentPath(directory, 1), SEGMENT_BYTES);
    segment.putSync(101, forged);
    await segment.close();
    const journal = await openJournal();
    const recovery = (): unknown =>
      recover(freshState(), journal, directory, { progress: () => {}, cut: () => expect.unreachable() });
    expect(recovery).toThrow("it does not follow from the frame before it");
    await journal.close();
  });

  test("does not take the journal of another shard or ledger", async () => {
    await fill(2, 10);
    const journal = await openJournal();
    const options = {
      shard: 0,
      calendarTimeZone: "UTC",
      walletsPerShardMax: 100,
      holdsPerShardMax: 1_024,
      idempotencyWindowMs: 1e9,
      idempotencyIdsMax: 1e6,
    };
    const stranger = new ShardState(options, genesisHash("another ledger", 0));
    const recovery = (): unknown => recover(stranger, journal, directory, { progress: () => {}, cut: () => {} });
    expect(recovery).toThrow("it does not follow from the frame before it");
    await journal.close();
  });
});
