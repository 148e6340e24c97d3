import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { shardOfUuid, UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "./ledger-process.ts";

const SHARDS = 2;
const ids = new UuidV7();

interface Sent {
  readonly path: string;
  readonly key: string;
  readonly body: object;
  readonly status: number;
  readonly text: string;
}

let ledger: LedgerProcess;
let wallets: string[];
const sent: Sent[] = [];

async function post(path: string, body: object, key: string = ids.next()): Promise<Sent> {
  const response = await fetch(`${ledger.url}/api/v1${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(body),
  });
  return { path, key, body, status: response.status, text: await response.text() };
}

/** Sends a command and keeps what it was answered. */
async function send(path: string, body: object, key?: string): Promise<Sent> {
  const one = await post(path, body, key);
  sent.push(one);
  return one;
}

async function get(path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  return (await fetch(`${ledger.url}/api/v1${path}`, { headers })).json();
}

function balances(): Promise<unknown> {
  return Promise.all(wallets.map((id) => get(`/wallets/${id}`)));
}

/** Some of everything that a shard remembers. */
async function work(round: number): Promise<void> {
  for (let number = 0; number < 12; number += 1) {
    const body = { fromWalletId: wallets[number % 4], toWalletId: wallets[(number + 1) % 4], amountMinor: 1 + number };
    // Ids with a time and without, and some that are refused.
    await send("/transfers", body, number % 3 === 0 ? `order ${round}/${number}` : ids.next());
    if (number === 5) await send("/transfers", { ...body, amountMinor: 10_000_000 });
  }
  const hold = await send(`/wallets/${wallets[0]}/holds`, { amountMinor: 40 });
  const holdId = (JSON.parse(hold.text) as { readonly id: string }).id;
  await send(`/holds/${holdId}/captures`, { walletId: wallets[0], amountMinor: 15, toWalletId: wallets[1] });
  const paid = await send("/transfers", { fromWalletId: wallets[2], toWalletId: wallets[3], amountMinor: 30 });
  const transferId = (JSON.parse(paid.text) as { readonly id: string }).id;
  await send(`/transfers/${transferId}/reversals`, { walletId: wallets[2], amountMinor: 20 });
}

async function snapshot(): Promise<void> {
  expect((await post("/snapshots", {})).status).toBe(201);
}

async function restart(): Promise<void> {
  await ledger.end("SIGKILL");
  await ledger.start();
}

/** Sends everything again: each gets its first answer, and nothing is applied. */
async function expectRemembered(): Promise<void> {
  const before = await balances();
  for (const { path, body, key, status, text } of sent) {
    const again = await post(path, body, key);
    expect([again.status, again.text], `${path} ${key}`).toEqual([status, text]);
  }
  expect(await balances()).toEqual(before);
}

/** A new id of a shard: every shard must have something to do. */
function idOn(shard: number): string {
  let id = ids.next();
  while (shardOfUuid(id, SHARDS) !== shard) id = ids.next();
  return id;
}

function snapshotsOf(shard: number): string[] {
  const directory = join(ledger.dataDir, `shard-${shard}`, "snapshots");
  return readdirSync(directory)
    .sort()
    .map((name) => join(directory, name));
}

beforeEach(async () => {
  sent.length = 0;
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: String(SHARDS), MIZAN_SNAPSHOT_KEEP: "2" });
  await ledger.start();
  wallets = Array.from({ length: 4 }, (_, number) => idOn(number % SHARDS));
  for (const id of wallets) {
    await send("/wallets", { id, ownerId: ids.next(), currency: "EGP" });
    await send(`/wallets/${id}/activate`, {});
    await send(`/wallets/${id}/credit`, { amountMinor: 1_000 });
  }
});

afterEach(() => ledger.dispose());

describe("a start from a snapshot", () => {
  test("remembers every command from before it and behind it, however often it happens", async () => {
    await work(1);
    await snapshot();
    await work(2);
    const before = await balances();
    await restart();
    expect(ledger.output).toContain("snapshot loaded");
    expect(await balances()).toEqual(before);
    await expectRemembered();
    await snapshot();
    await work(3);
    await restart();
    await expectRemembered();
  });

  test("still knows what was reversed and what is held", async () => {
    const paid = await send("/transfers", { fromWalletId: wallets[0], toWalletId: wallets[1], amountMinor: 100 });
    const transferId = (JSON.parse(paid.text) as { readonly id: string }).id;
    await send(`/transfers/${transferId}/reversals`, { walletId: wallets[0], amountMinor: 60 });
    const hold = await send(`/wallets/${wallets[2]}/holds`, { amountMinor: 500 });
    const holdId = (JSON.parse(hold.text) as { readonly id: string }).id;
    await send(`/holds/${holdId}/captures`, { walletId: wallets[2], amountMinor: 200 });
    await snapshot();
    await restart();
    const tooMuch = await post(`/transfers/${transferId}/reversals`, { walletId: wallets[0], amountMinor: 41 });
    expect(JSON.parse(tooMuch.text)).toMatchObject({ code: "reversal_amount_exceeded" });
    const rest = await post(`/transfers/${transferId}/reversals`, { walletId: wallets[0] });
    expect(rest.status).toBe(201);
    const over = await post(`/holds/${holdId}/captures`, { walletId: wallets[2], amountMinor: 301 });
    expect(JSON.parse(over.text)).toMatchObject({ code: "hold_amount_exceeded" });
    expect((await post(`/holds/${holdId}/captures`, { walletId: wallets[2] })).status).toBe(201);
    expect(await get(`/wallets/${wallets[2]}`)).toMatchObject({ postedMinor: 500, heldMinor: 0 });
  });

  test("falls back to the one before where a snapshot is damaged, and says so", async () => {
    await work(1);
    await snapshot();
    await work(2);
    await snapshot();
    const before = await balances();
    await ledger.end("SIGKILL");
    for (let shard = 0; shard < SHARDS; shard += 1) {
      const newest = snapshotsOf(shard).at(-1) as string;
      const bytes = readFileSync(newest);
      bytes[Math.floor(bytes.length / 2)] ^= 0xff;
      writeFileSync(newest, bytes);
    }
    await ledger.start();
    expect(ledger.output).toContain("a snapshot cannot be used");
    const headers = { authorization: `Bearer ${ADMIN_KEY}` };
    const metrics = await (await fetch(`${ledger.url}/metrics`, { headers })).text();
    for (let shard = 0; shard < SHARDS; shard += 1) {
      expect(metrics).toContain(`mizan_snapshots_damaged{shard="${shard}"} 1\n`);
    }
    expect(ledger.output).toContain("snapshot loaded");
    expect(await balances()).toEqual(before);
    await expectRemembered();
  });

  test("goes through the whole journal where no snapshot is sound", async () => {
    await work(1);
    await snapshot();
    const before = await balances();
    await ledger.end("SIGKILL");
    for (let shard = 0; shard < SHARDS; shard += 1) {
      for (const path of snapshotsOf(shard)) writeFileSync(path, readFileSync(path).subarray(0, 100));
    }
    await ledger.start();
    expect(ledger.output).not.toContain("snapshot loaded");
    expect(await balances()).toEqual(before);
    await expectRemembered();
  });

  test("removes what a crash left unfinished, and keeps as many as it should", async () => {
    for (let round = 0; round < 4; round += 1) {
      await work(round);
      await snapshot();
    }
    await ledger.end("SIGKILL");
    const unfinished = `${snapshotsOf(0)[0]}.unfinished`;
    writeFileSync(unfinished, "half");
    await ledger.start();
    expect(snapshotsOf(0)).not.toContain(unfinished);
    for (let shard = 0; shard < SHARDS; shard += 1) expect(snapshotsOf(shard)).toHaveLength(2);
  });
});
