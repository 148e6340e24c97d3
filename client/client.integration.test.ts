/** The client against the real ledger, in a process of its own, in both encodings. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { type BalanceUpdate, type Command, type CommandResult, Mizan } from "./index.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;

beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
});
afterAll(() => ledger.dispose());

describe.each(["binary", "json"] as const)("client over %s", (encoding) => {
  let mizan: Mizan;
  beforeAll(async () => {
    mizan = await Mizan.connect({ url: ledger.url, apiKey: ADMIN_KEY, encoding, timeoutMs: 20_000 });
  });
  afterAll(() => mizan.close());

  async function openWallet(fundsMinor: number, ownerId = ids.next()): Promise<string> {
    const opened = await mizan.createWallet({ ownerId, currency: "EGP" });
    expect(opened).toMatchObject({ ok: true, version: 1 });
    const { walletId } = opened;
    expect(await mizan.activateWallet({ walletId })).toMatchObject({ ok: true, version: 2 });
    if (fundsMinor > 0) expect(await mizan.credit({ walletId, amountMinor: fundsMinor })).toMatchObject({ ok: true });
    return walletId;
  }

  test("leads a wallet through its whole life", async () => {
    const ownerId = ids.next();
    const walletId = await openWallet(500, ownerId);
    expect(await mizan.getWallet(walletId)).toMatchObject({
      ok: true,
      walletId,
      ownerId,
      currency: "EGP",
      walletType: "customer",
      status: "active",
      postedMinor: 500,
      availableMinor: 500,
      version: 3,
    });
    expect(await mizan.setOverdraftLimit({ walletId, overdraftLimitMinor: 100 })).toMatchObject({
      availableMinor: 600,
    });
    expect(await mizan.freezeWallet({ walletId })).toMatchObject({ ok: true });
    expect(await mizan.debit({ walletId, amountMinor: 1 })).toMatchObject({ ok: false, code: "wallet_frozen" });
    expect(await mizan.unfreezeWallet({ walletId })).toMatchObject({ ok: true });
    expect(await mizan.closeWallet({ walletId })).toMatchObject({ ok: false, code: "balance_not_zero" });
    expect(await mizan.debit({ walletId, amountMinor: 500 })).toMatchObject({ ok: true, postedMinor: 0 });
    expect(await mizan.closeWallet({ walletId })).toMatchObject({ ok: true });
    expect(await mizan.credit({ walletId, amountMinor: 1 })).toMatchObject({ ok: false, code: "wallet_closed" });
  });

  test("sets limits, runs into them, and asks what is left", async () => {
    const walletId = await openWallet(500);
    const limits = { debit: { perDayMinor: 100, count: { max: 9, windowMs: 3_600_000 } } };
    expect(await mizan.setWalletLimits({ walletId, limits })).toMatchObject({ ok: true, version: 4 });
    expect(await mizan.debit({ walletId, amountMinor: 70 })).toMatchObject({ ok: true });
    const refused = await mizan.debit({ walletId, amountMinor: 31 });
    expect(refused).toMatchObject({
      ok: false,
      code: "limit_exceeded",
      limit: { name: "debitPerDay", scope: "wallet", valueMinor: 100, leftMinor: 30 },
    });
    const found = await mizan.getWalletLimits(walletId);
    expect(found).toMatchObject({
      ok: true,
      timeZone: "Africa/Cairo",
      limits: [refused.ok ? {} : (refused.limit ?? {}), { name: "debitCount", value: 9, left: 8, windowMs: 3_600_000 }],
    });
    const ofType = { walletType: "system", currency: "EGP", limits: { credit: { perDayMinor: 5 } } } as const;
    expect(await mizan.setTypeLimits(ofType)).toMatchObject({ ok: true, type: "system", limits: ofType.limits });
    const shown = await mizan.getTypeLimits("system", ofType.currency);
    expect(shown).toMatchObject({ ok: true, type: "system", limits: ofType.limits });
    expect(await mizan.setWalletLimits({ walletId, limits: { debit: { perDayMinor: 0.5 } } })).toMatchObject({
      ok: false,
      code: "limits_invalid",
    });
    expect(await mizan.getWalletLimits(ids.next())).toMatchObject({ ok: false, code: "wallet_not_found" });
  });

  test("transfers, finds the transfer, and answers the same id again", async () => {
    const [fromWalletId, toWalletId] = [await openWallet(1_000), await openWallet(0)];
    const commandId = ids.next();
    const reference = ids.next();
    const command = { commandId, fromWalletId, toWalletId, amountMinor: 300, reference, metadata: { order: "7" } };
    const first = await mizan.transfer(command);
    expect(first).toMatchObject({ ok: true, replayed: false, postedMinor: 700, counterparty: { postedMinor: 300 } });
    expect(await mizan.transfer(command)).toEqual({ ...first, replayed: true });
    expect(await mizan.transfer({ ...command, amountMinor: 301 })).toMatchObject({ ok: false, code: "id_reused" });
    expect(await mizan.getTransfer(commandId)).toMatchObject({
      ok: true,
      type: "Transfer",
      status: "COMPLETED",
      fromWalletId,
      toWalletId,
      amountMinor: 300,
      currency: "EGP",
      reference,
      metadata: { order: "7" },
    });
    expect(await mizan.getTransfer(ids.next())).toMatchObject({ ok: false, code: "transfer_not_found" });
    const tooMuch = { fromWalletId, toWalletId, amountMinor: 701 };
    expect(await mizan.transfer(tooMuch)).toMatchObject({ ok: false, code: "insufficient_funds" });
  });

  test("executes a batch in order, each command with its own result, and a linked run all or none", async () => {
    const walletId = await openWallet(100);
    const command = (amountMinor: number, linked: boolean): Command => ({
      type: "Debit",
      walletId,
      amountMinor,
      linked,
    });
    const results = await mizan.batch([command(40, true), command(70, false), command(60, true), command(40, false)]);
    expect(results.map((result) => (result.ok ? "ok" : result.code))).toEqual([
      "linked_failed",
      "insufficient_funds",
      "ok",
      "ok",
    ]);
    expect(await mizan.getWallet(walletId)).toMatchObject({ postedMinor: 0 });
  });

  test("gathers single calls, and keeps thousands of them apart", async () => {
    const walletId = await openWallet(0);
    const results = await Promise.all(
      Array.from({ length: 3_000 }, (_, index) => mizan.credit({ walletId, amountMinor: index + 1 })),
    );
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(new Set(results.map(({ position }) => position)).size).toBe(3_000);
    expect(await mizan.getWallet(walletId)).toMatchObject({ postedMinor: (3_000 * 3_001) / 2 });
  });

  test("executes the largest batch, cut into messages as the encoding needs", async () => {
    const [fromWalletId, toWalletId] = [await openWallet(8_190), await openWallet(0)];
    const reference = ids.next();
    const command: Command = { type: "Transfer", fromWalletId, toWalletId, amountMinor: 1, reference };
    const results = await mizan.batch(new Array<Command>(8_190).fill(command));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(await mizan.getBalance(toWalletId)).toMatchObject({ ok: true, postedMinor: 8_190, version: 8_192 });
  });

  test("looks many wallets up, each with its own answer", async () => {
    const [known, unknown] = [await openWallet(7), ids.next()];
    const found = await mizan.getWallets([known, "me", unknown, ...new Array<string>(1_500).fill(known)]);
    expect(found.slice(0, 3)).toMatchObject([
      { ok: true, walletId: known, postedMinor: 7 },
      { ok: false, code: "invalid_request" },
      { ok: false, code: "wallet_not_found" },
    ]);
    expect(found.slice(3).map((wallet) => wallet.ok && wallet.walletId)).toEqual(new Array(1_500).fill(known));
    expect(await mizan.getBalance(unknown)).toMatchObject({ ok: false, code: "wallet_not_found" });
  });

  test("shows books that balance", async () => {
    const books = await mizan.trialBalance();
    expect(books).toMatchObject({ ok: true, totals: [{ currency: "EGP", sumMinor: "0" }] });
    expect(books.ok && books.lines.map(({ shard, sumMinor }) => [shard, sumMinor])).toEqual([
      [0, "0"],
      [1, "0"],
    ]);
  });

  test("keeps a user's key to what its owner may do and see", async () => {
    const ownerId = ids.next();
    const [own, foreign] = [await openWallet(5, ownerId), await openWallet(0)];
    const response = await fetch(`${ledger.url}/api/v1/api-keys`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        "content-type": "application/json",
        "idempotency-key": ids.next(),
      },
      body: JSON.stringify({ name: "an app", role: "user", ownerId }),
    });
    const { id, key } = (await response.json()) as { id: string; key: string };
    const user = await Mizan.connect({ url: ledger.url, apiKey: key, encoding });
    const transfer = { fromWalletId: own, toWalletId: foreign, amountMinor: 2 };
    const paid = await user.transfer(transfer);
    expect(paid).toMatchObject({ ok: true, postedMinor: 3 });
    expect(paid).not.toHaveProperty("counterparty");
    expect(await user.credit({ walletId: own, amountMinor: 1 })).toMatchObject({ ok: false, code: "forbidden" });
    expect(await user.getWallet(foreign)).toMatchObject({ ok: false });
    expect(await user.trialBalance()).toMatchObject({ ok: false, code: "forbidden" });
    await expect(user.subscribe({ all: true }).ready).rejects.toMatchObject({ code: "forbidden" });
    await expect(user.subscribe({ walletId: foreign }).ready).rejects.toMatchObject({ code: "forbidden" });

    const following = user.subscribe({ walletId: own });
    expect(await following.next()).toMatchObject({ value: { kind: "state", postedMinor: 3 } });
    await fetch(`${ledger.url}/api/v1/api-keys/${id}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${ADMIN_KEY}`, "idempotency-key": ids.next() },
    });
    await expect(following.next()).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(user.transfer(transfer)).rejects.toMatchObject({ code: "unauthenticated" });
    await user.close();
  });

  test("resumes a stream over a new connection with every step that it missed", async () => {
    const walletId = await openWallet(0);
    const sockets: WebSocket[] = [];
    const reader = await Mizan.connect({
      url: ledger.url,
      apiKey: ADMIN_KEY,
      encoding,
      connect: ({ url, subprotocol, headers }) => {
        const socket = new WebSocket(url, subprotocol, { headers });
        sockets.push(socket);
        return socket;
      },
    });
    const updates = reader.subscribe({ walletId });
    expect(await updates.next()).toMatchObject({ value: { kind: "state", version: 2 } });
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(Array.from({ length: 20 }, () => mizan.credit({ walletId, amountMinor: 1 })));
      sockets.at(-1)?.terminate();
    }
    for (let version = 3; version <= 102; version += 1) {
      expect(await updates.next()).toMatchObject({
        value: { kind: "change", version, postedMinor: version - 2, reset: false, conflated: false },
      });
    }
    await reader.close();
  });

  test("follows an owner's wallets, those opened later included", async () => {
    const ownerId = ids.next();
    const first = await openWallet(5, ownerId);
    const seen: BalanceUpdate[] = [];
    const subscription = mizan.subscribe({ ownerId }, { onUpdate: (update) => seen.push(update) });
    await subscription.ready;
    const second = await openWallet(7, ownerId);
    await until(() => seen.some(({ walletId, postedMinor }) => walletId === second && postedMinor === 7));
    expect(seen[0]).toMatchObject({ walletId: first, kind: "state", postedMinor: 5 });
    expect(seen.filter(({ walletId }) => walletId === second).map(({ version }) => version)).toEqual([1, 2, 3]);
    subscription.close();
  });

  test("survives kill -9: every call ends exactly once, and the stream goes on without a gap or a double", async () => {
    const [fromWalletId, toWalletId] = [await openWallet(1_000_000), await openWallet(0)];
    const versions: number[] = [];
    const resets: number[] = [];
    const subscription = mizan.subscribe(
      { walletId: toWalletId },
      {
        onUpdate: ({ version, reset }) => {
          versions.push(version);
          if (reset) resets.push(version);
        },
      },
    );
    await subscription.ready;
    const calls: Promise<CommandResult>[] = [];
    for (let round = 0; round < 60; round += 1) {
      if (round === 20 || round === 40) {
        await ledger.end("SIGKILL");
        await ledger.start();
      }
      for (let i = 0; i < 10; i += 1) calls.push(mizan.transfer({ fromWalletId, toWalletId, amountMinor: 1 }));
      await delay(2);
    }
    const results = await Promise.all(calls);
    expect(results.map((result) => (result.ok ? "ok" : result.code))).toEqual(results.map(() => "ok"));
    expect(await mizan.getWallet(toWalletId)).toMatchObject({ postedMinor: 600, version: 602 });
    await until(() => versions.at(-1) === 602);
    for (const [index, version] of versions.entries()) {
      // After a restart the steps before are not kept, and a state marked as such takes their place.
      if (index > 0 && !resets.includes(version)) expect(version).toBe(versions[index - 1] + 1);
      if (index > 0) expect(version).toBeGreaterThan(versions[index - 1]);
    }
    subscription.close();
  }, 60_000);
});

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > deadlineMs) throw new Error("it never came to hold");
    await delay(5);
  }
}
