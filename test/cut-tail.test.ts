/** Journals of real ledgers, cut behind some frame: what starts then is the ledger that ended there. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listArchives } from "../engine/journal/archive-file.ts";
import { cutTail, cutTailSteps } from "../engine/journal/cut-tail.ts";
import { openFrame } from "../engine/journal/frame.ts";
import { JournalReader } from "../engine/journal/journal-reader.ts";
import { readTailFile } from "../engine/journal/tail-file.ts";
import { readLedgerFile } from "../engine/ledger-file.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { loadConfig } from "../gateway/config.ts";
import { type RunningServer, startServer } from "../gateway/server.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { listSnapshots } from "../snapshots/snapshot-directory.ts";
import { idLanes } from "./engine-harness.ts";
import { timedId } from "./ledger-command.ts";
import { expectSameState } from "./same-state.ts";
import { freshState, startedState } from "./started-shard.ts";
import { WireClient, type WireCommand } from "./wire-client.ts";

const ADMIN_KEY = "test-admin-key-0123456789";
const HEADERS = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };
const BATCH = 2_000;
const BATCHES = 36;
const CUTTING_PROCESS = fileURLToPath(new URL("./cutting-process.ts", import.meta.url));

const original = mkdtempSync(join(tmpdir(), "mizan-tail-"));
const ids = new UuidV7();
const sent: WireCommand[] = [];
let ledgerId: string;
/** The frames of the journal: their bytes, and their last sequences. */
let frames: { readonly bytes: Uint8Array; readonly last: number }[];

let dataDir: string;

function shardOf(directory: string) {
  return {
    directory: join(directory, "shard-0"),
    archiveDirectory: join(directory, "archive", "shard-0"),
    ledgerId,
    shard: 0,
  };
}

function start(directory: string): Promise<RunningServer> {
  const config = loadConfig({
    MIZAN_PORT: "0",
    MIZAN_DATA_DIR: directory,
    MIZAN_SHARDS: "1",
    MIZAN_ADMIN_KEY: ADMIN_KEY,
    MIZAN_SNAPSHOT_KEEP: "2",
    MIZAN_IDEMPOTENCY_IDS_MAX: "65536",
  });
  return startServer({ ...config, journalSegmentBytes: 1 << 20 }, pino({}, { write: () => {} }), () => {});
}

async function snapshot({ port }: RunningServer): Promise<void> {
  const headers = { ...HEADERS, "idempotency-key": ids.next() };
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/snapshots`, { method: "POST", headers, body: "{}" });
  expect(answer.status).toBe(201);
}

beforeAll(async () => {
  const server = await start(original);
  const client = await WireClient.connect(server.port, ADMIN_KEY);
  const wallets = Array.from({ length: 10 }, () => ids.next());
  const ownerId = ids.next();
  const opening = wallets.flatMap((walletId): WireCommand[] => [
    { id: ids.next(), operation: "CreateWallet", walletId, counterpartyId: ownerId, currency: "EGP" },
    { id: ids.next(), operation: "ActivateWallet", walletId },
    { id: ids.next(), operation: "Credit", walletId, amountMinor: 1_000_000 },
  ]);
  await client.commands(opening);
  sent.push(...opening);
  const nowMs = Date.now();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const commands = Array.from({ length: BATCH }, (_, index): WireCommand => {
      const id = timedId(nowMs - (BATCHES - batch) * 5_000, batch * BATCH + index);
      const [walletId, counterpartyId] = [wallets[index % 10], wallets[(index + 1 + (batch % 9)) % 10]];
      return { id, operation: "Transfer", walletId, counterpartyId, amountMinor: 1 + (index % 100) };
    });
    // Where memory is full of ids for a moment, the same again: journal and ids are what matters here.
    for (let left: readonly WireCommand[] = commands; left.length > 0; ) {
      const results = await client.commands(left);
      left = left.filter((_, index) => results[index].code === "overloaded");
    }
    sent.push(...commands);
    if (batch % 14 === 6) await snapshot(server);
  }
  client.close();
  await server.stop();
  ledgerId = readLedgerFile(original)?.ledgerId ?? "";
  const reader = new JournalReader({ ...shardOf(original), control: undefined });
  // A frame is valid until the next one is read.
  frames = Array.from(reader.frames(1), ({ bytes, firstSequence, recordCount }) => ({
    bytes: bytes.slice(),
    last: firstSequence + recordCount - 1,
  }));
  reader.close();
  expect(listArchives(shardOf(original).archiveDirectory).length).toBeGreaterThan(0);
  expect(listSnapshots(join(original, "shard-0", "snapshots")).length).toBe(2);
  expect(readdirSync(join(original, "shard-0")).filter((name) => name.endsWith(".mzi")).length).toBeGreaterThan(2);
}, 60_000);

afterAll(() => rmSync(original, { recursive: true, force: true }));

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "mizan-tail-"));
  cpSync(original, dataDir, { recursive: true });
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

/** The state of a ledger that ended with a sequence. */
function stateThrough(sequence: number): ShardState {
  const state = freshState(ledgerId);
  for (const { bytes, last } of frames) {
    const frame = openFrame(bytes, 0);
    if (typeof frame === "string") throw new Error(frame);
    if (last <= sequence) state.evolveFrame(frame);
  }
  return state;
}

async function expectCut(throughSequence: number): Promise<void> {
  const started = await startedState(shardOf(dataDir));
  expect(started.sequence).toBe(throughSequence);
  const everyTenth = sent.filter((_, index) => index % 10 === 0).map(({ id }) => idLanes(id));
  expectSameState(stateThrough(throughSequence), started, everyTenth, Date.now());
}

/** The frames that were kept aside are those of the journal, to the byte. */
function expectKept(path: string, throughSequence: number): void {
  const behind = frames.filter(({ last }) => last > throughSequence).map(({ bytes }) => Buffer.from(bytes));
  expect([...readTailFile(path)].map((frame) => Buffer.from(frame))).toEqual(behind);
}

/** Ends of frames that are not archived, spread over the journal. */
function cutPoints(count: number): number[] {
  const { archiveDirectory, directory } = shardOf(original);
  const reader = new JournalReader({ directory, archiveDirectory, shard: 0, control: undefined });
  const oldestSnapshot = listSnapshots(join(directory, "snapshots")).at(-1)?.sequence ?? 0;
  reader.close();
  const candidates = frames.filter(({ last }) => last > oldestSnapshot).slice(0, -1);
  const step = (candidates.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, index) => candidates[Math.round(index * step)].last);
}

describe("a journal that is cut", () => {
  test("starts as the ledger that ended there, wherever that is, and what was cut lies beside it", {
    timeout: 60_000,
  }, async () => {
    for (const throughSequence of cutPoints(6)) {
      rmSync(dataDir, { recursive: true });
      cpSync(original, dataDir, { recursive: true });
      const options = { ...shardOf(dataDir), throughSequence };
      const file = await cutTail(options);
      const lastSequence = frames.at(-1)?.last;
      expect(file).toMatchObject({ firstSequence: throughSequence + 1, lastSequence });
      expectKept(file?.path ?? "", throughSequence);
      await expectCut(throughSequence);
      expect(await cutTail(options)).toBeUndefined();
    }
  });

  test("takes the commands that were cut anew", async () => {
    const [throughSequence] = cutPoints(2);
    await cutTail({ ...shardOf(dataDir), throughSequence });
    const server = await start(dataDir);
    const client = await WireClient.connect(server.port, ADMIN_KEY);
    const results = await client.commands([sent[40], sent[sent.length - 1]]);
    expect(results).toMatchObject([
      { code: "ok", replayed: true },
      { code: "ok", replayed: false },
    ]);
    client.close();
    await server.stop();
  });

  test("is cut in the end whatever step the first try ends at", { timeout: 60_000 }, async () => {
    const [throughSequence] = cutPoints(2);
    const options = { ...shardOf(dataDir), throughSequence };
    for (let stopAfter = 1; ; stopAfter += 1) {
      rmSync(dataDir, { recursive: true });
      cpSync(original, dataDir, { recursive: true });
      const steps = cutTailSteps(options);
      const taken: string[] = [];
      while (taken.length < stopAfter) {
        const { value, done } = await steps.next();
        if (done === true) break;
        taken.push(value);
      }
      await steps.return(undefined);
      const isDone = taken.at(-1) === "frames";
      const file = await cutTail(options);
      if (isDone) expect(file).toBeUndefined();
      else expectKept(file?.path ?? "", throughSequence);
      expect(readdirSync(options.directory).filter((name) => name.startsWith("unreplicated"))).toHaveLength(1);
      await expectCut(throughSequence);
      if (isDone) {
        expect(taken).toEqual(expect.arrayContaining(["planned", "kept", "snapshots", "segment", "frames"]));
        return;
      }
    }
  });

  test("is cut in the end where the first tries are killed", { timeout: 60_000 }, async () => {
    const [throughSequence] = cutPoints(2);
    const { directory, archiveDirectory } = shardOf(dataDir);
    for (let round = 0; round < 8; round += 1) {
      const args = [CUTTING_PROCESS, directory, archiveDirectory, String(throughSequence)];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      const closed = once(child, "close");
      await Promise.race([once(child.stdout, "data"), closed]);
      await delay(Math.random() * 15);
      child.kill("SIGKILL");
      await closed;
    }
    await cutTail({ ...shardOf(dataDir), throughSequence });
    const names = readdirSync(directory).filter((name) => name.startsWith("unreplicated"));
    expect(names).toHaveLength(1);
    expectKept(join(directory, names[0]), throughSequence);
    await expectCut(throughSequence);
  });
});

describe("a journal that cannot be cut", () => {
  function contents(): Map<string, string> {
    const names = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    return new Map(
      names.map(({ parentPath, name }) => {
        const path = join(parentPath, name);
        return [path, readFileSync(path).toString("latin1")];
      }),
    );
  }

  test.each([
    { name: "in the middle of a frame", through: () => cutPoints(2)[0] - 1, says: "the frame with it goes on to" },
    { name: "where all of it is archived", through: () => frames[0].last, says: "are in the archive already" },
    { name: "before its first record", through: () => 0, says: "are in the archive already" },
  ])("$name says so, and stays as it is", async ({ through, says }) => {
    const before = contents();
    await expect(cutTail({ ...shardOf(dataDir), throughSequence: through() })).rejects.toThrow(says);
    expect(contents()).toEqual(before);
  });

  test("without a snapshot to start from says so, and stays as it is", async () => {
    const { directory, archiveDirectory } = shardOf(dataDir);
    for (const { path } of listSnapshots(join(directory, "snapshots")).slice(1)) rmSync(path);
    renameSync(archiveDirectory, join(dataDir, "moved-away"));
    const before = contents();
    const [throughSequence] = cutPoints(2);
    await expect(cutTail({ ...shardOf(dataDir), throughSequence })).rejects.toThrow("no snapshot would be left");
    expect(contents()).toEqual(before);
  });

  test("where a file of that name holds something else says so", async () => {
    const [throughSequence] = cutPoints(2);
    const path = join(dataDir, "shard-0", `unreplicated-${throughSequence + 1}-${frames.at(-1)?.last}.frames`);
    writeFileSync(path, "something else");
    await expect(cutTail({ ...shardOf(dataDir), throughSequence })).rejects.toThrow("holds other frames");
    await expectCut(frames.at(-1)?.last ?? 0);
  });
});
