/** Ledgers written anew that have what is spread over the shards: striped wallets, and limits of wallet types. */

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OPERATION } from "../protocol/command-record.ts";
import { currencyNumber } from "../protocol/currencies.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { command, encodeCommands, extension } from "../test/ledger-command.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { askMizan } from "../test/mizan-command.ts";
import { accountId } from "../test/reference-books.ts";
import { WireClient } from "../test/wire-client.ts";
import { endsWithConnection } from "../test/writers.ts";

/** A request that changes something. */
interface Request {
  readonly method: "POST" | "PUT";
  readonly path: string;
  readonly key: string;
  readonly body: object;
}

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

/** What a ledger says of itself. */
interface Told {
  readonly answers: readonly Answer[];
  readonly customers: readonly unknown[];
  readonly limits: readonly unknown[];
  readonly histories: readonly unknown[];
  readonly shop: { readonly postedMinor: number; readonly availableMinor: number; readonly heldMinor: number };
}

const KILLED_AFTER_BATCHES = 20;
const ACCOUNT_PREFIX = "6d697a61-6e00-8000-";
const scratch = mkdtempSync(join(tmpdir(), "mizan-spread-"));
const ids = new UuidV7();
const owner = ids.next();
const customers = Array.from({ length: 8 }, () => ids.next());
const shop = ids.next();
const story = writeStory();
const origins = new Map<number, { readonly dataDir: string; readonly told: Told }>();
let pathNumber = 0;

function freshPath(name: string): string {
  pathNumber += 1;
  return join(scratch, `${name}-${pathNumber}`);
}

function writeStory(): Request[] {
  const requests: Request[] = [];
  const ask = (path: string, body: object, method: Request["method"] = "POST"): string => {
    const key = ids.next();
    requests.push({ method, path: `/api/v1${path}`, key, body });
    return key;
  };
  const pay = (fromWalletId: string, amountMinor: number): string =>
    ask("/transfers", { fromWalletId, toWalletId: shop, amountMinor });
  // Said before any shard has wallets in the currency.
  ask("/limits/customer/EGP", { debit: { perDayMinor: 4_000, count: { max: 60, windowMs: 3_600_000 } } }, "PUT");
  for (const id of [...customers, shop]) {
    ask("/wallets", { id, ownerId: owner, currency: "EGP", type: id === shop ? "merchant" : "customer" });
    ask(`/wallets/${id}/activate`, {});
    ask(`/wallets/${id}/credit`, { amountMinor: 10_000 });
  }
  ask(
    `/wallets/${customers[0]}/limits`,
    { debit: { perTransactionMinor: 900 }, credit: { perMonthMinor: 50_000 } },
    "PUT",
  );
  pay(customers[0], 11);
  ask(`/wallets/${shop}/stripe`, {});
  const paid = customers.flatMap((id, index) => [100, 200, 300].map((minor) => pay(id, minor + index)));
  ask("/limits/merchant/EGP", { debit: { perDayMinor: 1_000_000 } }, "PUT");
  for (const [index, id] of paid.slice(0, 9).entries()) {
    const walletId = customers[Math.floor(index / 3)];
    ask(`/transfers/${id}/reversals`, index % 2 === 0 ? { walletId, amountMinor: 40 } : { walletId });
  }
  for (const [index, walletId] of customers.entries()) {
    const holdId = ask(`/wallets/${walletId}/holds`, { amountMinor: 500, toWalletId: shop });
    ask(`/holds/${holdId}/captures`, { walletId, amountMinor: 150 });
    if (index % 2 === 0) ask(`/holds/${holdId}/captures`, { walletId, amountMinor: 50, final: true });
    if (index % 4 === 1) ask(`/holds/${holdId}/void`, { walletId });
  }
  // More than the shop has at home: what its stripes hold is drawn in.
  ask("/transfers", { fromWalletId: shop, toWalletId: customers[3], amountMinor: 12_000 });
  const held = ask(`/wallets/${shop}/holds`, { amountMinor: 700 });
  for (const id of customers) pay(id, 77);
  ask(`/holds/${held}/captures`, { walletId: shop, toWalletId: customers[5], amountMinor: 200 });
  ask(`/wallets/${shop}/overdraft-limit`, { overdraftLimitMinor: 250 }, "PUT");
  ask(`/wallets/${shop}/freeze`, {});
  pay(customers[1], 5);
  ask("/transfers", { fromWalletId: shop, toWalletId: customers[3], amountMinor: 1 });
  ask(`/wallets/${shop}/unfreeze`, {});
  // What limits refuse is remembered with what was left then.
  for (const id of customers) pay(id, 3_500);
  pay(customers[0], 901);
  ask("/limits/customer/EGP", { debit: { perDayMinor: 5_000, count: { max: 60, windowMs: 3_600_000 } } }, "PUT");
  for (const id of customers) pay(id, 21);
  return requests;
}

async function call(
  { port }: LedgerProcess,
  method: string,
  path: string,
  key?: string,
  body?: object,
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(key === undefined ? {} : { "content-type": "application/json", "idempotency-key": key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

/**
 * Without what depends on the number of shards: positions, the accounts of a shard, what of a striped wallet is on which
 * shard, and what a record on another shard than the command's does not say.
 */
function comparable(value: unknown): unknown {
  const text = JSON.stringify(value, (name, part: unknown) => {
    const isAccount = name === "counterpartyId" && String(part).startsWith(ACCOUNT_PREFIX);
    if (isAccount || name === "to" || name === "targetId" || /position|cursor/i.test(name)) return undefined;
    // It is said where it differs, and also where the wallet at the other end has holds or an overdraft.
    const { postedMinor, availableMinor } = (part ?? {}) as { postedMinor?: number; availableMinor?: number };
    const isPlain = postedMinor !== undefined && availableMinor === postedMinor;
    return isPlain ? { ...(part as object), availableMinor: undefined } : part;
  });
  return JSON.parse(text) as unknown;
}

async function tell(ledger: LedgerProcess): Promise<Told> {
  const answers: Answer[] = [];
  for (const { method, path, key, body } of story) {
    answers.push(await call(ledger, method, path, key, body));
    // Stripes hear of a change soon after it; whoever reads the wallet waits for them.
    if (path.startsWith(`/api/v1/wallets/${shop}/`)) await call(ledger, "GET", `/api/v1/wallets/${shop}`);
  }
  const all = async (path: (id: string) => string): Promise<unknown[]> =>
    Promise.all(customers.map(async (id) => comparable((await call(ledger, "GET", `/api/v1${path(id)}`)).json)));
  const { postedMinor, availableMinor, heldMinor } = (await call(ledger, "GET", `/api/v1/wallets/${shop}`))
    .json as unknown as Told["shop"];
  return {
    answers,
    customers: await all((id) => `/wallets/${id}`),
    limits: await all((id) => `/wallets/${id}/limits`),
    histories: await all((id) => `/wallets/${id}/transactions?limit=200`),
    shop: { postedMinor, availableMinor, heldMinor },
  };
}

async function expectBooks(ledger: LedgerProcess): Promise<void> {
  const { json } = await call(ledger, "GET", "/api/v1/trial-balance");
  const lines = json.lines as { sumMinor: string; transitMinor: string }[];
  expect(lines.map(({ sumMinor }) => sumMinor)).toEqual(lines.map(() => "0"));
  expect(lines.reduce((sum, { transitMinor }) => sum + BigInt(transitMinor), 0n)).toBe(0n);
}

/** Starts a ledger on a copy of a data directory. */
async function withLedger(dataDir: string, during: (ledger: LedgerProcess) => Promise<void>): Promise<void> {
  const ledger = await LedgerProcess.create();
  try {
    rmSync(ledger.dataDir, { recursive: true });
    cpSync(dataDir, ledger.dataDir, { recursive: true });
    await ledger.start();
    await during(ledger);
    await expectBooks(ledger);
    expect(await ledger.end("SIGTERM")).toBe(0);
    expect(await askMizan(["verify", ledger.dataDir])).toMatchObject({ ok: true, problems: [] });
  } finally {
    await ledger.dispose();
  }
}

async function expectSame(dataDir: string, { told }: { readonly told: Told }): Promise<void> {
  expect(await askMizan(["verify", dataDir])).toMatchObject({ ok: true, problems: [] });
  await withLedger(dataDir, async (ledger) => {
    const again = await tell(ledger);
    for (const [index, { path }] of story.entries()) {
      const [first, second] = [told.answers[index], again.answers[index]];
      expect(second.status, path).toBe(first.status);
      // What the shop has at home after a command depends on the number of shards.
      if (!JSON.stringify(story[index]).includes(shop) && !path.endsWith("/reversals"))
        expect(comparable(second.json), path).toEqual(comparable(first.json));
    }
    expect({ ...again, answers: [] }).toEqual({ ...told, answers: [] });
    // All of it can be spent, wherever it is.
    const toWalletId = customers[7];
    const spend = (amountMinor: number): Promise<Answer> =>
      call(ledger, "POST", "/api/v1/transfers", ids.next(), { fromWalletId: shop, toWalletId, amountMinor });
    expect((await spend(told.shop.availableMinor + 1)).json).toMatchObject({ code: "insufficient_funds" });
    for (const fromWalletId of customers.slice(1)) {
      const paid = await call(ledger, "POST", "/api/v1/transfers", ids.next(), {
        fromWalletId,
        toWalletId: shop,
        amountMinor: 3,
      });
      expect(paid.status).toBe(201);
    }
    expect((await spend(told.shop.availableMinor + 21)).status).toBe(201);
  });
}

beforeAll(async () => {
  for (const shards of [1, 2, 3]) {
    const ledger = await LedgerProcess.create({ MIZAN_SHARDS: String(shards) });
    await ledger.start();
    const told = await tell(ledger);
    const refused = told.answers.filter(({ status }) => status >= 400).map(({ json }) => json.code);
    expect(new Set(refused)).toEqual(new Set(["destination_frozen", "wallet_frozen", "limit_exceeded"]));
    await ledger.end("SIGTERM");
    const dataDir = freshPath(`origin-${shards}`);
    cpSync(ledger.dataDir, dataDir, { recursive: true });
    await ledger.dispose();
    origins.set(shards, { dataDir, told });
  }
}, 120_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function origin(shards: number): { readonly dataDir: string; readonly told: Told } {
  const found = origins.get(shards);
  if (found === undefined) throw new Error(`no ledger has ${shards} shards`);
  return found;
}

describe("reshard", () => {
  test.each([
    { from: 1, to: 3 },
    { from: 3, to: 1 },
    { from: 2, to: 5 },
    { from: 3, to: 2 },
    { from: 3, to: 3 },
  ])("from $from to $to keeps what is spread over the shards", { timeout: 60_000 }, async ({ from, to }) => {
    const dataDir = freshPath("resharded");
    const { dataDir: before } = origin(from);
    expect(await askMizan(["reshard", before, "--shards", String(to), "--to", dataDir])).toMatchObject({ ok: true });
    await expectSame(dataDir, origin(from));
  });

  test("refuses limits of a wallet type that the shards do not share", { timeout: 60_000 }, async () => {
    const ledger = await LedgerProcess.create();
    try {
      rmSync(ledger.dataDir, { recursive: true });
      cpSync(origin(2).dataDir, ledger.dataDir, { recursive: true });
      await ledger.start();
      const client = await WireClient.connect(ledger.port, ADMIN_KEY);
      const limits = command({
        id: ids.next(),
        operation: OPERATION.SetTypeLimits,
        walletId: accountId(1, currencyNumber("EGP"), "funding"),
        walletType: 1,
        extension: extension({ metadata: '{"debit":{"perDayMinor":1}}' }),
      });
      const [{ code }] = await client.records(encodeCommands([limits]), 1);
      expect(code).toBe("ok");
      client.close();
      await ledger.end("SIGTERM");
      const dataDir = freshPath("resharded");
      const args = ["reshard", ledger.dataDir, "--shards", "3", "--to", dataDir];
      const { exitCode, error } = await askMizan(args);
      expect({ exitCode, error }).toMatchObject({ exitCode: 1, error: { code: "not_reshardable" } });
      expect((error as { message: string }).message).toContain(
        "shards 0 and 1 have different limits for wallets of type 1 in EGP",
      );
    } finally {
      await ledger.dispose();
    }
  });
});

test("reshard takes what stripes were sending home when the ledger was killed", { timeout: 60_000 }, async () => {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "3" });
  try {
    await ledger.start();
    for (const { method, path, key, body } of story) await call(ledger, method, path, key, body);
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    const reader = await WireClient.connect(ledger.port, ADMIN_KEY);
    const batches = Array.from({ length: 60 }, () =>
      customers
        .slice(1)
        .map((walletId) =>
          command({ id: ids.next(), operation: OPERATION.Transfer, walletId, counterpartyId: shop, amountMinor: 1n }),
        ),
    );
    let answered = 0;
    const paying = endsWithConnection(async () => {
      for (const batch of batches) {
        await client.records(encodeCommands(batch), batch.length);
        answered += 1;
      }
    });
    // Each look-up has the stripes send home what they hold.
    const reading = endsWithConnection(async () => {
      while (answered < batches.length) await reader.wallets([shop]);
    });
    while (answered < KILLED_AFTER_BATCHES) await delay(1);
    await ledger.end("SIGKILL");
    await Promise.all([paying, reading]);
    const dataDir = freshPath("resharded");
    expect(await askMizan(["reshard", ledger.dataDir, "--shards", "2", "--to", dataDir])).toMatchObject({ ok: true });
    expect(await askMizan(["verify", dataDir])).toMatchObject({ ok: true, problems: [] });
    await withLedger(dataDir, async (resharded) => {
      const again = await WireClient.connect(resharded.port, ADMIN_KEY);
      const all = [...customers, shop];
      const totalMinor = async (): Promise<number> =>
        (await again.wallets(all)).reduce((sum, { postedMinor }) => sum + postedMinor, 0);
      const before = await totalMinor();
      for (const [index, batch] of batches.entries()) {
        const results = await again.records(encodeCommands(batch), batch.length);
        if (index < KILLED_AFTER_BATCHES) expect(results.every(({ replayed }) => replayed)).toBe(true);
      }
      expect(await totalMinor()).toBe(before);
      again.close();
    });
  } finally {
    await ledger.dispose();
  }
});

describe("export and import", () => {
  test.each([
    { from: 3, to: 3 },
    { from: 3, to: 2 },
    { from: 1, to: 2 },
  ])("from $from to $to keep what is spread over the shards", { timeout: 60_000 }, async ({ from, to }) => {
    const file = freshPath("export.jsonl");
    expect(await askMizan(["export", origin(from).dataDir, "--out", file])).toMatchObject({ ok: true });
    const dataDir = freshPath("imported");
    expect(await askMizan(["import", file, dataDir, "--shards", String(to)])).toMatchObject({ ok: true });
    await expectSame(dataDir, origin(from));
  });
});
