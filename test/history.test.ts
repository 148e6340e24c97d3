import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";

interface Line {
  readonly position: string;
  readonly time: string;
  readonly type: string;
  readonly id?: string;
  readonly direction?: string;
  readonly amountMinor?: number;
  readonly counterpartyId?: string;
  readonly postedMinor: number;
  readonly version: number;
  readonly reference?: string;
}

interface PageOfLines {
  readonly transactions: readonly Line[];
  readonly nextCursor: string | null;
}

const ids = new UuidV7();
const DAY = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
const MOVEMENTS = 240;

let ledger: LedgerProcess;
/** What the movements of each wallet were, oldest first, as the test remembers them. */
const expected = new Map<string, Pick<Line, "id" | "direction" | "amountMinor" | "counterpartyId" | "postedMinor">[]>();
const wallets: string[] = [];
const reference = ids.next();
let referenced = "";
let ownerKey = "";

async function call(method: string, path: string, body?: object, key = ADMIN_KEY): Promise<Response> {
  return fetch(`${ledger.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "idempotency-key": ids.next(),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function json<T>(path: string): Promise<T> {
  const response = await call("GET", path);
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

async function batch(commands: readonly object[]): Promise<void> {
  const response = await call("POST", "/batches", { commands });
  const { results } = (await response.json()) as { readonly results: readonly { readonly ok: boolean }[] };
  expect(results.every(({ ok }) => ok)).toBe(true);
}

/** Every page of a wallet's history, newest first. */
async function history(walletId: string, query = "", limit = 7): Promise<Line[]> {
  const lines: Line[] = [];
  for (let cursor = ""; ; ) {
    const path = `/wallets/${walletId}/transactions?limit=${limit}${query}${cursor}`;
    const page: PageOfLines = await json(path);
    lines.push(...page.transactions);
    if (page.nextCursor === null) return lines;
    cursor = `&cursor=${page.nextCursor}`;
  }
}

beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", MIZAN_SNAPSHOT_FRAMES: "40", MIZAN_SNAPSHOT_KEEP: "1" });
  await ledger.start();
  const ownerId = ids.next();
  for (let index = 0; index < 4; index += 1) wallets.push(ids.next());
  await batch(
    wallets.flatMap((walletId, index) => [
      { type: "CreateWallet", id: ids.next(), walletId, ownerId: index === 0 ? ownerId : ids.next(), currency: "EGP" },
      { type: "ActivateWallet", id: ids.next(), walletId },
      { type: "Credit", id: ids.next(), walletId, amountMinor: 100_000 },
    ]),
  );
  const key = await call("POST", "/api-keys", { name: "owner", role: "user", ownerId });
  ownerKey = ((await key.json()) as { readonly key: string }).key;
  const balances = new Map(wallets.map((id) => [id, 100_000]));
  for (const id of wallets) expected.set(id, []);
  for (let number = 0; number < MOVEMENTS; number += 1) {
    const from = wallets[number % 4];
    const to = wallets[(number + 1 + (number % 3)) % 4];
    const amountMinor = 1 + number;
    const id = ids.next();
    if (number === 100) referenced = id;
    const withReference = number === 100 ? { reference } : {};
    await batch([{ type: "Transfer", id, fromWalletId: from, toWalletId: to, amountMinor, ...withReference }]);
    for (const [wallet, direction, counterpartyId, sign] of [
      [from, "debit", to, -1],
      [to, "credit", from, 1],
    ] as const) {
      const postedMinor = (balances.get(wallet) ?? 0) + sign * amountMinor;
      balances.set(wallet, postedMinor);
      expected.get(wallet)?.push({ id, direction, amountMinor, counterpartyId, postedMinor });
    }
  }
}, 60_000);

afterAll(async () => ledger.dispose());

describe("the history of a wallet", () => {
  test("is every movement, newest first, over pages, shards and whatever was archived", async () => {
    for (const wallet of wallets) {
      const lines = await history(wallet);
      const opening = lines.splice(-3).map(({ type }) => type);
      expect(opening).toEqual(["Credit", "ActivateWallet", "CreateWallet"]);
      expect(lines).toMatchObject([...(expected.get(wallet) ?? [])].reverse());
      expect(lines.map(({ version }) => version)).toEqual(lines.map((_, index) => lines.length + 3 - index));
    }
  });

  test("is filtered by time, type and reference", async () => {
    const [wallet] = wallets;
    const all = await history(wallet);
    const [newer, older] = [all[20], all[60]];
    const between = await history(wallet, `&from=${older.time}&to=${newer.time}`);
    const inTime = all.filter(({ time }) => time >= older.time && time < newer.time);
    expect(between).toEqual(inTime);
    expect(await history(wallet, "&type=Credit")).toMatchObject([{ type: "Credit", amountMinor: 100_000 }]);
    const found = await history(wallets[100 % 4], `&reference=${reference}`);
    expect(found).toMatchObject([{ id: referenced, reference }]);
  });

  test("gives the balance at any position and time", async () => {
    const [wallet] = wallets;
    const all = await history(wallet, "", 200);
    for (const line of [all[0], all[17], all[100], all[all.length - 1]]) {
      const then = await json<Line>(`/wallets/${wallet}/balance?at=${line.position}`);
      expect(then).toMatchObject({ position: line.position, postedMinor: line.postedMinor, version: line.version });
      const lastThen = all.find(({ time }) => time === line.time);
      const atTime = await json<Line>(`/wallets/${wallet}/balance?at=${line.time}`);
      expect(atTime).toMatchObject({ postedMinor: lastThen?.postedMinor, version: lastThen?.version });
    }
    const before = await call("GET", `/wallets/${wallet}/balance?at=2001-01-01T00:00:00Z`);
    expect(before.status).toBe(404);
  });

  test("as a statement has opening, lines and closing that follow from each other", async () => {
    const [, wallet] = wallets;
    const all = await history(wallet, "", 200);
    const [newer, older] = [all[10], all[90]];
    const path = `/wallets/${wallet}/statement?from=${older.time}&to=${newer.time}`;
    const statement = await json<{ opening: Line; closing: Line; lines: Line[] }>(path);
    const lines = all.filter(({ time }) => time >= older.time && time < newer.time).reverse();
    expect(statement.lines).toEqual(lines);
    const sum = lines.reduce(
      (total, { direction, amountMinor = 0 }) => total + (direction === "debit" ? -amountMinor : amountMinor),
      0,
    );
    expect(statement.closing.postedMinor).toBe(statement.opening.postedMinor + sum);
    const whole = await json<{ opening: unknown; lines: Line[] }>(`/wallets/${wallet}/statement?${DAY}`);
    expect(whole.opening).toBeNull();
    expect(whole.lines).toEqual([...all].reverse());
    const csv = await (await call("GET", `/wallets/${wallet}/statement?${DAY}&format=csv`)).text();
    const rows = csv.trimEnd().split("\r\n");
    expect(rows).toHaveLength(all.length + 3);
    expect(rows[0]).toContain("position,time,type,id,direction,amountMinor");
    expect(rows[1]).toContain("OpeningBalance");
    expect(rows.at(-1)).toContain(`ClosingBalance,,,,,${all[0].postedMinor},`);
  });

  test("is for the wallet's owner and admins, and cursors are those of the wallet", async () => {
    const [own, other] = wallets;
    expect((await call("GET", `/wallets/${own}/transactions`, undefined, ownerKey)).status).toBe(200);
    expect((await call("GET", `/wallets/${other}/transactions`, undefined, ownerKey)).status).toBe(403);
    expect((await call("GET", `/wallets/${other}/statement?${DAY}`, undefined, ownerKey)).status).toBe(403);
    const page: PageOfLines = await json(`/wallets/${own}/transactions?limit=1&type=Credit`);
    for (const cursor of ["nonsense", page.nextCursor === null ? "MTox" : `${page.nextCursor}x`, "OTk6MQ"]) {
      const response = await call("GET", `/wallets/${other}/transactions?cursor=${cursor}`);
      expect(response.status, cursor).toBe(400);
      expect(await response.json()).toMatchObject({ code: "cursor_invalid" });
    }
  });

  test.each(["limit=0", "limit=201", "limit=x", "from=yesterday", "reference=x"])("refuses ?%s", async (query) => {
    const response = await call("GET", `/wallets/${wallets[0]}/transactions?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_request" });
  });

  test("is the same after a crash", async () => {
    const before = await Promise.all(wallets.map((wallet) => history(wallet, "", 200)));
    await ledger.end("SIGKILL");
    await ledger.start();
    expect(await Promise.all(wallets.map((wallet) => history(wallet, "", 200)))).toEqual(before);
  });
});
