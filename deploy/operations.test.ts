/** The commands on real ledgers, written by real processes over real sockets, with transfers between two shards. */

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { LedgerProcess } from "../test/ledger-process.ts";
import { askMizan, runMizan, spawnMizan } from "../test/mizan-command.ts";
import {
  applyAnswered,
  checkBooks,
  openingBalances,
  openWallets,
  randomFrom,
  type Sent,
  settle,
  write,
} from "../test/writers.ts";

const LOAD_MS = 700;
const scratch = mkdtempSync(join(tmpdir(), "mizan-operations-"));
/** A stopped ledger of two shards, killed while transfers ran. */
const killed = join(scratch, "killed");
let pathNumber = 0;

function freshPath(name: string): string {
  pathNumber += 1;
  return join(scratch, `${name}-${pathNumber}`);
}

/** Runs writers against a ledger until `during` resolves, then kills it. */
async function underLoad(
  ledger: LedgerProcess,
  wallets: readonly string[],
  ids: UuidV7,
  during: () => Promise<void>,
): Promise<Sent[]> {
  const sent: Sent[] = [];
  const writers = [1, 2, 3].map((seed) => write(ledger, wallets, ids, randomFrom(seed), sent));
  await during();
  await ledger.end("SIGKILL");
  await Promise.all(writers);
  return sent;
}

async function verified(dataDir: string): Promise<void> {
  expect(await askMizan(["verify", dataDir])).toMatchObject({ ok: true, problems: [], exitCode: 0 });
}

beforeAll(async () => {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
  const ids = new UuidV7();
  const wallets = await openWallets(ledger, ids);
  await underLoad(ledger, wallets, ids, () => delay(LOAD_MS));
  cpSync(ledger.dataDir, killed, { recursive: true });
  await ledger.dispose();
}, 60_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("backup", () => {
  test("of a running ledger is a consistent cut, goes on where it ended, and starts again with balanced books", {
    timeout: 120_000,
  }, async () => {
    const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
    const restored = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
    try {
      await ledger.start();
      const ids = new UuidV7();
      const wallets = await openWallets(ledger, ids);
      const target = freshPath("backup");
      let names: string[] = [];
      const sent = await underLoad(ledger, wallets, ids, async () => {
        await delay(LOAD_MS);
        for (let run = 0; run < 3; run += 1) {
          expect(await askMizan(["backup", ledger.dataDir, target])).toMatchObject({ ok: true, exitCode: 0 });
          const now = readdirSync(join(target, "shard-0"));
          expect(now).toEqual(expect.arrayContaining(names));
          expect(now.length).toBeGreaterThan(names.length);
          names = now;
        }
        expect(await askMizan(["verify", ledger.dataDir])).toMatchObject({ ok: true, isRunning: true });
      });
      rmSync(restored.dataDir, { recursive: true });
      expect(await askMizan(["restore", target, restored.dataDir])).toMatchObject({ ok: true, exitCode: 0 });
      await verified(restored.dataDir);
      await restored.start();
      // What the backup holds is answered as before; what came after it is applied now, once.
      const forgotten = sent.map(({ command }): Sent => ({ command, result: undefined }));
      await settle(restored, forgotten);
      const balances = openingBalances(wallets);
      applyAnswered(balances, forgotten);
      await checkBooks(restored, balances);
    } finally {
      await ledger.dispose();
      await restored.dispose();
    }
  });

  test("that was killed leaves the backup as it was, and the next run completes it", { timeout: 60_000 }, async () => {
    const target = freshPath("backup");
    mkdirSync(join(target, "shard-0"), { recursive: true });
    for (const afterFirstByteMs of [0, 5, 20, 60]) {
      const child = spawnMizan(["backup", killed, target]);
      while (child.exitCode === null && !existsSync(join(target, "shard-0", "unfinished"))) await delay(1);
      await delay(afterFirstByteMs);
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
    }
    writeFileSync(join(target, "shard-0", "frames-0000000000000001-0000000000000002.zst"), "half of a file");
    expect(await askMizan(["backup", killed, target])).toMatchObject({ ok: true });
    const dataDir = freshPath("restored");
    expect(await askMizan(["restore", target, dataDir])).toMatchObject({ ok: true });
    await verified(dataDir);
    const [before, after] = await Promise.all([askMizan(["inspect", killed]), askMizan(["inspect", dataDir])]);
    const books = ({ shards }: Record<string, unknown>): unknown =>
      (shards as { position: string; books: unknown; frames: number }[]).map(({ position, books, frames }) => ({
        position,
        books,
        frames,
      }));
    expect(books(after)).toEqual(books(before));
  });

  test("refuses a directory that holds something else, and another ledger's backup", async () => {
    const other = freshPath("other");
    cpSync(killed, other, { recursive: true });
    expect(await askMizan(["backup", killed, other])).toMatchObject({ exitCode: 2, error: { code: "not_a_backup" } });
    const target = freshPath("backup");
    await askMizan(["backup", killed, target]);
    const manifest = readFileSync(join(target, "backup.json"), "utf8");
    writeFileSync(join(target, "backup.json"), manifest.replace(/"ledgerId": "\w{8}/, '"ledgerId": "00000000'));
    expect(await askMizan(["backup", killed, target])).toMatchObject({ exitCode: 2, error: { code: "other_ledger" } });
  });

  test("does not go on from a history that was left behind", { timeout: 60_000 }, async () => {
    const target = freshPath("backup");
    await askMizan(["backup", killed, target]);
    const earlier = freshPath("earlier");
    await askMizan(["restore", target, earlier, "--at", "0:500,1:500"]);
    expect(await askMizan(["backup", earlier, target])).toMatchObject({
      exitCode: 1,
      error: { code: "history_differs" },
    });
  });
});

describe("restore", () => {
  test("to a time or to positions gives nothing after it, and books that balance", { timeout: 120_000 }, async () => {
    const target = freshPath("backup");
    await askMizan(["backup", killed, target]);
    const { shards } = (await askMizan(["inspect", killed])) as unknown as {
      shards: { time: string; position: string }[];
    };
    const endMs = Date.parse(shards[0].time);
    const half = shards.map(({ position }) => {
      const [shard, sequence] = position.split(":").map(Number);
      return `${shard}:${Math.floor(sequence / 2)}`;
    });
    let opened = 0;
    for (const point of [new Date(endMs - 300).toISOString(), String(endMs - 150), half.join(","), half[1]]) {
      const dataDir = freshPath("at");
      const { openTransfers } = await askMizan(["restore", target, dataDir, "--at", point]);
      opened += openTransfers as number;
      await verified(dataDir);
      const { stdout } = await runMizan(["export", dataDir]);
      const events = stdout
        .trim()
        .split("\n")
        .slice(1, -1)
        .map((line) => JSON.parse(line) as { position: string; time: string });
      expect(events.length).toBeGreaterThan(0);
      for (const { position, time } of events) {
        const [shard, sequence] = position.split(":").map(Number);
        if (point.includes(":") && !point.includes("T")) {
          const limit = point.split(",").find((part) => part.startsWith(`${shard}:`));
          if (limit !== undefined) expect(sequence).toBeLessThanOrEqual(Number(limit.split(":")[1]));
        } else {
          expect(Date.parse(time)).toBeLessThanOrEqual(Number.isNaN(Number(point)) ? Date.parse(point) : Number(point));
        }
      }
    }
    // Points at which no transfer was open would show little.
    expect(opened).toBeGreaterThan(0);
  });

  test("refuses a directory with something in it, a point that is none, and a damaged backup", async () => {
    const target = freshPath("backup");
    await askMizan(["backup", killed, target]);
    expect(await askMizan(["restore", target, killed])).toMatchObject({ exitCode: 2, error: { code: "not_empty" } });
    const dataDir = freshPath("restored");
    expect(await askMizan(["restore", target, dataDir, "--at", "yesterday"])).toMatchObject({
      exitCode: 2,
      error: { code: "invalid_point" },
    });
    expect(await askMizan(["restore", target, dataDir, "--at", "7:1"])).toMatchObject({
      exitCode: 2,
      error: { code: "invalid_point" },
    });
    const [name] = readdirSync(join(target, "shard-1"));
    expect(await askMizan(["verify", target])).toMatchObject({ ok: true, exitCode: 0 });
    const file = join(target, "shard-1", name);
    flip(file, Math.floor(statSync(file).size / 2));
    expect(await askMizan(["verify", target])).toMatchObject({ ok: false, exitCode: 1 });
    expect(await askMizan(["restore", target, dataDir])).toMatchObject({
      exitCode: 1,
      error: { code: "backup_damaged" },
    });
    expect(
      readdirSync(scratch).filter((found) => found.startsWith("restored-") && found.includes("unfinished")),
    ).toEqual([]);
  });
});

describe("verify", () => {
  const problemsOf = async (dataDir: string): Promise<{ position?: string; file?: string; problem: string }[]> => {
    const { exitCode, problems } = await askMizan(["verify", dataDir]);
    expect(exitCode).toBe(1);
    return problems as { problem: string }[];
  };

  test("finds nothing in a whole ledger", () => verified(killed));

  test("names each frame with a flipped byte, and the file", async () => {
    const dataDir = freshPath("damaged");
    cpSync(killed, dataDir, { recursive: true });
    const file = join(dataDir, "shard-0", "segment-00000001.mdb");
    // LMDB leaves old copies of its pages behind, so every frame that is found is damaged in its header.
    const bytes = readFileSync(file);
    for (let at = bytes.indexOf("MZJ1"); at >= 0; at = bytes.indexOf("MZJ1", at + 4)) bytes[at + 10] ^= 0x55;
    writeFileSync(file, bytes);
    const problems = await problemsOf(dataDir);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatchObject({ file });
  });

  test("says that a segment is too short before reading it would end the process", async () => {
    const dataDir = freshPath("damaged");
    cpSync(killed, dataDir, { recursive: true });
    const file = join(dataDir, "shard-1", "segment-00000001.mdb");
    truncateSync(file, 40_960);
    expect(await problemsOf(dataDir)).toMatchObject([{ file, problem: expect.stringMatching(/it has 40960 bytes/) }]);
  });

  test("says that something is no segment at all", async () => {
    const dataDir = freshPath("damaged");
    cpSync(killed, dataDir, { recursive: true });
    const file = join(dataDir, "shard-1", "segment-00000001.mdb");
    writeFileSync(file, Buffer.alloc(1 << 20, "no LMDB"));
    expect(await problemsOf(dataDir)).toMatchObject([{ file, problem: "it is no LMDB file" }]);
  });

  test("compares every snapshot with the journal, archive included, and tells a damaged one", {
    timeout: 240_000,
  }, async () => {
    const env = { MIZAN_SHARDS: "2", MIZAN_SNAPSHOT_FRAMES: "100" };
    const ledger = await LedgerProcess.create(env);
    try {
      await ledger.start();
      const ids = new UuidV7();
      const wallets = await openWallets(ledger, ids);
      const archives = [0, 1].map((shard) => join(ledger.dataDir, "archive", `shard-${shard}`));
      const isArchived = (directory: string): boolean =>
        existsSync(directory) && readdirSync(directory).some((name) => name.startsWith("segment-"));
      await underLoad(ledger, wallets, ids, async () => {
        while (!archives.every(isArchived)) await delay(100);
      });
      const { exitCode, problems, shards } = await askMizan(["verify", ledger.dataDir]);
      expect({ exitCode, problems }).toEqual({ exitCode: 0, problems: [] });
      for (const { snapshots } of shards as { snapshots: number }[]) expect(snapshots).toBeGreaterThan(0);
      // The archive is part of the history that a backup holds.
      const target = freshPath("backup");
      await askMizan(["backup", ledger.dataDir, target]);
      const dataDir = freshPath("restored");
      expect(await askMizan(["restore", target, dataDir])).toMatchObject({ ok: true });
      await verified(dataDir);
      const [snapshot] = readdirSync(join(ledger.dataDir, "shard-0", "snapshots"));
      const [archive] = readdirSync(archives[1]).filter((name) => name.startsWith("segment-"));
      flip(join(ledger.dataDir, "shard-0", "snapshots", snapshot), 500);
      flip(join(archives[1], archive), 5_000);
      const found = await problemsOf(ledger.dataDir);
      expect(found.some(({ file }) => file?.endsWith(snapshot))).toBe(true);
      expect(found.some(({ file }) => file?.endsWith(archive))).toBe(true);
    } finally {
      await ledger.dispose();
    }
  });

  test("tells a damaged mizan.json, and a directory that is no ledger", async () => {
    const dataDir = freshPath("damaged");
    cpSync(killed, dataDir, { recursive: true });
    writeFileSync(join(dataDir, "mizan.json"), "{");
    expect(await askMizan(["verify", dataDir])).toMatchObject({ exitCode: 1, error: { code: "ledger_file_damaged" } });
    expect(await askMizan(["verify", tmpdir()])).toMatchObject({ exitCode: 2, error: { code: "not_a_ledger" } });
  });

  test("notices one shard taken from another ledger", async () => {
    const dataDir = freshPath("damaged");
    cpSync(killed, dataDir, { recursive: true });
    const path = join(dataDir, "mizan.json");
    const { checksum, ...ledger } = JSON.parse(readFileSync(path, "utf8"));
    // Damage in the file itself is told by its checksum, and a file of version 0.1 has none.
    writeFileSync(path, JSON.stringify({ ...ledger, shards: 3, checksum }));
    expect(await askMizan(["verify", dataDir])).toMatchObject({ exitCode: 1, error: { code: "ledger_file_damaged" } });
    writeFileSync(path, JSON.stringify({ ...ledger, ledgerId: ledger.ledgerId.replace(/^\w{8}/, "00000000") }));
    const problems = await problemsOf(dataDir);
    expect(problems.map(({ position }) => position)).toEqual(expect.arrayContaining(["0:1", "1:1"]));
    expect(problems[0].problem).toBe("it does not follow from the frame before it");
  });
});

/** Changes one byte of a file. */
function flip(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes[offset] ^= 0x55;
  writeFileSync(path, bytes);
}
