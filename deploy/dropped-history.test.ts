/** The commands on a ledger that has dropped its oldest history and sealed ids: written by real threads over real sockets. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bucketParts, bucketPath, listBuckets, PAGE_BYTES } from "../engine/idempotency/bucket-layout.ts";
import { ROW_LANES } from "../engine/idempotency/id-map.ts";
import { rowSequence } from "../engine/idempotency/row-order.ts";
import { readHeader } from "../engine/idempotency/sealed-bucket.ts";
import { OPERATION } from "../protocol/command-record.ts";
import { formatUuid, shardOfUuid } from "../protocol/ids.ts";
import {
  type AgedLedger,
  type Answered,
  ageLedger,
  ask,
  filesIn,
  holds,
  ids,
  make,
  SETTINGS,
  SHARDS,
  shardPath,
  wallets,
} from "../test/aged-ledger.ts";
import { flip, rowsOf, sealAgain } from "../test/bucket-changes.ts";
import { extension, type LedgerCommand } from "../test/ledger-command.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { askMizan, runMizan } from "../test/mizan-command.ts";
import { WireClient } from "../test/wire-client.ts";
import { JournalFrames } from "./journal-frames.ts";

const scratch = mkdtempSync(join(tmpdir(), "mizan-dropped-"));
let ledger: AgedLedger;
let pathNumber = 0;

function freshPath(name: string): string {
  pathNumber += 1;
  return join(scratch, `${name}-${pathNumber}`);
}

beforeAll(async () => {
  ledger = await ageLedger(scratch);
}, 120_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function problemsOf(path: string): Promise<{ position?: string; file?: string; problem: string }[]> {
  const { exitCode, problems } = await askMizan(["verify", path], SETTINGS);
  expect(exitCode).toBe(1);
  return problems as { problem: string }[];
}

/** Ordinals of the buckets of a shard that hold ids by their time, newest first. */
function timedBuckets(shard: number): number[] {
  const directory = shardPath(ledger.dataDir, shard);
  return listBuckets(directory)
    .filter((ordinal) => readHeader(bucketPath(directory, ordinal)).isByTime)
    .reverse();
}

/** A copy of the ledger with one of its buckets of sealed ids changed. */
function damagedBucket(
  shard: number,
  ordinal: number,
  change: (path: string) => void,
): { readonly dataDir: string; readonly file: string } {
  const dataDir = freshPath("damaged");
  cpSync(ledger.dataDir, dataDir, { recursive: true });
  const file = bucketPath(shardPath(dataDir, shard), ordinal);
  change(file);
  return { dataDir, file };
}

/** The newest sealed id that is certainly looked up, of a transfer within shard 1: its bucket, row and sequence. */
function idLookedUp(): { readonly ordinal: number; readonly row: number; readonly sequence: number } {
  const local = new Set(
    ledger.sent
      .filter(
        ({ command: { walletId, counterpartyId } }) =>
          shardOfUuid(walletId, SHARDS) === shardOfUuid(counterpartyId, SHARDS),
      )
      .map(({ command: { id } }) => id),
  );
  const first = new JournalFrames(ledger.dataDir, 1).range()?.first ?? 1;
  for (const ordinal of timedBuckets(1)) {
    const rows = rowsOf(bucketPath(shardPath(ledger.dataDir, 1), ordinal));
    const bytes = new Uint8Array(rows.buffer);
    for (let row = 0; row < rows.length / ROW_LANES; row += 1) {
      const sequence = rowSequence(rows, row * ROW_LANES);
      // Of a long journal one record in 64 is asked for.
      const isAsked = sequence >= first && (sequence <= 65_536 || sequence % 64 === 0);
      if (isAsked && local.has(formatUuid(bytes, row * ROW_LANES * 4))) return { ordinal, row, sequence };
    }
  }
  throw new Error("no row will do");
}

describe("verify", () => {
  test("recomputes balances from the oldest sound snapshot on, and compares sealed ids", {
    timeout: 60_000,
  }, async () => {
    const { exitCode, problems, shards } = await askMizan(["verify", ledger.dataDir], SETTINGS);
    expect({ exitCode, problems }).toEqual({ exitCode: 0, problems: [] });
    for (const { firstSequence, snapshots, sealedIds } of shards as {
      firstSequence: number;
      snapshots: number;
      sealedIds: { buckets: number; ids: number; compared: number };
    }[]) {
      expect(firstSequence).toBeGreaterThan(1);
      expect(snapshots).toBeGreaterThan(0);
      expect(sealedIds.buckets).toBeGreaterThan(2);
      expect(sealedIds.ids).toBeGreaterThan(1_000);
      expect(sealedIds.compared).toBeGreaterThan(100);
    }
  });

  test("finds a flipped byte anywhere in a file of sealed ids", { timeout: 60_000 }, async () => {
    const dataDir = freshPath("damaged");
    cpSync(ledger.dataDir, dataDir, { recursive: true });
    const places: readonly ((path: string) => number)[] = [
      () => 20,
      () => PAGE_BYTES + 100,
      (path) => bucketParts(readHeader(path)).fences,
      (path) => bucketParts(readHeader(path)).filter + 3,
      (path) => bucketParts(readHeader(path)).lastHeader + 8,
    ];
    const files = places.map((place, index) => {
      const directory = shardPath(dataDir, index % SHARDS);
      const path = bucketPath(directory, listBuckets(directory)[Math.floor(index / SHARDS)]);
      flip(path, place(path));
      return path;
    });
    const problems = await problemsOf(dataDir);
    expect(problems.map(({ file }) => file).sort()).toEqual(files.sort());
  });

  test("finds that an id is missing, where every checksum is right", { timeout: 60_000 }, async () => {
    const { ordinal, row, sequence } = idLookedUp();
    const { dataDir } = damagedBucket(1, ordinal, (path) =>
      sealAgain(
        path,
        rowsOf(path).filter((_, lane) => Math.floor(lane / ROW_LANES) !== row),
      ),
    );
    const problems = await problemsOf(dataDir);
    expect(problems).toMatchObject([
      { position: `1:${sequence}`, problem: "the id of the record is in none of the sealed buckets" },
    ]);
  });

  test("finds an id that leads to another record", { timeout: 60_000 }, async () => {
    const { dataDir, file } = damagedBucket(0, timedBuckets(0)[0], (path) => {
      const rows = rowsOf(path);
      // The first row is among those that are compared.
      rows[4] -= 1;
      sealAgain(path, rows);
    });
    const problems = await problemsOf(dataDir);
    expect(problems).toContainEqual(
      expect.objectContaining({ file, problem: expect.stringMatching(/leads to a record of another id$/) }),
    );
  });
});

test("inspect shows sealed ids, and where the history begins", { timeout: 60_000 }, async () => {
  const { shards } = (await askMizan(["inspect", ledger.dataDir], SETTINGS)) as unknown as {
    shards: { shard: number; firstPosition: string; sealedIds: { name: string; ids: number; through: number }[] }[];
  };
  for (const { shard, firstPosition, sealedIds } of shards) {
    expect(Number(firstPosition.split(":")[1])).toBeGreaterThan(1);
    expect(sealedIds.map(({ name }) => name)).toEqual(
      listBuckets(shardPath(ledger.dataDir, shard)).map((ordinal) => bucketPath("", ordinal)),
    );
    for (const { name, ids, through } of sealedIds) {
      const facts = readHeader(join(shardPath(ledger.dataDir, shard), name));
      expect({ ids, through }).toEqual({ ids: facts.count, through: facts.throughSequence });
    }
  }
  const { stdout } = await runMizan(["inspect", ledger.dataDir], SETTINGS);
  expect(stdout).toMatch(/ids-\d{8}\.mzi {2}\d+ bytes, \d+ ids by (their time|arrival), \d{4}-/);
});

/** Sequences of positions, by shard. */
function sequencesOf(positions: unknown): number[] {
  return (positions as string[]).map((position) => Number(position.split(":")[1]));
}

describe("backup", () => {
  test("of what is kept begins with it, and a second run copies only what is new", () => {
    expect([ledger.firstRun.error, ledger.secondRun.error]).toEqual([undefined, undefined]);
    expect(ledger.firstRun).toMatchObject({ ok: true, exitCode: 0 });
    for (const first of sequencesOf(ledger.firstRun.firstPositions)) expect(first).toBeGreaterThan(1);
    expect(ledger.firstRun.snapshots).toBeGreaterThanOrEqual(SHARDS);
    expect(ledger.firstRun.sealedIds).toBeGreaterThan(SHARDS);
    expect(ledger.secondRun).toMatchObject({
      ok: true,
      exitCode: 0,
      firstPositions: ledger.firstRun.firstPositions,
      newFiles: SHARDS,
    });
    expect(ledger.secondRun.records).toBeLessThan(ledger.firstRun.records as number);
    expect(ledger.secondRun.sealedIds).toBeGreaterThan(ledger.firstRun.sealedIds as number);
    const [before, after] = [ledger.firstRun, ledger.secondRun].map(({ positions }) => sequencesOf(positions));
    for (let shard = 0; shard < SHARDS; shard += 1) expect(after[shard]).toBeGreaterThan(before[shard]);
    const now = new Set(filesIn(ledger.late));
    const gone = ledger.filesOfFirstRun.filter((name) => !now.has(name));
    expect(gone.filter((name) => !name.includes("/snapshot-"))).toEqual([]);
  });

  test("is verified with its snapshots and sealed ids", { timeout: 60_000 }, async () => {
    const { exitCode, problems, snapshots } = await askMizan(["verify", ledger.late], SETTINGS);
    expect({ exitCode, problems }).toEqual({ exitCode: 0, problems: [] });
    expect(snapshots).toBeGreaterThan(0);
    for (const kind of ["ids-", "snapshot-", "frames-"]) {
      const damaged = freshPath("damaged-backup");
      cpSync(ledger.late, damaged, { recursive: true });
      const name = readdirSync(shardPath(damaged, 0)).findLast((found) => found.startsWith(kind)) ?? "";
      flip(join(shardPath(damaged, 0), name), 5_000);
      const [{ problem }] = await problemsOf(damaged);
      expect(problem).toContain(name);
    }
  });

  test("does not go on where what came behind it was dropped", { timeout: 60_000 }, async () => {
    const manifest = readFileSync(join(ledger.early, "backup.json"), "utf8");
    expect(await askMizan(["backup", ledger.dataDir, ledger.early], SETTINGS)).toMatchObject({
      exitCode: 1,
      error: { code: "history_dropped" },
    });
    expect(readFileSync(join(ledger.early, "backup.json"), "utf8")).toBe(manifest);
    expect(await askMizan(["verify", ledger.early], SETTINGS)).toMatchObject({ ok: true });
  });

  test("goes on with nothing where nothing is new", { timeout: 60_000 }, async () => {
    const target = freshPath("backup");
    cpSync(ledger.late, target, { recursive: true });
    expect(await askMizan(["backup", ledger.dataDir, target], SETTINGS)).toMatchObject({ ok: true });
    const { records, newFiles } = await askMizan(["backup", ledger.dataDir, target], SETTINGS);
    expect({ records, newFiles }).toEqual({ records: 0, newFiles: 0 });
  });
});

describe("restore", () => {
  /** Starts a ledger on a restored directory, for longer remembered ids than before. */
  async function withLedger(dataDir: string, during: (client: WireClient) => Promise<void>): Promise<void> {
    const started = await LedgerProcess.create();
    try {
      rmSync(started.dataDir, { recursive: true });
      cpSync(dataDir, started.dataDir, { recursive: true });
      await started.start();
      expect(started.output).toContain("snapshot loaded");
      const client = await WireClient.connect(started.port, ADMIN_KEY);
      await during(client);
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      const { lines } = (await (await fetch(`${started.url}/api/v1/trial-balance`, { headers })).json()) as {
        lines: { sumMinor: string; transitMinor: string }[];
      };
      expect(lines.map(({ sumMinor }) => sumMinor)).toEqual(["0", "0"]);
      expect(lines.reduce((sum, { transitMinor }) => sum + BigInt(transitMinor), 0n)).toBe(0n);
      client.close();
      expect(await started.end("SIGTERM")).toBe(0);
      expect(await askMizan(["verify", started.dataDir])).toMatchObject({ problems: [], exitCode: 0 });
    } finally {
      await started.dispose();
    }
  }

  const SENT_AGAIN_EVERY = 7;
  const BATCH = 500;

  /** Sends some commands again: each gets its first answer, or is too old; returns how many got it. */
  async function answeredAgain(client: WireClient, commands: readonly Answered[]): Promise<number> {
    let answered = 0;
    const some = commands.filter((_, index) => index % SENT_AGAIN_EVERY === 0);
    for (let first = 0; first < some.length; first += BATCH) {
      const batch = some.slice(first, first + BATCH);
      const again = await ask(
        client,
        batch.map(({ command }) => command),
      );
      for (const [index, result] of again.entries()) {
        // Its record was dropped, or it was too old to be remembered: in either case nothing is applied.
        if (result.code === "history_expired" || result.code === "id_expired") continue;
        expect(result).toEqual({ ...batch[index].result, replayed: true });
        answered += 1;
      }
    }
    return answered;
  }

  const capture = (hold: LedgerCommand, amountMinor: bigint): LedgerCommand =>
    make({
      operation: OPERATION.CaptureHold,
      walletId: hold.walletId,
      counterpartyId: wallets[0],
      amountMinor,
      id: ids.next(),
      extension: extension({ targetId: hold.id }),
    });

  test("gives back balances, holds and first answers", { timeout: 120_000 }, async () => {
    const dataDir = freshPath("restored");
    const restored = await askMizan(["restore", ledger.late, dataDir], SETTINGS);
    expect(restored).toMatchObject({ ok: true, positions: ledger.secondRun.positions });
    for (const name of restored.snapshots as string[]) expect(name).toMatch(/^snapshot-\d{16}\.mzs$/);
    expect(await askMizan(["verify", dataDir], SETTINGS)).toMatchObject({ problems: [], exitCode: 0 });
    await withLedger(dataDir, async (client) => {
      expect(await client.wallets(wallets)).toEqual(ledger.told);
      expect(await answeredAgain(client, ledger.sent)).toBeGreaterThan(200);
      expect(await client.wallets(wallets)).toEqual(ledger.told);
      const other = holds.slice(1);
      const tooMuch = await ask(
        client,
        other.map((hold) => capture(hold, 401n)),
      );
      expect(tooMuch.map(({ code }) => code)).toEqual(other.map(() => "hold_amount_exceeded"));
      const rest = await ask(
        client,
        other.map((hold) => capture(hold, 400n)),
      );
      expect(rest.map(({ code }) => code)).toEqual(other.map(() => "ok"));
    });
  });

  test("to a time or a position gives what was there then", { timeout: 120_000 }, async () => {
    const [first] = sequencesOf(ledger.firstRun.positions);
    for (const point of [String(ledger.firstRunEndedMs), `0:${first}`]) {
      const dataDir = freshPath("at");
      const restored = await askMizan(["restore", ledger.late, dataDir, "--at", point], SETTINGS);
      expect(restored).toMatchObject({ ok: true });
      const cut = sequencesOf(restored.positions);
      for (const [shard, end] of sequencesOf(ledger.secondRun.positions).entries()) {
        if (shard === 0 || !point.includes(":")) expect(cut[shard]).toBeLessThan(end);
      }
      expect(await askMizan(["verify", dataDir], SETTINGS)).toMatchObject({ problems: [], exitCode: 0 });
      await withLedger(dataDir, async (client) => {
        const known = ledger.sent.filter(({ result: { position } }) => {
          const [shard, sequence] = position.split(":").map(Number);
          return sequence <= cut[shard];
        });
        expect(known.length).toBeLessThan(ledger.sent.length);
        expect(await answeredAgain(client, known)).toBeGreaterThan(100);
        const held = (await client.wallets(wallets)).map(({ heldMinor }) => heldMinor);
        expect(held).toEqual(wallets.map(() => 400));
      });
    }
  });

  test("to a point before the oldest snapshot says that it was dropped, and leaves nothing", async () => {
    const [first] = sequencesOf(ledger.firstRun.firstPositions);
    const dataDir = freshPath("restored");
    expect(await askMizan(["restore", ledger.late, dataDir, "--at", `0:${first + 100}`], SETTINGS)).toMatchObject({
      exitCode: 1,
      error: { code: "point_dropped" },
    });
    expect(existsSync(dataDir) || existsSync(`${dataDir}.unfinished`)).toBe(false);
  });
});

test("export says that it is not whole, and neither import nor reshard takes what is not", {
  timeout: 60_000,
}, async () => {
  const file = freshPath("export.jsonl");
  expect(await askMizan(["export", ledger.dataDir, "--out", file], SETTINGS)).toMatchObject({ ok: true });
  expect(JSON.parse(readFileSync(file, "utf8").split("\n", 1)[0])).toMatchObject({ isWhole: false });
  expect(await askMizan(["import", file, freshPath("imported")], SETTINGS)).toMatchObject({
    exitCode: 2,
    problems: [{ line: 1, problem: "the export does not begin with the first event" }],
  });
  expect(
    await askMizan(["reshard", ledger.dataDir, "--shards", "3", "--to", freshPath("resharded")], SETTINGS),
  ).toMatchObject({
    exitCode: 1,
    error: { code: "history_dropped" },
  });
});
