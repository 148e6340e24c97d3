/**
 * Kills `mizan backup`, `restore` and `reshard` with SIGKILL, and the ledger in the middle of a backup: what was there
 * stays as it was, and the next run does all of it.
 */

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { LedgerProcess } from "../test/ledger-process.ts";
import { askMizan, spawnMizan } from "../test/mizan-command.ts";
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

/** A round here takes as long as eight that only kill the ledger. */
const rounds = Math.ceil(Number(process.env.MIZAN_CRASH_ROUNDS ?? 8) / 8);
const seed = Number(process.env.MIZAN_CRASH_SEED ?? Date.now() % 1_000_000_000);
const random = randomFrom(seed);
const scratch = mkdtempSync(join(tmpdir(), "mizan-killed-commands-"));
/** A stopped ledger of two shards, killed while transfers ran. */
const killed = join(scratch, "killed");
const ENV = { MIZAN_SHARDS: "2", MIZAN_SNAPSHOT_FRAMES: "40", MIZAN_SNAPSHOT_KEEP: "2" };
/** Of directories that the commands write. */
const TOOL_ENV = { MIZAN_JOURNAL_SEGMENT_BYTES: String(16 << 20) };
const timeout = 60_000 + rounds * 30_000;

beforeAll(async () => {
  const ledger = await LedgerProcess.create(ENV);
  await ledger.start();
  const ids = new UuidV7();
  const wallets = await openWallets(ledger, ids);
  await writeUntil(ledger, wallets, ids, () => delay(700));
  cpSync(ledger.dataDir, killed, { recursive: true });
  await ledger.dispose();
}, 60_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Writes until something is done, then kills the ledger. */
async function writeUntil(
  ledger: LedgerProcess,
  wallets: readonly string[],
  ids: UuidV7,
  done: () => Promise<unknown>,
): Promise<Sent[]> {
  const sent: Sent[] = [];
  const writers = [1, 2, 3].map(() => write(ledger, wallets, ids, random, sent));
  await done();
  await ledger.end("SIGKILL");
  await Promise.all(writers);
  return sent;
}

/** Starts a command and kills it a while after something is there; says whether it was still running. */
async function killCommand(args: readonly string[], path: string, afterMs: number): Promise<boolean> {
  const child = spawnMizan(args, TOOL_ENV);
  const ended = new Promise((resolve) => child.once("close", resolve));
  while (child.exitCode === null && !existsSync(path)) await delay(1);
  await delay(afterMs);
  const isRunning = child.exitCode === null;
  child.kill("SIGKILL");
  await ended;
  return isRunning;
}

async function verified(path: string): Promise<void> {
  expect(await askMizan(["verify", path])).toMatchObject({ ok: true, problems: [], exitCode: 0 });
}

/** A hash of every file but for the locks, in which readers take places. */
function contentOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile() && !entry.name.endsWith("-lock"))
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((path) => [path, createHash("sha256").update(readFileSync(path)).digest("hex")]),
  );
}

test(`backup and restore, killed again and again, and the ledger during a backup (seed ${seed})`, {
  timeout,
}, async () => {
  const ledger = await LedgerProcess.create(ENV);
  const restored = await LedgerProcess.create(ENV);
  const target = join(scratch, "backup");
  try {
    await ledger.start();
    const ids = new UuidV7();
    const wallets = await openWallets(ledger, ids);
    const balances = openingBalances(wallets);
    const all: Sent[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const sent = await writeUntil(ledger, wallets, ids, async () => {
        await delay(100 + random() * 300);
        await killCommand(["backup", ledger.dataDir, target], join(target, "shard-0", "unfinished"), random() * 30);
        expect(await askMizan(["backup", ledger.dataDir, target])).toMatchObject({ ok: true });
      });
      await ledger.start();
      await settle(ledger, sent);
      all.push(...sent);
      // Now the ledger ends in the middle of the backup, and starts again while that goes on.
      let backup: ReturnType<typeof askMizan> | undefined;
      const during = await writeUntil(ledger, wallets, ids, async () => {
        backup = askMizan(["backup", ledger.dataDir, target]);
        while (!existsSync(join(target, "shard-0", "unfinished"))) {
          if (await Promise.race([backup.then(() => true), delay(1, false)])) break;
        }
        await delay(random() * 10);
      });
      await ledger.start();
      expect(await backup).toMatchObject({ ok: true });
      await verified(target);
      await settle(ledger, during);
      all.push(...during);
    }
    applyAnswered(balances, all);
    await checkBooks(ledger, balances);
    await ledger.end("SIGKILL");
    await verified(ledger.dataDir);
    // Everything that was acknowledged before the last backup is in it.
    expect(await askMizan(["backup", ledger.dataDir, target])).toMatchObject({ ok: true });
    rmSync(restored.dataDir, { recursive: true });
    for (let kill = 0; kill < 2 * rounds; kill += 1) {
      await killCommand(["restore", target, restored.dataDir], `${restored.dataDir}.unfinished`, random() * 100);
      if (existsSync(restored.dataDir)) rmSync(restored.dataDir, { recursive: true });
    }
    expect(await askMizan(["restore", target, restored.dataDir], TOOL_ENV)).toMatchObject({ ok: true });
    expect(existsSync(`${restored.dataDir}.unfinished`)).toBe(false);
    await verified(restored.dataDir);
    await restored.start();
    await settle(restored, all);
    await checkBooks(restored, balances);
  } finally {
    await ledger.dispose();
    await restored.dispose();
  }
});

test(`reshard, killed ${2 * rounds} times, leaves the ledger as it was (seed ${seed})`, { timeout }, async () => {
  const before = contentOf(killed);
  const to = join(scratch, "resharded");
  const args = ["reshard", killed, "--shards", "3", "--to", to];
  let struck = 0;
  for (let kill = 0; kill < 2 * rounds; kill += 1) {
    if (await killCommand(args, `${to}.unfinished`, random() * 100)) struck += 1;
    expect(contentOf(killed)).toEqual(before);
    // It is there whole or not at all.
    if (!existsSync(to)) continue;
    await verified(to);
    rmSync(to, { recursive: true });
  }
  expect(struck).toBeGreaterThan(0);
  expect(await askMizan(args, TOOL_ENV)).toMatchObject({ ok: true, exitCode: 0 });
  expect(contentOf(killed)).toEqual(before);
  await verified(to);
});
