/** A disk that fills up under load, or can no longer be written: a clear error, and nothing acknowledged is lost. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { LedgerProcess } from "./ledger-process.ts";
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
