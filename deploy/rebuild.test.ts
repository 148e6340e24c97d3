/**
 * A ledger that was killed under load twice, so that its log has two epochs, and frames of the first one in the second: it is
 * rebuilt from the log, alone and from a backup on, and goes on.
 */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { genesisHash, openFrame } from "../engine/journal/frame.ts";
import { UuidV7 } from "../protocol/ids.ts";
import type { Claim, FrameRecord } from "../replicator/epoch-fold.ts";
import { claimRecord, frameRecord, type OutgoingRecord } from "../replicator/journal-record.ts";
import { FrameChain } from "../test/frame-chain.ts";
import { JournalLog } from "../test/journal-log.ts";
import type { NodeView } from "../test/ledger-cluster.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { askMizan, runMizan, spawnMizan } from "../test/mizan-command.ts";
import { FIRST_BROKER_WITHIN_MS, TemporaryBroker } from "../test/temporary-broker.ts";
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
import type { BackupManifest } from "./backup-manifest.ts";

const SHARDS = 2;
const TOPIC = "mizan.journal";
const LOAD_MS = 500;
const POLL_MS = 20;
const WITHIN_MS = 30_000;
const TIMEOUT_MS = 120_000;
const TOOL_ENV = { MIZAN_JOURNAL_SEGMENT_BYTES: String(16 << 20) };
const UNSETTLED = ["not_leader", "replication_pending", "shutting_down", "overloaded", "in_progress"];

const scratch = mkdtempSync(join(tmpdir(), "mizan-rebuild-"));
const lost = join(scratch, "lost");
const backup = join(scratch, "backup");
const sent: Sent[] = [];
const ids = new UuidV7();
const random = randomFrom(20_261_121);
const ledgers: LedgerProcess[] = [];
let broker: TemporaryBroker;
let log: JournalLog;
let env: Readonly<Record<string, string>>;
let wallets: string[];
let claims: Claim[];
let topics = 0;
let paths = 0;

function freshPath(name: string): string {
  paths += 1;
  return join(scratch, `${name}-${paths}`);
}

/** A ledger process, on a copy of a data directory where one is given. */
async function ledgerOf(role: "leader" | "standby", dataDir?: string): Promise<LedgerProcess> {
  const ledger = await LedgerProcess.create({ ...env, MIZAN_ROLE: role });
  ledgers.push(ledger);
  if (dataDir !== undefined) cpSync(dataDir, ledger.dataDir, { recursive: true });
  await ledger.start();
  return ledger;
}

async function viewOf(ledger: LedgerProcess): Promise<NodeView> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  return (await (await fetch(`${ledger.url}/api/v1/replication`, { headers })).json()) as NodeView;
}

async function until(what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + WITHIN_MS;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not in time\n${ledgers.at(-1)?.output}`);
    await delay(POLL_MS);
  }
}

const leads = (ledger: LedgerProcess): Promise<void> =>
  until("it leads", async () => (await viewOf(ledger)).role === "leader");

/** Writes until something is done, then kills the ledger. */
async function writeUntil(ledger: LedgerProcess, done: () => Promise<unknown>): Promise<void> {
  const writers = [1, 2, 3].map(() => write(ledger, wallets, ids, random, sent));
  await done();
  await ledger.end("SIGKILL");
  await Promise.all(writers);
}

/** The record of a frame that continues a journal, as a leader of another time would write it. */
function continued({ hash, firstSequence, recordCount }: FrameRecord, epoch: number): OutgoingRecord {
  const { bytes } = new FrameChain(Buffer.from(hash, "hex"), firstSequence + recordCount).next(1);
  return recordOf(bytes, epoch);
}

function recordOf(bytes: Uint8Array, epoch: number): OutgoingRecord {
  const frame = openFrame(bytes, 0);
  if (typeof frame === "string") throw new Error(frame);
  return frameRecord(epoch, frame);
}

/** Another topic, with a claim and some records behind it in each partition. */
async function topicWith(records: readonly (readonly OutgoingRecord[])[], claim = claims[0]): Promise<JournalLog> {
  topics += 1;
  const other = new JournalLog(broker.address, `journal-${topics}`);
  await other.create(records.length);
  for (const [shard, ofShard] of records.entries()) {
    await other.append(shard, [claimRecord(claim, Date.now()), ...ofShard]);
  }
  return other;
}

type Outcome = Awaited<ReturnType<typeof askMizan>>;

function rebuild(dataDir: string, extra: readonly string[] = [], topic = TOPIC): Promise<Outcome> {
  return askMizan(["rebuild", dataDir, "--from-kafka", broker.address, ...extra], {
    ...TOOL_ENV,
    MIZAN_JOURNAL_TOPIC: topic,
  });
}

function refusal(code: string, exitCode = 1): object {
  return { command: "rebuild", ok: false, exitCode, error: { code } };
}

/** The state hashes of a data directory, all of which is right. */
async function verified(dataDir: string): Promise<string[]> {
  const { shards, ...outcome } = await askMizan(["verify", dataDir]);
  expect(outcome).toMatchObject({ ok: true, problems: [], exitCode: 0 });
  return (shards as { stateHash: string }[]).map(({ stateHash }) => stateHash);
}

/** The state hashes that the lost ledger had at some positions. */
async function lostAt(positions: unknown): Promise<string[]> {
  const [copy, restored] = [freshPath("copy"), freshPath("restored")];
  await askMizan(["backup", lost, copy]);
  const outcome = await askMizan(["restore", copy, restored, "--at", (positions as string[]).join(",")], TOOL_ENV);
  expect(outcome).toMatchObject({ ok: true, positions });
  return verified(restored);
}

beforeAll(async () => {
  broker = await TemporaryBroker.create();
  await broker.start();
  log = new JournalLog(broker.address, TOPIC);
  env = {
    MIZAN_KAFKA_BROKERS: broker.address,
    MIZAN_ACKS: "replicated",
    MIZAN_SHARDS: String(SHARDS),
    MIZAN_SESSION_TIMEOUT_MS: "2000",
    MIZAN_SNAPSHOT_FRAMES: "40",
  };
  const ledger = await ledgerOf("leader");
  await leads(ledger);
  wallets = await openWallets(ledger, ids);
  await writeUntil(ledger, () => delay(LOAD_MS));
  await ledger.start();
  await leads(ledger);
  await writeUntil(ledger, async () => {
    const zombie = (await log.frames(0)).at(-1);
    if (zombie !== undefined) await log.append(0, [continued(zombie, 1)]);
    await delay(LOAD_MS);
    // How far a node has come in the log, it writes down every second.
    await until("a place in the log", () => existsSync(join(ledger.dataDir, "replication.json")));
    expect(await askMizan(["backup", ledger.dataDir, backup])).toMatchObject({ ok: true });
    await delay(LOAD_MS);
  });
  const last = (await log.frames(0)).at(-1);
  if (last !== undefined) await log.append(0, [continued(last, 1)]);
  cpSync(ledger.dataDir, lost, { recursive: true });
  const records = await log.read(0);
  claims = records.flatMap((record) => (record.type === "claim" ? [record.claim] : []));
  expect(claims.map(({ epoch }) => epoch)).toEqual([1, 2]);
  const second = records.slice(records.findLastIndex(({ type }) => type === "claim"));
  expect(second.filter((record) => record.type === "frame" && record.epoch === 1).length).toBe(2);
}, FIRST_BROKER_WITHIN_MS);

afterAll(async () => {
  for (const ledger of ledgers) await ledger.dispose();
  await broker.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

describe("mizan rebuild", { timeout: TIMEOUT_MS }, () => {
  const fromLog = join(scratch, "from-log");
  let outcome: Outcome;

  test("makes the lost ledger from the log alone, as it was at the replicated position", async () => {
    outcome = await rebuild(fromLog);
    expect(outcome).toMatchObject({ ok: true, exitCode: 0, epoch: 2, logPositions: outcome.positions });
    expect(outcome.recordsFromLog).toBe(outcome.records);
    expect(existsSync(`${fromLog}.unfinished`)).toBe(false);
    expect(outcome.stateHashes).toEqual(await lostAt(outcome.positions));
    expect(await verified(fromLog)).toEqual(outcome.stateHashes);
  });

  test("makes the same from a backup, and the log from there on", async () => {
    const dataDir = freshPath("from-backup");
    const { positions, stateHashes, records } = outcome;
    const again = await rebuild(dataDir, ["--backup", backup]);
    expect(again).toMatchObject({ ok: true, exitCode: 0, positions, logPositions: positions, stateHashes, records });
    expect(again.recordsFromLog).toBeGreaterThan(0);
    expect(again.recordsFromLog).toBeLessThan(Number(records));
    expect(again.snapshots).not.toContain(null);
    expect(await verified(dataDir)).toEqual(stateHashes);
  });

  test("tells people where it ended, and with what state", async () => {
    const { exitCode, stdout } = await runMizan(["rebuild", freshPath("told"), "--from-kafka"], {
      ...TOOL_ENV,
      MIZAN_KAFKA_BROKERS: broker.address,
    });
    expect(exitCode).toBe(0);
    for (const part of [...(outcome.positions as string[]), ...(outcome.stateHashes as string[])])
      expect(stdout).toContain(part);
  });

  test("that was killed leaves nothing behind, and may run again", async () => {
    const dataDir = freshPath("killed");
    const child = spawnMizan(["rebuild", dataDir, "--from-kafka", broker.address, "--backup", backup], TOOL_ENV);
    const ended = new Promise((resolve) => child.once("close", resolve));
    while (child.exitCode === null && !existsSync(`${dataDir}.unfinished`)) await delay(1);
    child.kill("SIGKILL");
    await ended;
    expect(existsSync(dataDir)).toBe(false);
    const { positions, stateHashes } = outcome;
    expect(await rebuild(dataDir, ["--backup", backup])).toMatchObject({ ok: true, positions, stateHashes });
    expect(existsSync(`${dataDir}.unfinished`)).toBe(false);
  });

  test("refuses where the log or the directory is not what it must be", async () => {
    const dataDir = freshPath("refused");
    const full = freshPath("full");
    mkdirSync(full);
    writeFileSync(join(full, "something"), "");
    topics += 1;
    const empty = new JournalLog(broker.address, `journal-${topics}`);
    await empty.create(SHARDS);
    const [claim] = claims;
    const other = await topicWith([[], []], { ...claim, ledger: { ...claim.ledger, ledgerId: "another" } });
    const outcomes = await Promise.all([
      rebuild(full),
      rebuild(dataDir, [], "no-such-topic"),
      rebuild(dataDir, ["--backup", scratch]),
      askMizan(["rebuild", dataDir, "--from-kafka"]),
      askMizan(["rebuild", dataDir, "--from-kafka", "127.0.0.1:1"]),
      rebuild(dataDir, [], empty.topic),
      rebuild(dataDir, ["--backup", backup], other.topic),
    ]);
    expect(outcomes).toMatchObject([
      refusal("not_empty", 2),
      refusal("topic_missing", 2),
      refusal("not_a_backup", 2),
      refusal("no_brokers", 2),
      refusal("kafka_unreachable"),
      refusal("not_a_journal", 2),
      refusal("other_ledger", 2),
    ]);
    expect(existsSync(dataDir)).toBe(false);
    expect(existsSync(`${dataDir}.unfinished`)).toBe(false);
  });

  test("refuses a log with a gap, with a frame that is damaged, and with other frames than the backup", async () => {
    const dataDir = freshPath("refused");
    const [first, second, third] = (await log.frames(0)).map(({ bytes }) => recordOf(bytes, 1));
    const gap = await topicWith([[first, third], []]);
    expect(await rebuild(dataDir, [], gap.topic)).toMatchObject(refusal("replication_gap"));

    const value = Buffer.from(second.value);
    value[value.length - 1] ^= 1;
    const damaged = await topicWith([[first, { ...second, value }, third], []]);
    const refused = await rebuild(dataDir, [], damaged.topic);
    expect(refused).toMatchObject(refusal("journal_damaged"));
    expect(refused.error).toMatchObject({ message: expect.stringContaining("at offset 2 of") });

    const { bytes } = new FrameChain(genesisHash(claims[0].ledger.ledgerId, 0), 1).next(1);
    const differing = await topicWith([[recordOf(bytes, 1)], []]);
    expect(await rebuild(dataDir, ["--backup", backup], differing.topic)).toMatchObject(refusal("history_differs"));
    expect(existsSync(dataDir)).toBe(false);
  });

  test("keeps what a backup has beyond the end of the log", async () => {
    const [first, second] = (await log.frames(0)).map(({ bytes }) => recordOf(bytes, 1));
    const short = await topicWith([[first, second], []]);
    const { cut } = JSON.parse(readFileSync(join(backup, "backup.json"), "utf8")) as BackupManifest;
    const beyond = await rebuild(freshPath("beyond"), ["--backup", backup], short.topic);
    const positions = cut.sequences.map((sequence, shard) => `${shard}:${sequence}`);
    expect(beyond).toMatchObject({ ok: true, exitCode: 0, positions, recordsFromLog: 0 });
    expect(beyond.logPositions).not.toEqual(positions);
  });

  test("makes a node of the ledger: it takes over, and has every acknowledged command once", async () => {
    const leader = await ledgerOf("leader", fromLog);
    await leads(leader);
    expect(leader.output).not.toContain("cut off");
    for (const one of sent) if (UNSETTLED.includes(one.result?.code ?? "")) one.result = undefined;
    expect(sent.filter(({ result }) => result?.code === "ok").length).toBeGreaterThan(100);
    await settle(leader, sent);
    const balances = openingBalances(wallets);
    applyAnswered(balances, sent);
    await checkBooks(leader, balances);
    expect(await leader.end("SIGTERM")).toBe(0);
  });

  test("needs a backup where the log was cut, and one that goes far enough", async () => {
    const { log: place } = JSON.parse(readFileSync(join(backup, "backup.json"), "utf8")) as BackupManifest;
    const offsets = place?.shards.map(({ offset }) => offset) ?? [];
    expect(offsets.length).toBe(SHARDS);
    await log.dropBefore(offsets);
    expect(await rebuild(freshPath("refused"))).toMatchObject(refusal("history_dropped"));
    const placeless = freshPath("placeless");
    cpSync(backup, placeless, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(backup, "backup.json"), "utf8")) as BackupManifest;
    writeFileSync(join(placeless, "backup.json"), JSON.stringify({ ...manifest, log: undefined }));
    const restored = freshPath("restored");
    expect(await askMizan(["restore", backup, restored], TOOL_ENV)).toMatchObject({ ok: true });
    expect(JSON.parse(readFileSync(join(restored, "replication.json"), "utf8"))).toMatchObject({ ...place });
    const late = await rebuild(freshPath("refused"), ["--backup", placeless]);
    expect(late).toMatchObject(refusal("history_dropped"));

    const dataDir = freshPath("from-rest");
    const rebuilt = await rebuild(dataDir, ["--backup", backup]);
    expect(rebuilt).toMatchObject({ ok: true, exitCode: 0, epoch: 3, logPositions: rebuilt.positions });
    expect(rebuilt.stateHashes).toEqual(await verified(ledgers.at(-1)?.dataDir ?? ""));
    const standby = await ledgerOf("standby", dataDir);
    await until("it follows", async () => (await viewOf(standby)).behindRecords === 0);
    expect((await viewOf(standby)).shards.map(({ position }) => position)).toEqual(rebuilt.positions);

    await log.dropBefore(offsets.map((offset) => offset + 1));
    expect(await rebuild(freshPath("refused"), ["--backup", backup])).toMatchObject(refusal("history_dropped"));
  });
});
