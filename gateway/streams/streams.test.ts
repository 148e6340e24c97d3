/** Balance streams of a real ledger, followed with the client and, where it must misbehave, with a raw socket. */

import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { type BalanceUpdate, Mizan } from "../../client/index.ts";
import { UuidV7 } from "../../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";

const HISTORY = 8;
const ids = new UuidV7();
let ledger: LedgerProcess;
let mizan: Mizan;

beforeAll(async () => {
  ledger = await LedgerProcess.create({
    MIZAN_SHARDS: "2",
    MIZAN_STREAM_HISTORY_DELTAS: String(HISTORY),
    MIZAN_STREAM_GRACE_MS: "30000",
    MIZAN_SOCKET_BUFFERED_SOFT_BYTES: "65536",
    MIZAN_SOCKET_BUFFERED_MAX_BYTES: "262144",
    MIZAN_STREAM_PENDING_DELTAS_MAX: "1024",
    MIZAN_HEARTBEAT_INTERVAL_MS: "200",
  });
  await ledger.start();
  mizan = await Mizan.connect({ url: ledger.url, apiKey: ADMIN_KEY });
});
afterAll(async () => {
  await mizan.close();
  await ledger.dispose();
});

async function openWallet(ownerId = ids.next()): Promise<string> {
  const { walletId } = await mizan.createWallet({ ownerId, currency: "EGP" });
  await mizan.activateWallet({ walletId });
  return walletId;
}

async function credit(walletId: string, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1)
    expect(await mizan.credit({ walletId, amountMinor: 1 })).toMatchObject({ ok: true });
}

interface Follower {
  readonly seen: (BalanceUpdate & { readonly type?: undefined })[];
  readonly heartbeats: () => number;
  readonly socket: WebSocket;
  readonly errors: string[];
  ask(request: object): Promise<{ ok: boolean; error?: { code: string } }>;
}

/** A JSON socket that keeps what it is told, without the client's own memory of what it has seen. */
async function follow(key = ADMIN_KEY): Promise<Follower> {
  const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, "mizan.json.v1", {
    headers: { authorization: `Bearer ${key}` },
  });
  const seen: BalanceUpdate[] = [];
  const errors: string[] = [];
  const answers = new Map<number, (answer: { ok: boolean }) => void>();
  let heartbeats = 0;
  let requestId = 0;
  socket.on("error", () => {});
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Record<string, unknown>;
    if (message.type === "Balances") seen.push(...(message.deltas as BalanceUpdate[]));
    else if (message.type === "Heartbeat") heartbeats += 1;
    else if (message.type === "Error") errors.push((message.error as { code: string }).code);
    else answers.get(message.requestId as number)?.(message as { ok: boolean });
  });
  await once(socket, "open");
  const ask = (request: object): Promise<{ ok: boolean }> => {
    requestId += 1;
    const id = requestId;
    socket.send(JSON.stringify({ requestId: id, ...request }));
    return new Promise((resolve) => answers.set(id, resolve));
  };
  return { seen, errors, socket, ask, heartbeats: () => heartbeats };
}

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > deadlineMs) throw new Error("it never came to hold");
    await delay(5);
  }
}

const subscribe = (walletId: string, fromVersion?: number) => ({
  type: "Subscribe",
  topic: "wallet",
  walletId,
  fromVersion,
});

describe("a wallet's stream", () => {
  test("begins with the state and goes on with every change, for every reader", async () => {
    const walletId = await openWallet();
    const readers = [await follow(), await follow(), await follow()];
    for (const reader of readers) expect(await reader.ask(subscribe(walletId))).toMatchObject({ ok: true });
    await credit(walletId, 20);
    for (const { seen, socket } of readers) {
      await until(() => seen.length === 21);
      expect(seen.map(({ version }) => version)).toEqual(Array.from({ length: 21 }, (_, index) => index + 2));
      expect(seen.map(({ kind }) => kind)).toEqual(["state", ...new Array(20).fill("change")]);
      expect(seen.map(({ postedMinor }) => postedMinor)).toEqual(Array.from({ length: 21 }, (_, index) => index));
      socket.terminate();
    }
  });

  test("gives what was missed to a reader that names the last version it saw", async () => {
    const walletId = await openWallet();
    const first = await follow();
    await first.ask(subscribe(walletId));
    await credit(walletId, 2);
    await until(() => first.seen.at(-1)?.version === 4);
    first.socket.terminate();
    await credit(walletId, HISTORY - 2);
    const second = await follow();
    await second.ask(subscribe(walletId, 4));
    await until(() => second.seen.length === HISTORY - 2);
    expect(second.seen.map(({ version, kind }) => [version, kind])).toEqual(
      Array.from({ length: HISTORY - 2 }, (_, index) => [index + 5, "change"]),
    );
    const upToDate = await follow();
    await upToDate.ask(subscribe(walletId, second.seen.at(-1)?.version));
    await credit(walletId, 1);
    await until(() => upToDate.seen.length === 1);
    expect(upToDate.seen[0]).toMatchObject({ kind: "change", version: HISTORY + 3 });
    for (const { socket } of [second, upToDate]) socket.terminate();
  });

  test("gives a state marked as such where too much was missed, or the version lies ahead", async () => {
    const walletId = await openWallet();
    const first = await follow();
    await first.ask(subscribe(walletId));
    await credit(walletId, HISTORY + 5);
    await until(() => first.seen.at(-1)?.version === HISTORY + 7);
    for (const fromVersion of [2, 1_000]) {
      const reader = await follow();
      await reader.ask(subscribe(walletId, fromVersion));
      await until(() => reader.seen.length === 1);
      expect(reader.seen[0]).toMatchObject({ kind: "state", reset: true, version: HISTORY + 7 });
      reader.socket.terminate();
    }
    first.socket.terminate();
  });

  test("ends with Unsubscribe", async () => {
    const walletId = await openWallet();
    const reader = await follow();
    await reader.ask(subscribe(walletId));
    await until(() => reader.seen.length === 1);
    await reader.ask({ type: "Unsubscribe", topic: "wallet", walletId });
    await credit(walletId, 3);
    await reader.ask({ type: "Ping" });
    expect(reader.seen.length).toBe(1);
    reader.socket.terminate();
  });

  test("keeps an idle connection alive", async () => {
    const reader = await follow();
    await until(() => reader.heartbeats() >= 3);
    reader.socket.terminate();
  });
});

describe("who may follow what", () => {
  test("users their own wallets and owner, admins everything", async () => {
    const ownerId = ids.next();
    const [own, strange] = [await openWallet(ownerId), await openWallet()];
    const response = await fetch(`${ledger.url}/api/v1/api-keys`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        "content-type": "application/json",
        "idempotency-key": ids.next(),
      },
      body: JSON.stringify({ name: "user", role: "user", ownerId }),
    });
    const { key } = (await response.json()) as { key: string };
    const user = await follow(key);
    expect(await user.ask(subscribe(own))).toMatchObject({ ok: true });
    expect(await user.ask(subscribe(strange))).toMatchObject({ ok: false, error: { code: "forbidden" } });
    expect(await user.ask(subscribe(ids.next()))).toMatchObject({ ok: false, error: { code: "wallet_not_found" } });
    const other = { type: "Subscribe", topic: "owner", ownerId: ids.next() };
    expect(await user.ask(other)).toMatchObject({ ok: false, error: { code: "forbidden" } });
    expect(await user.ask({ ...other, ownerId })).toMatchObject({ ok: true });
    const all = { type: "Subscribe", topic: "all" };
    expect(await user.ask(all)).toMatchObject({ ok: false, error: { code: "forbidden" } });
    const admin = await follow();
    expect(await admin.ask(all)).toMatchObject({ ok: true });
    await credit(strange, 1);
    await credit(own, 1);
    await until(() => admin.seen.some(({ walletId }) => walletId === own));
    expect(admin.seen.some(({ walletId }) => walletId === strange)).toBe(true);
    await until(() => user.seen.some(({ walletId, kind }) => walletId === own && kind === "change"));
    expect(user.seen.every(({ walletId }) => walletId === own)).toBe(true);
    // Followed by wallet and by owner, a change is still told once.
    expect(user.seen.filter(({ kind }) => kind === "change").length).toBe(1);
    for (const { socket } of [user, admin]) socket.terminate();
  });
});

describe("a reader that does not read", () => {
  function pause(follower: Follower): Socket {
    const { _socket: socket } = follower.socket as unknown as { _socket: Socket };
    socket.pause();
    return socket;
  }

  test("gets the latest state of each wallet once it reads again", async () => {
    const ownerId = ids.next();
    const wallets = await Promise.all(Array.from({ length: 40 }, () => openWallet(ownerId)));
    const reader = await follow();
    await reader.ask({ type: "Subscribe", topic: "owner", ownerId });
    await until(() => reader.seen.length === wallets.length);
    const socket = pause(reader);
    const rounds = 400;
    for (let round = 0; round < rounds; round += 1) {
      await mizan.batch(wallets.map((walletId) => ({ type: "Credit", walletId, amountMinor: 1 })));
    }
    socket.resume();
    const latest = new Map<string, number>();
    await until(() => {
      for (const { walletId, version } of reader.seen) latest.set(walletId, version);
      return wallets.every((walletId) => latest.get(walletId) === rounds + 2);
    });
    const versions = new Map<string, number>();
    for (const { walletId, version } of reader.seen) {
      expect(version).toBeGreaterThan(versions.get(walletId) ?? 0);
      versions.set(walletId, version);
    }
    // What the system's own buffers hold decides whether steps had to be left out; if so, it is said.
    const isComplete = reader.seen.length === wallets.length * (rounds + 1);
    expect(reader.seen.some(({ conflated }) => conflated)).toBe(!isComplete);
    reader.socket.terminate();
  }, 60_000);

  test("is closed where the latest states of more wallets wait than there is room for", async () => {
    const reader = await follow();
    await reader.ask({ type: "Subscribe", topic: "all" });
    const wallets: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const opened = await mizan.batch(
        Array.from({ length: 1_000 }, () => ({ type: "CreateWallet", ownerId: ids.next(), currency: "EGP" }) as const),
      );
      wallets.push(...opened.map(({ walletId }) => walletId));
    }
    await until(() => reader.seen.length >= wallets.length);
    const closed = once(reader.socket, "close");
    const socket = pause(reader);
    let isClosed = false;
    closed.then(() => {
      isClosed = true;
    });
    for (let round = 0; round < 200 && !isClosed; round += 1) {
      await mizan.batch(
        wallets.map((walletId) => ({ type: "SetOverdraftLimit", walletId, overdraftLimitMinor: round })),
      );
      if (round % 20 === 19) socket.resume();
    }
    socket.resume();
    const [code] = (await closed) as [number];
    expect([1006, 1013]).toContain(code);
    if (code === 1013) expect(reader.errors).toContain("slow_consumer");
    const alive = await mizan.getWallet(wallets[0]);
    expect(alive).toMatchObject({ ok: true });
  }, 60_000);
});
