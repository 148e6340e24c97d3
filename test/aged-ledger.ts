/** A ledger of two shards, run until it has dropped its oldest history and sealed ids; with backups taken on the way. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { expect } from "vitest";
import { listBuckets } from "../engine/idempotency/bucket-layout.ts";
import { listArchives } from "../engine/journal/archive-file.ts";
import { loadConfig } from "../gateway/config.ts";
import { startServer } from "../gateway/server.ts";
import { OPERATION } from "../protocol/command-record.ts";
import { currencyNumber } from "../protocol/currencies.ts";
import { shardOfUuid, UuidV7 } from "../protocol/ids.ts";
import { command, encodeCommands, extension, type LedgerCommand } from "./ledger-command.ts";
import { ADMIN_KEY } from "./ledger-process.ts";
import { askMizan } from "./mizan-command.ts";
import { WireClient, type WireResult, type WireWallet } from "./wire-client.ts";

export const SHARDS = 2;
const WALLETS = 12;
const WINDOW_MS = 4_000;
const SEGMENT_BYTES = 1 << 20;
const BATCH = 300;
const PAUSE_MS = 20;
export const SETTINGS = { MIZAN_IDEMPOTENCY_WINDOW_MS: String(WINDOW_MS) };

export const ids = new UuidV7();
/** As many of each shard, so that there are transfers within and between them. */
export const wallets = Array.from({ length: WALLETS }, (_, index) => walletOf(index % SHARDS));
/** Placed at the beginning; 100 of each 500 are captured, the rest stays open. */
export const holds = wallets.map((walletId) =>
  make({ operation: OPERATION.PlaceHold, walletId, amountMinor: 500n, id: ids.next() }),
);
const owner = ids.next();

/** What was sent, and what was answered. */
export interface Answered {
  readonly command: LedgerCommand;
  readonly result: WireResult;
}

/** What became of it all. */
export interface AgedLedger {
  /** Data directory of the ledger, stopped. */
  readonly dataDir: string;
  /** A backup that ends before what was dropped. */
  readonly early: string;
  /** A backup that was begun after it, and went on once. */
  readonly late: string;
  readonly firstRun: Record<string, unknown>;
  readonly firstRunEndedMs: number;
  readonly filesOfFirstRun: readonly string[];
  readonly secondRun: Record<string, unknown>;
  readonly sent: readonly Answered[];
  readonly told: readonly WireWallet[];
}

function walletOf(shard: number): string {
  for (;;) {
    const id = ids.next();
    if (shardOfUuid(id, SHARDS) === shard) return id;
  }
}

export function make(
  fields: Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId" | "id">,
): LedgerCommand {
  return command(fields);
}

export function shardPath(dataDir: string, shard: number): string {
  return join(dataDir, `shard-${shard}`);
}

/** Names of the files of all shards. */
export function filesIn(path: string): string[] {
  return Array.from({ length: SHARDS }, (_, shard) => shard).flatMap((shard) =>
    readdirSync(shardPath(path, shard)).map((name) => `${shard}/${name}`),
  );
}

export async function ask(client: WireClient, commands: readonly LedgerCommand[]): Promise<WireResult[]> {
  return client.records(encodeCommands(commands), commands.length);
}

async function open(client: WireClient): Promise<void> {
  const each = (fields: Partial<LedgerCommand> & Pick<LedgerCommand, "operation">): LedgerCommand[] =>
    wallets.map((walletId) => make({ ...fields, walletId, id: ids.next() }));
  const captures = holds.map(({ id, walletId }, index) =>
    make({
      operation: OPERATION.CaptureHold,
      walletId,
      counterpartyId: wallets[(index + 1) % WALLETS],
      amountMinor: 100n,
      id: ids.next(),
      extension: extension({ targetId: id }),
    }),
  );
  const steps = [
    each({
      operation: OPERATION.CreateWallet,
      counterpartyId: owner,
      currency: currencyNumber("EGP"),
      walletType: 1,
    }),
    each({ operation: OPERATION.ActivateWallet }),
    each({ operation: OPERATION.Credit, amountMinor: 1_000_000_000n }),
    holds,
    captures,
  ];
  for (const step of steps) {
    const results = await ask(client, step);
    expect(results.map(({ code }) => code)).toEqual(step.map(() => "ok"));
  }
}

/** Sends transfers, two thirds of them between shards, until a condition holds. */
async function writeUntil(client: WireClient, sent: Answered[], isEnough: () => boolean): Promise<void> {
  for (let round = 0; !isEnough(); round += 1) {
    const batch = Array.from({ length: BATCH }, (_, index) =>
      make({
        operation: OPERATION.Transfer,
        walletId: wallets[(round + index) % WALLETS],
        counterpartyId: wallets[(round + index * 5 + 1 + (index % 3)) % WALLETS],
        amountMinor: BigInt(1 + (index % 90)),
        id: ids.next(),
      }),
    );
    const results = await ask(client, batch);
    for (const [index, result] of results.entries()) sent.push({ command: batch[index], result });
    await delay(PAUSE_MS);
  }
}

function isDropped(dataDir: string, shard: number): boolean {
  const archive = join(dataDir, "archive", `shard-${shard}`);
  return existsSync(archive) && (listArchives(archive)[0] ?? 1) > 2;
}

/** Runs the ledger, in a scratch directory. */
export async function ageLedger(scratch: string): Promise<AgedLedger> {
  const [dataDir, early, late] = ["aged", "early", "late"].map((name) => join(scratch, name));
  const config = loadConfig({
    ...SETTINGS,
    MIZAN_PORT: "0",
    MIZAN_DATA_DIR: dataDir,
    MIZAN_SHARDS: String(SHARDS),
    MIZAN_ADMIN_KEY: ADMIN_KEY,
    MIZAN_SNAPSHOT_JOURNAL_BYTES: String(2 * SEGMENT_BYTES),
    MIZAN_SNAPSHOT_KEEP: "2",
    MIZAN_ARCHIVE_KEEP_MS: String(2 * WINDOW_MS),
  });
  const failures: string[] = [];
  // Far shorter segments than may be set, so that a short run drops some of them.
  const short = { ...config, journalSegmentBytes: SEGMENT_BYTES };
  const server = await startServer(short, pino({ level: "silent" }), (message) => failures.push(message));
  const client = await WireClient.connect(server.port, ADMIN_KEY);
  await open(client);
  expect(await askMizan(["backup", dataDir, early], SETTINGS)).toMatchObject({ ok: true });
  const sent: Answered[] = [];
  const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
  const bucketsOf = (shard: number): number => listBuckets(shardPath(dataDir, shard)).length;
  await writeUntil(client, sent, () => shards.every((shard) => isDropped(dataDir, shard) && bucketsOf(shard) > 2));
  const firstRun = await askMizan(["backup", dataDir, late], SETTINGS);
  const firstRunEndedMs = Date.now();
  const filesOfFirstRun = filesIn(late);
  // How many there are need not grow: those whose records were dropped go.
  const newestBucket = (shard: number): number => listBuckets(shardPath(dataDir, shard)).at(-1) ?? 0;
  const newest = shards.map(newestBucket);
  await writeUntil(client, sent, () =>
    shards.every((shard) => newestBucket(shard) > newest[shard] && bucketsOf(shard) > 2),
  );
  const secondRun = await askMizan(["backup", dataDir, late], SETTINGS);
  const told = await client.wallets(wallets);
  client.close();
  await server.stop();
  expect(failures).toEqual([]);
  return { dataDir, early, late, firstRun, firstRunEndedMs, filesOfFirstRun, secondRun, sent, told };
}
