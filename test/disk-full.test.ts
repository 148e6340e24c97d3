/** A disk that fills up under load, or can no longer be written: a clear error, and nothing acknowledged is lost. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";
import { askMizan } from "./mizan-command.ts";
import {
  applyAnswered,
  checkBooks,
  openingBalances,
  openWallets,
  randomFrom,
  type Sent,
  settle,
  write,
} from "./writers.ts";

const PROGRAM = fileURLToPath(new URL("./short-segments-process.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "mizan-small-disk-"));
const canMount = mount("-t", "tmpfs", "-o", "size=40m", "tmpfs", directory);
if (canMount) spawnSync("umount", [directory]);

let ledger: LedgerProcess | undefined;
beforeEach(() => {
  if (canMount) mount("-t", "tmpfs", "-o", "size=40m", "tmpfs", directory);
});
afterEach(async () => {
  await ledger?.dispose();
  if (canMount) spawnSync("umount", [directory]);
});
afterAll(() => rmdirSync(directory));

function mount(...args: string[]): boolean {
  return spawnSync("mount", args).status === 0;
}

describe.each([
  { name: "disk full", env: {} },
  { name: "disk full while snapshots are taken", env: { MIZAN_SNAPSHOT_FRAMES: "5", MIZAN_SNAPSHOT_KEEP: "2" } },
])("$name", ({ env }) => {
  test.skipIf(!canMount)(
    "with the right to mount: the ledger stops, says why, and has everything it acknowledged once there is room",
    { timeout: 120_000 },
    async () => {
      ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1", MIZAN_DATA_DIR: join(directory, "data"), ...env });
      await ledger.start();
      const ids = new UuidV7();
      const wallets = await openWallets(ledger, ids);
      const balances = openingBalances(wallets);
      const sent: Sent[] = [];
      const random = randomFrom(1);
      const running = ledger;
      const writers = Array.from({ length: 4 }, () => write(running, wallets, ids, random, sent, 2_000));
      const exitCode = await ledger.exited();
      await Promise.all(writers);
      expect(exitCode).toBeGreaterThan(0);
      expect(ledger.output).toMatch(/no space left|ENOSPC|disk full/i);
      expect(mount("-o", "remount,size=400m", directory)).toBe(true);
      await ledger.start();
      await settle(ledger, sent);
      applyAnswered(balances, sent);
      await checkBooks(ledger, balances);
    },
  );
});

/** The sum of a metric over all shards. */
async function metric({ url }: LedgerProcess, name: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  const values = [...(await response.text()).matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "gm"))];
  expect(values.length).toBeGreaterThan(0);
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Fills what is left of a small disk, but for some bytes. */
function fill(path: string, leftBytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
}

describe("a disk of its own that is full", () => {
  test.skipIf(!canMount).each([
    {
      name: "for snapshots",
      failed: "mizan_snapshots_failed",
      done: "mizan_snapshot_sequence",
      warning: "a snapshot could not be written",
    },
    {
      name: "for the archive",
      failed: "mizan_archive_failures",
      done: "mizan_archive_files",
      warning: "the journal cannot be archived, and stays where it is",
    },
  ])(
    "$name, with the right to mount: the ledger serves on, says so and counts it, and makes up for it once there is room",
    { timeout: 120_000 },
    async ({ name, failed, done, warning }) => {
      const isArchive = name === "for the archive";
      ledger = await LedgerProcess.create({
        MIZAN_SHARDS: "1",
        MIZAN_SNAPSHOT_JOURNAL_BYTES: String(256 << 10),
        MIZAN_SNAPSHOT_KEEP: "1",
        ...(isArchive ? { MIZAN_ARCHIVE_DIR: join(directory, "archive") } : {}),
      });
      const running = ledger;
      // Snapshots lie beside the journal, so their directory leads to the other disk.
      if (!isArchive) {
        mkdirSync(join(running.dataDir, "shard-0"), { recursive: true });
        mkdirSync(join(directory, "snapshots"));
        symlinkSync(join(directory, "snapshots"), join(running.dataDir, "shard-0", "snapshots"));
      }
      const filler = join(directory, "filler");
      const start = (): Promise<void> => running.start([process.execPath, PROGRAM]);
      await start();
      const ids = new UuidV7();
      const wallets = await openWallets(running, ids);
      const balances = openingBalances(wallets);
      const sent: Sent[] = [];
      const random = randomFrom(3);
      fill(filler, isArchive ? 1 << 20 : 2_000);
      const writing = write(running, wallets, ids, random, sent, 400);
      const rises = async (name: string, above: number): Promise<void> => {
        const deadlineMs = Date.now() + 30_000;
        while ((await metric(running, name)) <= above && Date.now() < deadlineMs) await delay(50);
        expect(await metric(running, name)).toBeGreaterThan(above);
      };
      await rises(failed, 1);
      const doneBefore = await metric(running, done);
      const answeredBefore = sent.filter(({ result }) => result !== undefined).length;
      expect(running.output).toContain(warning);
      await rises(failed, await metric(running, failed));
      expect(sent.filter(({ result }) => result !== undefined).length).toBeGreaterThan(answeredBefore);
      rmSync(filler);
      await rises(done, doneBefore);
      const failures = await metric(running, failed);
      await rises(done, await metric(running, done));
      expect(await metric(running, failed)).toBe(failures);
      await running.end("SIGKILL");
      await writing;
      const env = isArchive ? { MIZAN_ARCHIVE_DIR: join(directory, "archive") } : {};
      expect(await askMizan(["verify", running.dataDir], env)).toMatchObject({ ok: true, problems: [] });
      await start();
      expect(running.output).toContain("snapshot loaded");
      await settle(running, sent);
      applyAnswered(balances, sent);
      await checkBooks(running, balances);
    },
  );
});

describe("a disk that was remounted read-only", () => {
  test.skipIf(!canMount)(
    "with the right to mount: the ledger does not start, says why, and goes on once it can be written",
    { timeout: 120_000 },
    async () => {
      ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1", MIZAN_DATA_DIR: join(directory, "data") });
      await ledger.start();
      const ids = new UuidV7();
      const wallets = await openWallets(ledger, ids);
      const balances = openingBalances(wallets);
      const sent: Sent[] = [];
      const random = randomFrom(2);
      const running = ledger;
      const writing = write(running, wallets, ids, random, sent);
      await delay(200);
      // The kernel refuses to take the right to write from a disk that is in use.
      expect(mount("-o", "remount,ro", directory)).toBe(false);
      await ledger.end("SIGKILL");
      await writing;
      expect(mount("-o", "remount,ro", directory)).toBe(true);
      expect(await ledger.run()).toBeGreaterThan(0);
      expect(ledger.output).toMatch(/read-only|EROFS/i);
      expect(mount("-o", "remount,rw", directory)).toBe(true);
      await ledger.start();
      await settle(ledger, sent);
      applyAnswered(balances, sent);
      await checkBooks(ledger, balances);
    },
  );
});
