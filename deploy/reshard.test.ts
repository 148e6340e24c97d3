/** Ledgers written anew: for other numbers of shards, from exports, and from opening balances. */

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OPERATION } from "../protocol/command-record.ts";
import { currencyNumber } from "../protocol/currencies.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { command, encodeCommands, extension, type LedgerCommand, NIL_ID } from "../test/ledger-command.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { askMizan, runMizan, spawnMizan } from "../test/mizan-command.ts";
import { WireClient, type WireResult, type WireWallet } from "../test/wire-client.ts";

const WALLETS = 12;
const EGP = currencyNumber("EGP");
const USD = currencyNumber("USD");
const scratch = mkdtempSync(join(tmpdir(), "mizan-reshard-"));
const ids = new UuidV7();
const owner = ids.next();
const pounds = Array.from({ length: WALLETS }, () => ids.next());
const dollars = Array.from({ length: WALLETS }, () => ids.next());
const wallets = [...pounds, ...dollars];

/** Batches of commands with everything that moves money, and what they were answered. */
const story = writeStory();
const answers: WireResult[][] = [];
let told: WireWallet[] = [];
let pathNumber = 0;

function freshPath(name: string): string {
  pathNumber += 1;
  return join(scratch, `${name}-${pathNumber}`);
}

function writeStory(): LedgerCommand[][] {
  const next = (fields: Omit<LedgerCommand, "id">): LedgerCommand => ({ ...fields, id: ids.next() });
  const make = (fields: Partial<LedgerCommand> & Pick<LedgerCommand, "operation" | "walletId">): LedgerCommand =>
    next(command({ id: "", ...fields }));
  const each = (make: (walletId: string, index: number) => LedgerCommand): LedgerCommand[] => wallets.map(make);
  const other = (index: number, step: number): string => pounds[(index + step) % WALLETS];
  const holds = pounds.map((walletId, index) =>
    make({
      operation: OPERATION.PlaceHold,
      walletId,
      amountMinor: 900n,
      counterpartyId: index % 2 === 0 ? other(index, 3) : NIL_ID,
    }),
  );
  const transfers = pounds.flatMap((walletId, index) =>
    [1, 2, 5].map((step) =>
      make({
        operation: OPERATION.Transfer,
        walletId,
        counterpartyId: other(index, step),
        amountMinor: BigInt(10 * step + index),
        extension: step === 2 ? extension({ metadata: `{"step":${step}}`, reference: ids.next() }) : null,
      }),
    ),
  );
  const reverse = (target: LedgerCommand, amountMinor: bigint): LedgerCommand =>
    make({
      operation: OPERATION.ReverseTransfer,
      walletId: target.walletId,
      amountMinor,
      extension: extension({ targetId: target.id }),
    });
  return [
    each((walletId, index) =>
      make({
        operation: OPERATION.CreateWallet,
        walletId,
        counterpartyId: owner,
        currency: index < WALLETS ? EGP : USD,
        walletType: 1,
        amountMinor: index % 3 === 0 ? 500n : 0n,
      }),
    ),
    each((walletId) => make({ operation: OPERATION.ActivateWallet, walletId })),
    each((walletId) => make({ operation: OPERATION.Credit, walletId, amountMinor: 50_000n })),
    transfers,
    holds,
    [
      ...holds.map((hold, index) =>
        make({
          operation: OPERATION.CaptureHold,
          walletId: hold.walletId,
          counterpartyId: index % 2 === 0 ? NIL_ID : other(index, 4),
          amountMinor: index % 3 === 0 ? 0n : 300n,
          extension: extension({ targetId: hold.id, options: index % 4 === 1 ? 1 : 0 }),
        }),
      ),
      ...transfers.slice(0, 12).map((transfer, index) => reverse(transfer, index % 2 === 0 ? 4n : 0n)),
      ...pounds.map((walletId, index) =>
        make({
          operation: OPERATION.ExchangeCurrency,
          walletId,
          counterpartyId: dollars[(index + 1) % WALLETS],
          amountMinor: 480n,
          extension: extension({
            expiresAtMs: BigInt(Date.now() + 86_400_000),
            rate: { numerator: 1n, denominator: 48n },
          }),
        }),
      ),
    ],
    [
      ...holds.map(({ id, walletId }) =>
        make({ operation: OPERATION.VoidHold, walletId, extension: extension({ targetId: id }) }),
      ),
      ...transfers.slice(0, 6).map((transfer) => reverse(transfer, 2n)),
      // What is refused is remembered as well.
      ...pounds.map((walletId, index) =>
        make({ operation: OPERATION.Transfer, walletId, counterpartyId: other(index, 1), amountMinor: 10_000_000n }),
      ),
      ...dollars.map((walletId) => make({ operation: OPERATION.Debit, walletId, amountMinor: 30n })),
    ],
  ];
}

/** Sends a batch until nothing of it is running any more. */
async function settled(client: WireClient, batch: readonly LedgerCommand[]): Promise<WireResult[]> {
  for (;;) {
    const results = await client.records(encodeCommands(batch), batch.length);
    if (results.every(({ code }) => code !== "in_progress")) return results;
  }
}

/** Starts a ledger on a data directory, tells it the story again, and gives back what it answers and what it has. */
async function tellAgain(dataDir: string): Promise<{ answers: WireResult[][]; wallets: WireWallet[] }> {
  const ledger = await LedgerProcess.create();
  try {
    rmSync(ledger.dataDir, { recursive: true });
    cpSync(dataDir, ledger.dataDir, { recursive: true });
    await ledger.start();
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    const again: WireResult[][] = [];
    for (const batch of story) again.push(await settled(client, batch));
    const found = await client.wallets(wallets);
    client.close();
    expect(await ledger.end("SIGTERM")).toBe(0);
    return { answers: again, wallets: found };
  } finally {
    await ledger.dispose();
  }
}

async function expectSame(dataDir: string): Promise<void> {
  expect(await askMizan(["verify", dataDir])).toMatchObject({ ok: true, problems: [] });
  const again = await tellAgain(dataDir);
  const codes = (batches: WireResult[][]): string[][] => batches.map((batch) => batch.map(({ code }) => code));
  expect(codes(again.answers)).toEqual(codes(answers));
  expect(again.answers.flat().every(({ replayed }) => replayed)).toBe(true);
  expect(again.wallets).toEqual(told);
}

/** Each wallet's history as people read it: type, amount, and balance and version after it. */
async function historyOf(dataDir: string): Promise<Map<string, string[]>> {
  const { stdout } = await runMizan(["export", dataDir]);
  const histories = new Map<string, string[]>(wallets.map((id) => [id, []]));
  for (const line of stdout.trim().split("\n").slice(1, -1)) {
    const event = JSON.parse(line) as Record<string, unknown> & { amountMinor?: number };
    const sides = [event, event.debit, event.credit] as (Record<string, unknown> | undefined)[];
    for (const side of sides) {
      if (side?.version !== undefined)
        histories.get(String(side.walletId))?.push(`${event.amountMinor ?? ""} → ${side.postedMinor} v${side.version}`);
    }
  }
  return histories;
}

/** The story, written by a ledger of one shard and by one of three. */
const origins = new Map<number, string>();

beforeAll(async () => {
  for (const shards of [1, 3]) {
    const ledger = await LedgerProcess.create({ MIZAN_SHARDS: String(shards) });
    await ledger.start();
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    const results: WireResult[][] = [];
    for (const batch of story) results.push(await settled(client, batch));
    const codes = results.flat().map(({ code }) => code);
    expect(codes.filter((code) => code === "ok").length).toBeGreaterThan(150);
    const found = await client.wallets(wallets);
    client.close();
    await ledger.end("SIGTERM");
    const kept = freshPath(`origin-${shards}`);
    cpSync(ledger.dataDir, kept, { recursive: true });
    await ledger.dispose();
    origins.set(shards, kept);
    if (answers.length === 0) {
      answers.push(...results);
      told = found;
    } else {
      expect(results.flat().map(({ code }) => code)).toEqual(answers.flat().map(({ code }) => code));
      expect(found).toEqual(told);
    }
  }
}, 60_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const origin = (shards: number): string => origins.get(shards) ?? "";

describe("reshard", () => {
  test.each([
    { from: 1, to: 3 },
    { from: 3, to: 1 },
    { from: 3, to: 2 },
  ])(
    "from $from to $to keeps balances, history and what every command was answered",
    { timeout: 60_000 },
    async ({ from, to }) => {
      const dataDir = freshPath("resharded");
      expect(await askMizan(["reshard", origin(from), "--shards", String(to), "--to", dataDir])).toMatchObject({
        ok: true,
        shards: to,
      });
      expect(await historyOf(dataDir)).toEqual(await historyOf(origin(from)));
      await expectSame(dataDir);
    },
  );

  test("there and back again keeps everything", { timeout: 60_000 }, async () => {
    let dataDir = origin(1);
    for (const shards of [2, 5, 1]) {
      const next = freshPath("resharded");
      expect(await askMizan(["reshard", dataDir, "--shards", String(shards), "--to", next])).toMatchObject({
        ok: true,
      });
      dataDir = next;
    }
    expect(await historyOf(dataDir)).toEqual(await historyOf(origin(1)));
    await expectSame(dataDir);
  });

  test("after it, what was between two shards and is on one now can be reversed", { timeout: 60_000 }, async () => {
    const dataDir = freshPath("resharded");
    await askMizan(["reshard", origin(3), "--shards", "1", "--to", dataDir]);
    const ledger = await LedgerProcess.create();
    try {
      rmSync(ledger.dataDir, { recursive: true });
      cpSync(dataDir, ledger.dataDir, { recursive: true });
      await ledger.start();
      const client = await WireClient.connect(ledger.port, ADMIN_KEY);
      const reversals = story[3].slice(12, 24).map((transfer) =>
        command({
          id: ids.next(),
          operation: OPERATION.ReverseTransfer,
          walletId: transfer.walletId,
          amountMinor: 1n,
          extension: extension({ targetId: transfer.id }),
        }),
      );
      const results = await settled(client, reversals);
      expect(results.map(({ code }) => code)).toEqual(reversals.map(() => "ok"));
      client.close();
    } finally {
      await ledger.dispose();
    }
  });

  test("that was killed leaves nothing behind, and may run again", { timeout: 60_000 }, async () => {
    const dataDir = freshPath("resharded");
    const args = ["reshard", origin(3), "--shards", "2", "--to", dataDir];
    for (const afterFirstFileMs of [0, 20, 60]) {
      const child = spawnMizan(args);
      while (child.exitCode === null && !existsSync(`${dataDir}.unfinished`)) await delay(1);
      await delay(afterFirstFileMs);
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
      if (existsSync(dataDir)) rmSync(dataDir, { recursive: true });
    }
    expect(await askMizan(args)).toMatchObject({ ok: true });
    expect(existsSync(`${dataDir}.unfinished`)).toBe(false);
    await expectSame(dataDir);
  });

  test("refuses a ledger that runs, a directory with something in it, and a number that is none", async () => {
    const ledger = await LedgerProcess.create();
    await ledger.start();
    const dataDir = freshPath("resharded");
    expect(await askMizan(["reshard", ledger.dataDir, "--shards", "2", "--to", dataDir])).toMatchObject({
      exitCode: 3,
      error: { code: "data_dir_locked" },
    });
    await ledger.dispose();
    expect(await askMizan(["reshard", origin(1), "--shards", "2", "--to", origin(3)])).toMatchObject({
      exitCode: 2,
      error: { code: "not_empty" },
    });
    expect(await askMizan(["reshard", origin(1), "--shards", "0", "--to", dataDir])).toMatchObject({ exitCode: 2 });
  });
});

describe("export and import", () => {
  test("make the same ledger again: exporting it gives the same lines", { timeout: 60_000 }, async () => {
    const file = freshPath("export.jsonl");
    expect(await askMizan(["export", origin(3), "--out", file])).toMatchObject({ ok: true });
    const dataDir = freshPath("imported");
    expect(await askMizan(["import", file, dataDir])).toMatchObject({ ok: true, shards: 3 });
    const again = freshPath("export.jsonl");
    await askMizan(["export", dataDir, "--out", again]);
    const lines = (path: string): string[] => readFileSync(path, "utf8").split("\n").slice(1);
    expect(lines(again)).toEqual(lines(file));
    await expectSame(dataDir);
  });

  test("into another number of shards keeps answers and balances", { timeout: 60_000 }, async () => {
    const file = freshPath("export.jsonl");
    await askMizan(["export", origin(1), "--out", file]);
    const dataDir = freshPath("imported");
    expect(await askMizan(["import", file, dataDir, "--shards", "2"])).toMatchObject({ ok: true, shards: 2 });
    await expectSame(dataDir);
  });

  test("tell every bad line by its number, and apply nothing", async () => {
    const file = freshPath("export.jsonl");
    await askMizan(["export", origin(1), "--out", file]);
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    const cases: {
      readonly edit: (lines: string[]) => string[];
      readonly bad: readonly number[];
      readonly exitCode: number;
    }[] = [
      {
        edit: (all) => all.with(3, "{").with(7, all[7].replace('"position":"', '"position":"x')),
        bad: [4, 8],
        exitCode: 2,
      },
      { edit: (all) => all.slice(0, -1), bad: [lines.length - 1], exitCode: 2 },
      { edit: (all) => all.toSpliced(9, 1), bad: [lines.length - 1], exitCode: 2 },
    ];
    for (const { edit, bad, exitCode } of cases) {
      const dataDir = freshPath("imported");
      const damaged = freshPath("damaged.jsonl");
      writeFileSync(damaged, `${edit(lines).join("\n")}\n`);
      const outcome = await askMizan(["import", damaged, dataDir]);
      expect(outcome).toMatchObject({ ok: false, exitCode });
      expect((outcome.problems as { line: number }[]).map(({ line }) => line)).toEqual(bad);
      expect(existsSync(dataDir)).toBe(false);
    }
    // A line that is well-formed, and yet does not follow from those before it.
    const at = lines.findIndex((line) => line.includes('"type":"Transferred"'));
    const dataDir = freshPath("imported");
    const wrong = freshPath("wrong.jsonl");
    writeFileSync(
      wrong,
      `${lines.with(at, lines[at].replace(/"amountMinor":\d+/, '"amountMinor":1234567')).join("\n")}\n`,
    );
    const { error, exitCode } = await askMizan(["import", wrong, dataDir]);
    expect(exitCode).toBe(1);
    expect((error as { message: string }).message).toContain(`${wrong}:${at + 1}: wallet`);
    expect(existsSync(dataDir) || existsSync(`${dataDir}.unfinished`)).toBe(false);
  });

  test("open wallets with balances from outside", { timeout: 60_000 }, async () => {
    const file = freshPath("opening.jsonl");
    const opening = [
      { walletId: pounds[0], ownerId: owner, currency: "EGP", balanceMinor: 12_345 },
      { walletId: pounds[1], ownerId: owner, currency: "EGP", type: "merchant", balanceMinor: 0 },
      { walletId: dollars[0], ownerId: owner, currency: "USD", overdraftLimitMinor: 500, balanceMinor: -400 },
    ];
    writeFileSync(file, `${opening.map((line) => JSON.stringify(line)).join("\n")}\n`);
    const dataDir = freshPath("imported");
    expect(await askMizan(["import", file, dataDir, "--shards", "2"])).toMatchObject({ ok: true });
    expect(await askMizan(["verify", dataDir])).toMatchObject({ ok: true });
    for (const { walletId, balanceMinor } of opening) {
      const { wallet } = await askMizan(["inspect", dataDir, "wallet", walletId]);
      expect(wallet).toMatchObject({ id: walletId, postedMinor: balanceMinor, status: "active" });
    }
    writeFileSync(
      file,
      `${JSON.stringify({ ...opening[0], balanceMinor: -1 })}\n${JSON.stringify({ ...opening[1], currency: "XXQ" })}\n`,
    );
    expect(await askMizan(["import", file, freshPath("imported")])).toMatchObject({
      exitCode: 2,
      problems: [{ line: 1 }, { line: 2 }],
    });
  });
});
