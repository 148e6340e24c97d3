/** Starts that need more than the newest snapshot and the live journal: the archive, and the journal behind a snapshot. */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bucketParts, bucketPath, decodeHeader, PAGE_BYTES } from "../engine/idempotency/bucket-layout.ts";
import { archivePath, listArchives } from "../engine/journal/archive-file.ts";
import { listSegments } from "../engine/journal/segment-file.ts";
import { loadConfig } from "../gateway/config.ts";
import { type RunningServer, startServer } from "../gateway/server.ts";
import { StartError } from "../gateway/start-error.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { timedId } from "./ledger-command.ts";
import { WireClient, type WireCommand, type WireResult, type WireWallet } from "./wire-client.ts";

const ADMIN_KEY = "test-admin-key-0123456789";
const BATCH = 4_000;
const BATCHES = 24;
const HEADERS = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };

/** A ledger of one shard whose journal is for the most part archived, and whose ids are for the most part sealed. */
const original = mkdtempSync(join(tmpdir(), "mizan-archived-"));
const ids = new UuidV7();
const sent: { readonly command: WireCommand; readonly result: WireResult }[] = [];
let wallets: readonly WireWallet[];
let reversedId: string;

let dataDir: string;
let logged: string;
let server: RunningServer | undefined;

async function start(directory: string, idsMax = 65_536): Promise<RunningServer> {
  const config = loadConfig({
    MIZAN_PORT: "0",
    MIZAN_DATA_DIR: directory,
    MIZAN_SHARDS: "1",
    MIZAN_ADMIN_KEY: ADMIN_KEY,
    MIZAN_SNAPSHOT_KEEP: "1",
    MIZAN_IDEMPOTENCY_IDS_MAX: String(idsMax),
  });
  const log = pino({}, { write: (line) => (logged += line) });
  // Far shorter segments than may be set, so that a short run archives some.
  return startServer({ ...config, journalSegmentBytes: 1 << 20 }, log, (message) => (logged += message));
}

function post(path: string, body: object): Promise<Response> {
  const url = `http://127.0.0.1:${server?.port}/api/v1${path}`;
  return fetch(url, {
    method: "POST",
    headers: { ...HEADERS, "idempotency-key": ids.next() },
    body: JSON.stringify(body),
  });
}

/** Sends commands until memory has room for their ids. */
async function send(client: WireClient, commands: readonly WireCommand[]): Promise<WireResult[]> {
  const results = await client.commands(commands);
  const refused = commands.filter((_, index) => results[index].code === "overloaded");
  if (refused.length === 0) return results;
  const again = await send(client, refused);
  return results.map((result) => (result.code === "overloaded" ? (again.shift() as WireResult) : result));
}

beforeAll(async () => {
  logged = "";
  server = await start(original);
  const client = await WireClient.connect(server.port, ADMIN_KEY);
  const walletIds = Array.from({ length: 10 }, () => ids.next());
  const ownerId = ids.next();
  await client.commands(
    walletIds.flatMap((walletId): WireCommand[] => [
      { id: ids.next(), operation: "CreateWallet", walletId, counterpartyId: ownerId, currency: "EGP" },
      { id: ids.next(), operation: "ActivateWallet", walletId },
      { id: ids.next(), operation: "Credit", walletId, amountMinor: 1_000_000 },
    ]),
  );
  const nowMs = Date.now();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    // As if each batch had been made seconds after the one before: a bucket takes whole seconds.
    const madeAtMs = nowMs - (BATCHES - batch) * 5_000;
    const commands = Array.from({ length: BATCH }, (_, index): WireCommand => {
      const [walletId, counterpartyId] = [walletIds[index % 10], walletIds[(index + 1 + (batch % 9)) % 10]];
      const id = timedId(madeAtMs, batch * BATCH + index);
      return { id, operation: "Transfer", walletId, counterpartyId, amountMinor: 1 + (index % 100) };
    });
    const results = await send(client, commands);
    sent.push(...commands.map((command, index) => ({ command, result: results[index] })));
    if (batch === 0) {
      const { command } = sent[99];
      reversedId = command.id;
      const answer = await post(`/transfers/${reversedId}/reversals`, { walletId: command.walletId, amountMinor: 60 });
      expect(answer.status).toBe(201);
    }
  }
  expect((await post("/snapshots", {})).status).toBe(201);
  wallets = await client.wallets(walletIds);
  client.close();
  await server.stop();
  expect(listArchives(archiveOf(original)).length).toBeGreaterThan(2);
  expect(listSegments(shardOf(original))[0]).toBeGreaterThan(2);
  expect(bucketsOf(original).length).toBeGreaterThan(2);
}, 60_000);

afterAll(() => rmSync(original, { recursive: true, force: true }));

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "mizan-archived-"));
  cpSync(original, dataDir, { recursive: true });
  logged = "";
  server = undefined;
});

afterEach(async () => {
  await server?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function shardOf(directory: string): string {
  return join(directory, "shard-0");
}

function archiveOf(directory: string): string {
  return join(directory, "archive", "shard-0");
}

function bucketsOf(directory: string): string[] {
  return readdirSync(shardOf(directory)).filter((name) => name.startsWith("ids-"));
}

function cutSnapshots(): void {
  const directory = join(shardOf(dataDir), "snapshots");
  for (const name of readdirSync(directory)) truncateSync(join(directory, name), 100);
}

/** Damages what a start reads of a bucket. */
function damageFences(ordinal: number): void {
  const path = bucketPath(shardOf(dataDir), ordinal);
  const bytes = readFileSync(path);
  const facts = decodeHeader(bytes.subarray(0, PAGE_BYTES));
  if (facts === undefined) throw new Error("the bucket has no header");
  bytes[bucketParts(facts).fences] ^= 1;
  writeFileSync(path, bytes);
}

async function startError(): Promise<StartError> {
  const error: unknown = await start(dataDir).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StartError)) throw new Error(`the start did not fail as it should: ${error}`);
  return error;
}

/** Everything is as it was, and nothing that was sent is applied again. */
async function expectEverything(): Promise<void> {
  const client = await WireClient.connect(server?.port ?? 0, ADMIN_KEY);
  const walletIds = wallets.map(({ id }) => id);
  expect(await client.wallets(walletIds)).toEqual(wallets);
  for (let first = 0; first < sent.length; first += BATCH) {
    const some = sent.slice(first, first + BATCH);
    const results = await client.commands(some.map(({ command }) => command));
    expect(results).toEqual(some.map(({ result }) => ({ ...result, replayed: true })));
  }
  const { walletId } = sent[99].command;
  const tooMuch = await post(`/transfers/${reversedId}/reversals`, { walletId, amountMinor: 41 });
  expect(await tooMuch.json()).toMatchObject({ code: "reversal_amount_exceeded" });
  expect(await client.wallets(walletIds)).toEqual(wallets);
  client.close();
}

describe("a start where no snapshot is sound", () => {
  test("goes through the archive and then through the live journal", async () => {
    cutSnapshots();
    server = await start(dataDir);
    expect(logged).toContain("a snapshot cannot be used");
    expect(logged).not.toContain("snapshot loaded");
    await expectEverything();
  });

  test("stops where a part of the archive was dropped, and says which records are missing", async () => {
    cutSnapshots();
    rmSync(archivePath(archiveOf(dataDir), 1));
    const first = await startError();
    expect(first.code).toBe("history_incomplete");
    expect(first.message).toMatch(/^the records 0:1 to 0:\d+ are neither in the journal nor in its archive/);
    cpSync(archivePath(archiveOf(original), 1), archivePath(archiveOf(dataDir), 1));
    rmSync(archivePath(archiveOf(dataDir), 2));
    const second = await startError();
    expect(second.code).toBe("history_incomplete");
    expect(second.message).toMatch(/^the records 0:\d\d+ to 0:\d+ are neither/);
    cpSync(archivePath(archiveOf(original), 2), archivePath(archiveOf(dataDir), 2));
    server = await start(dataDir);
    await expectEverything();
  });

  test("stops where an archive file is damaged, and names it", async () => {
    cutSnapshots();
    const path = archivePath(archiveOf(dataDir), 2);
    const bytes = readFileSync(path);
    bytes[bytes.length >>> 1] ^= 1;
    writeFileSync(path, bytes);
    const { code, message } = await startError();
    expect(code).toBe("engine_failed");
    expect(message).toContain(`the archive file ${path} is damaged`);
  });

  test("stops where the archive is there and the segments behind it are not", async () => {
    cutSnapshots();
    for (const name of readdirSync(shardOf(dataDir))) {
      if (name.endsWith(".mdb")) rmSync(join(shardOf(dataDir), name));
    }
    const { code, message } = await startError();
    expect(code).toBe("engine_failed");
    expect(message).toContain("the segments that follow it are gone");
  });
});

describe("sealed ids that are damaged behind a snapshot", () => {
  test("are read from the archive and the journal, and sealed again", async () => {
    damageFences(1);
    server = await start(dataDir);
    expect(logged).toContain("snapshot loaded");
    expect(logged).toContain("sealed ids are damaged, and are read from the journal");
    await expectEverything();
    await server.stop();
    server = await start(dataDir);
    await expectEverything();
  });

  test("stop the start where they are more than memory takes, which may be given more", async () => {
    for (let ordinal = 1; ordinal <= bucketsOf(original).length; ordinal += 1) damageFences(ordinal);
    const { code, message } = await startError();
    expect(code).toBe("engine_failed");
    expect(message).toContain("start with a larger MIZAN_IDEMPOTENCY_IDS_MAX");
    server = await start(dataDir, 131_072);
    await expectEverything();
  });

  test("stop the start where records that brought them were dropped", async () => {
    damageFences(1);
    rmSync(archivePath(archiveOf(dataDir), 1));
    const { code, message } = await startError();
    expect(code).toBe("history_incomplete");
    expect(message).toMatch(
      /^sealed ids of shard 0 are damaged, and the records 0:\d+ to 0:\d+, which brought some of them/,
    );
    cpSync(archivePath(archiveOf(original), 1), archivePath(archiveOf(dataDir), 1));
    server = await start(dataDir);
    await expectEverything();
  });
});
