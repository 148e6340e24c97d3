import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ChunkPool } from "../../snapshots/chunk-pool.ts";
import { FORMAT_VERSION } from "../../snapshots/snapshot-file.ts";
import { SnapshotReader } from "../../snapshots/snapshot-reader.ts";
import { SnapshotProgress } from "./keeper-messages.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";

const CHUNKS = 20;
const CHUNK_BYTES = 10_000;

let directory: string;
let pool: ChunkPool;
let keeper: SnapshotKeeper;
let logged: string[];
let safeThrough: number;
const progress = new SnapshotProgress();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mizan-snapshot-keeper-"));
  pool = new ChunkPool(2);
  logged = [];
  safeThrough = Number.POSITIVE_INFINITY;
  keeper = new SnapshotKeeper({
    directory,
    keep: 1,
    safeThrough: () => safeThrough,
    pool,
    progress,
    rest: setImmediate,
    log: (level, fact, { message }) => logged.push(`${level}: ${fact}${message === undefined ? "" : `: ${message}`}`),
    onRetained: async () => {},
  });
});

afterEach(async () => {
  await pool.close();
  rmSync(directory, { recursive: true });
});

/** Writes the chunks of a snapshot; what stands on the disk may then be changed before it is completed. */
async function write(sequence: number, change: (path: string) => void): Promise<void> {
  progress.reset();
  const header = { formatVersion: FORMAT_VERSION, ledgerId: "ledger", shard: 0, shardCount: 1, sequence };
  keeper.take({ type: "beginSnapshot", header: { ...header, clockMs: 1, frameHash: "00", createdAtMs: 1 } });
  for (let index = 0; index < CHUNKS; index += 1) {
    const raw = new Uint8Array(CHUNK_BYTES).map((_, at) => (at * sequence + index) >>> 3);
    keeper.take({ type: "chunk", part: "wallets", index, raw });
  }
  await keeper.idle();
  change(join(directory, readdirSync(directory).find((name) => name.endsWith(".unfinished")) ?? ""));
  keeper.take({ type: "endSnapshot", isComplete: true });
  await keeper.idle();
}

function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >>> 1] ^= 1;
  writeFileSync(path, bytes);
}

test("a snapshot that does not read back as it was written never replaces the one before", async () => {
  await write(1, () => {});
  const [first] = readdirSync(directory);
  await write(2, damage);
  expect(readdirSync(directory)).toEqual([first]);
  expect(progress.hasFailed).toBe(true);
  expect(progress.sequence).toBe(1);
  expect(logged.at(-1)).toMatch(
    /^error: a snapshot could not be written: .*chunk \d+ of wallets is not what was written/,
  );
  const reader = SnapshotReader.open(join(directory, first));
  await reader.verify(pool);
  reader.close();

  await write(3, () => {});
  expect(progress.hasFailed).toBe(false);
  expect(progress.sequence).toBe(3);
  expect(readdirSync(directory)).toEqual(["snapshot-0000000000000003.mzs"]);
});

test("the newest snapshot stays to which the journal can be cut back", async () => {
  await write(1, () => {});
  safeThrough = 2;
  for (const sequence of [2, 3, 4]) await write(sequence, () => {});
  expect(readdirSync(directory)).toEqual(["snapshot-0000000000000002.mzs", "snapshot-0000000000000004.mzs"]);
  safeThrough = 4;
  await write(5, () => {});
  expect(readdirSync(directory)).toEqual(["snapshot-0000000000000004.mzs", "snapshot-0000000000000005.mzs"]);
});
