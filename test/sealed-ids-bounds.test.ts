/** What sealed ids may take on the disk and in memory, on a running ledger. */

import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../gateway/config.ts";
import { type RunningServer, startServer } from "../gateway/server.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { timedId } from "./ledger-command.ts";
import { askMizan } from "./mizan-command.ts";
import { WireClient, type WireCommand, type WireResult } from "./wire-client.ts";

const ADMIN_KEY = "test-admin-key-0123456789";
const IDS_MAX = 65_536;
const BATCH = 4_000;
const BATCHES = 24;
/** Seconds between the times inside the ids of two batches. */
const STEP_MS = 5_000;

const ids = new UuidV7();
let dataDir: string;
let server: RunningServer;
let client: WireClient;
let walletIds: string[];
let batches: WireCommand[][];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "mizan-sealed-ids-"));
  walletIds = Array.from({ length: 10 }, () => ids.next());
  batches = [];
});

afterEach(async () => {
  client.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(env: Readonly<Record<string, string>>, segmentBytes = 16 << 20): Promise<void> {
  const config = loadConfig({
    MIZAN_PORT: "0",
    MIZAN_DATA_DIR: dataDir,
    MIZAN_SHARDS: "1",
    MIZAN_ADMIN_KEY: ADMIN_KEY,
    MIZAN_IDEMPOTENCY_IDS_MAX: String(IDS_MAX),
    ...env,
  });
  server = await startServer({ ...config, journalSegmentBytes: segmentBytes }, pino({ level: "silent" }), (message) => {
    throw new Error(message);
  });
  client = await WireClient.connect(server.port, ADMIN_KEY);
}

async function stop(): Promise<void> {
  client.close();
  await server.stop();
}

async function openWallets(): Promise<void> {
  const ownerId = ids.next();
  await client.commands(
    walletIds.flatMap((walletId): WireCommand[] => [
      { id: ids.next(), operation: "CreateWallet", walletId, counterpartyId: ownerId, currency: "EGP" },
      { id: ids.next(), operation: "ActivateWallet", walletId },
      { id: ids.next(), operation: "Credit", walletId, amountMinor: 1_000_000 },
    ]),
  );
}

/** Sends a batch of transfers whose ids were made at a time, until all are taken. */
async function sendBatch(madeAtMs: number): Promise<void> {
  const first = batches.length * BATCH;
  const commands = Array.from({ length: BATCH }, (_, index): WireCommand => {
    const [walletId, counterpartyId] = [walletIds[index % 10], walletIds[(index + 1) % 10]];
    return { id: timedId(madeAtMs, first + index), operation: "Transfer", walletId, counterpartyId, amountMinor: 1 };
  });
  batches.push(commands);
  let open = commands;
  for (;;) {
    const results = await client.commands(open);
    open = open.filter((_, index) => results[index].code === "overloaded");
    if (open.length === 0) return;
  }
}

/** Batches whose ids were made seconds apart, as a bucket takes whole seconds. */
async function sendBatches(): Promise<void> {
  const nowMs = Date.now();
  for (let batch = 0; batch < BATCHES; batch += 1) await sendBatch(nowMs - (BATCHES - batch) * STEP_MS);
}

async function metric(name: string): Promise<number> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`, { headers })).text();
  return Number(new RegExp(`^${name}{shard="0"} (.*)$`, "m").exec(text)?.[1]);
}

function bucketFiles(): { readonly name: string; readonly bytes: number }[] {
  const directory = join(dataDir, "shard-0");
  return (
    readdirSync(directory)
      .filter((name) => name.endsWith(".mzi"))
      // One that is in the list may have been given up since.
      .flatMap((name) => {
        const stats = statSync(join(directory, name), { throwIfNoEntry: false });
        return stats === undefined ? [] : [{ name, bytes: stats.size }];
      })
  );
}

/** What a batch is answered when it is sent again: one code for all of it. */
async function again(commands: readonly WireCommand[]): Promise<Pick<WireResult, "code" | "replayed">> {
  const results = await client.commands(commands);
  const [{ code, replayed }] = results;
  expect(results.filter((result) => result.code !== code || result.replayed !== replayed)).toEqual([]);
  return { code, replayed };
}

describe("sealed ids", () => {
  test("beyond their room on the disk give up the oldest, which are refused from then on, also after a start", async () => {
    const roomBytes = 500_000;
    await start({ MIZAN_IDEMPOTENCY_DISK_BYTES: String(roomBytes) });
    await openWallets();
    await sendBatches();
    expect(await again(batches[BATCHES - 1])).toEqual({ code: "ok", replayed: true });
    expect(await again(batches[0])).toEqual({ code: "id_expired", replayed: false });
    expect(await metric("mizan_idempotency_window_seconds")).toBeLessThan((BATCHES * STEP_MS) / 1_000);
    expect(await metric("mizan_idempotency_disk_bytes")).toBeLessThanOrEqual(roomBytes);
    const before = await client.wallets(walletIds);
    await stop();
    await start({ MIZAN_IDEMPOTENCY_DISK_BYTES: String(roomBytes) });
    expect(await again(batches[0])).toEqual({ code: "id_expired", replayed: false });
    expect(await again(batches[BATCHES - 1])).toEqual({ code: "ok", replayed: true });
    expect(await client.wallets(walletIds)).toEqual(before);
    await stop();
    // Ids that were given up are not missed by whoever checks the data.
    expect(await askMizan(["verify", dataDir])).toMatchObject({ exitCode: 0 });
    await start({});
  });

  test.each([0, 20_000])("are all known with %i bytes for their filters", async (filterBytes) => {
    await start({ MIZAN_IDEMPOTENCY_FILTER_BYTES: String(filterBytes) });
    await openWallets();
    await sendBatches();
    expect(bucketFiles().length).toBeGreaterThan(2);
    expect(await metric("mizan_idempotency_filter_bytes")).toBeLessThanOrEqual(filterBytes);
    const before = await client.wallets(walletIds);
    for (const batch of batches) expect(await again(batch)).toEqual({ code: "ok", replayed: true });
    expect(await client.wallets(walletIds)).toEqual(before);
  });

  test("go with the archive that they lead to, once they have left the window", async () => {
    // Records older than a second are dropped with their archive file.
    const env = {
      MIZAN_IDEMPOTENCY_WINDOW_MS: "1000",
      MIZAN_ARCHIVE_KEEP_MS: "1",
      MIZAN_SNAPSHOT_KEEP: "1",
      MIZAN_SNAPSHOT_JOURNAL_BYTES: String(1 << 20),
    };
    await start(env, 1 << 20);
    await openWallets();
    const files = new Set<string>();
    const deadlineMs = Date.now() + 20_000;
    do {
      await sendBatch(Date.now());
      for (const { name } of bucketFiles()) files.add(name);
    } while (files.size - bucketFiles().length < 2 && Date.now() < deadlineMs);
    expect(await metric("mizan_archive_dropped_sequence")).toBeGreaterThan(BATCH);
    expect(files.size - bucketFiles().length).toBeGreaterThanOrEqual(2);
    const first = await fetch(`http://127.0.0.1:${server.port}/api/v1/transfers/${batches[0][0].id}`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    expect(first.status).toBe(404);
    expect(await again(batches[0])).toEqual({ code: "id_expired", replayed: false });
    const before = await client.wallets(walletIds);
    await stop();
    await start(env, 1 << 20);
    expect(await client.wallets(walletIds)).toEqual(before);
  });
});
