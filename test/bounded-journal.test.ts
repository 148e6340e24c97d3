/** A ledger under constant load whose journal is many times longer than what it keeps live. */

import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import { listArchives } from "../engine/journal/archive-file.ts";
import { genesisHash } from "../engine/journal/frame.ts";
import { JournalReader } from "../engine/journal/journal-reader.ts";
import { listSegments, segmentPath } from "../engine/journal/segment-file.ts";
import { loadConfig } from "../gateway/config.ts";
import { type RunningServer, startServer } from "../gateway/server.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { verifyChain } from "./frame-chain.ts";
import { WireClient, type WireCommand } from "./wire-client.ts";

const ADMIN_KEY = "test-admin-key-0123456789";
const SEGMENT_BYTES = 1 << 20;
const SHARDS = 2;
/** Two snapshots, each with what is written until it is durable, what waits to be archived, and the segments in use and prepared. */
const LIVE_SEGMENTS_MAX = 40;
/** Segments that each shard writes: several times what it has live between two snapshots. */
const WRITTEN_SEGMENTS = 100;

const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

function start(dataDir: string, failures: string[]): Promise<RunningServer> {
  const config = loadConfig({
    MIZAN_PORT: "0",
    MIZAN_DATA_DIR: dataDir,
    MIZAN_SHARDS: String(SHARDS),
    MIZAN_ADMIN_KEY: ADMIN_KEY,
    MIZAN_SNAPSHOT_JOURNAL_BYTES: String(3 * SEGMENT_BYTES),
    MIZAN_SNAPSHOT_KEEP: "2",
    MIZAN_KEEPER_LAG_BYTES: String(8 * SEGMENT_BYTES),
  });
  // Far shorter segments than may be set, so that a short run wraps them many times.
  const short = { ...config, journalSegmentBytes: SEGMENT_BYTES };
  return startServer(short, pino({ level: "silent" }), (message) => failures.push(message));
}

test("the live journal stays bounded over a run many times as long, and every record stays readable", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mizan-bounded-"));
  ended.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const directories = Array.from({ length: SHARDS }, (_, shard) => join(dataDir, `shard-${shard}`));
  const archives = Array.from({ length: SHARDS }, (_, shard) => join(dataDir, "archive", `shard-${shard}`));
  const failures: string[] = [];
  let server = await start(dataDir, failures);
  let client = await WireClient.connect(server.port, ADMIN_KEY);
  const ids = new UuidV7();
  const wallets = Array.from({ length: 40 }, () => ids.next());
  const ownerId = ids.next();
  const fund = wallets.flatMap((walletId): WireCommand[] => [
    { id: ids.next(), operation: "CreateWallet", walletId, counterpartyId: ownerId, currency: "EGP" },
    { id: ids.next(), operation: "ActivateWallet", walletId },
    { id: ids.next(), operation: "Credit", walletId, amountMinor: 1_000_000_000 },
  ]);
  const opened = await client.commands(fund);
  expect(opened.filter(({ code }) => code !== "ok")).toEqual([]);
  for (let batch = 0, shortest = 0; shortest < WRITTEN_SEGMENTS; batch += 1) {
    const commands = Array.from({ length: 2_000 }, (_, index): WireCommand => {
      const at = batch * 7 + index;
      return {
        id: ids.next(),
        operation: "Transfer",
        walletId: wallets[at % wallets.length],
        counterpartyId: wallets[(at * 3 + 1) % wallets.length],
        amountMinor: 1 + (index % 100),
      };
    });
    await client.commands(commands);
    const live = directories.map(listSegments);
    shortest = Math.min(...live.map((ordinals) => ordinals.at(-1) ?? 0));
  }
  // The very first commands are in the archive by now, and are answered from there.
  const again = await client.commands(fund.slice(0, 3));
  expect(again).toEqual(opened.slice(0, 3).map((result) => ({ ...result, replayed: true })));
  const before = await client.wallets(wallets);
  client.close();
  await server.stop();
  expect(failures).toEqual([]);

  const { ledgerId } = JSON.parse(readFileSync(join(dataDir, "mizan.json"), "utf8"));
  for (const [shard, directory] of directories.entries()) {
    const archiveDirectory = archives[shard];
    const live = listSegments(directory);
    // The oldest live segment may be in the archive already, and about to be given up.
    expect([live[0] - 1, live[0]]).toContain(listArchives(archiveDirectory).length);
    const liveBytes = live.reduce((sum, ordinal) => sum + statSync(segmentPath(directory, ordinal)).size, 0);
    expect(liveBytes).toBeLessThan(LIVE_SEGMENTS_MAX * SEGMENT_BYTES * 1.25);
    expect(live[0]).toBeGreaterThan(WRITTEN_SEGMENTS - LIVE_SEGMENTS_MAX);
    const reader = new JournalReader({ directory, archiveDirectory, shard, control: undefined });
    expect(reader.range?.first).toBe(1);
    expect(verifyChain(reader, genesisHash(ledgerId, shard), shard)).toBe(reader.range?.last);
    reader.close();
  }

  // What is live begins in the middle: the ledger starts from a snapshot.
  server = await start(dataDir, failures);
  ended.push(() => server.stop());
  client = await WireClient.connect(server.port, ADMIN_KEY);
  expect(await client.wallets(wallets)).toEqual(before);
  client.close();
}, 120_000);
