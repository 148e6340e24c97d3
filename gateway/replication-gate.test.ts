/** What an answer waits for where the journal is replicated, over real sockets; the test is the log. */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { UuidV7 } from "../protocol/ids.ts";
import { JsonSocket } from "../test/json-socket.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { ReplicatedLedger } from "../test/replicated-ledger.ts";
import { WireClient } from "../test/wire-client.ts";

/** Long enough that an answer which may be shown would have been. */
const A_WHILE_MS = 150;

const ids = new UuidV7();
const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<ReplicatedLedger> {
  const ledger = await ReplicatedLedger.start(env);
  ended.push(() => ledger.stop());
  return ledger;
}

async function open(ledger: { readonly url: string }, query = ""): Promise<JsonSocket> {
  const socket = await JsonSocket.open(ledger.url, query);
  ended.push(() => socket.close());
  return socket;
}

async function openWallet(socket: JsonSocket): Promise<string> {
  const walletId = ids.next();
  const create = { type: "CreateWallet", id: ids.next(), walletId, ownerId: ids.next(), currency: "EGP" };
  expect(await socket.ask(create)).toMatchObject({ ok: true });
  expect(await socket.ask({ type: "ActivateWallet", id: ids.next(), walletId })).toMatchObject({ ok: true });
  return walletId;
}

const credit = (walletId: string, amountMinor = 1) => ({ type: "Credit", id: ids.next(), walletId, amountMinor });

/** Resolves when the shard has made a record durable. */
async function journaled(ledger: ReplicatedLedger, sequence: number): Promise<void> {
  while (ledger.sequence() < sequence) await delay(1);
}

function rest(ledger: ReplicatedLedger, method: string, path: string, headers: object = {}, body?: object) {
  return fetch(`${ledger.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

describe("acks=replicated", () => {
  test("answers, reads and streams wait for the log, in order", async () => {
    const ledger = await start({ MIZAN_ACKS: "replicated" });
    const socket = await open(ledger);
    expect(socket.messages[0]).toMatchObject({ type: "Welcome", role: "leader", acks: "replicated" });
    const walletId = await openWallet(socket);
    await socket.ask({ type: "Subscribe", topic: "wallet", walletId });
    const before = ledger.sequence();
    ledger.holdBack();
    const first = socket.send(credit(walletId));
    await journaled(ledger, before + 1);
    const second = socket.send(credit(walletId));
    await journaled(ledger, before + 2);
    const read = socket.send({ type: "GetWallet", walletId });
    await delay(A_WHILE_MS);
    expect([first, second, read].map((request) => socket.answerTo(request))).toEqual([undefined, undefined, undefined]);
    expect(socket.versions()).toEqual([2]);

    ledger.confirm(before + 1);
    expect(await socket.answered(first)).toMatchObject({ ok: true, result: { position: `0:${before + 1}` } });
    await delay(A_WHILE_MS);
    expect(socket.answerTo(second)).toBeUndefined();
    expect(socket.versions()).toEqual([2, 3]);

    ledger.confirm(before + 2);
    expect(await socket.answered(read)).toMatchObject({ ok: true, result: { version: 4 } });
    expect(socket.answerTo(second)).toMatchObject({ ok: true });
    await expect.poll(() => socket.versions()).toEqual([2, 3, 4]);
  });

  test("what is not confirmed in time is pending, and the same id gets the first answer later", async () => {
    const ledger = await start({ MIZAN_ACKS: "replicated", MIZAN_REPLICATION_TIMEOUT_MS: "100" });
    const socket = await open(ledger);
    const walletId = await openWallet(socket);
    ledger.holdBack();
    const commands = [credit(walletId), credit(walletId)];
    const pending = { ok: false, error: { code: "replication_pending" } };
    expect(await socket.ask({ type: "Batch", commands })).toMatchObject({
      ok: true,
      result: { results: [pending, pending] },
    });
    expect(await socket.ask({ type: "GetWallet", walletId })).toMatchObject(pending);
    expect(await socket.ask({ type: "GetTrialBalance" })).toMatchObject(pending);

    const key = ids.next();
    const path = `/api/v1/wallets/${walletId}/credit`;
    const late = await rest(ledger, "POST", path, { "idempotency-key": key }, { amountMinor: 5 });
    expect(late.status).toBe(504);
    expect(late.headers.get("retry-after")).toBe("1");
    expect(await late.json()).toMatchObject({ code: "replication_pending" });
    const lateKey = await rest(
      ledger,
      "POST",
      "/api/v1/api-keys",
      { "idempotency-key": ids.next() },
      { name: "k", role: "admin" },
    );
    expect(lateKey.status).toBe(504);

    ledger.confirmAll();
    const seen = socket.messages.length;
    const again = await socket.ask({ type: "Batch", commands });
    expect(again).toMatchObject({
      result: {
        results: [
          { ok: true, replayed: true },
          { ok: true, replayed: true },
        ],
      },
    });
    // The real answers, which came too late, went nowhere.
    expect(socket.messages.length).toBe(seen + 1);
    const answer = await rest(ledger, "POST", path, { "idempotency-key": key }, { amountMinor: 5 });
    expect(answer.headers.get("idempotency-replayed")).toBe("true");
    expect(await answer.json()).toMatchObject({ postedMinor: 7 });
    expect(await (await rest(ledger, "GET", "/metrics")).text()).toMatch(/mizan_replication_pending_total 5\n/);
  });

  test("a leader without a lease shows nothing, and nothing twice when it has one again", async () => {
    const ledger = await start({ MIZAN_ACKS: "replicated" });
    const socket = await open(ledger);
    const walletId = await openWallet(socket);
    ledger.endLease();
    const requests = [socket.send(credit(walletId)), socket.send({ type: "GetWallet", walletId })];
    await delay(A_WHILE_MS);
    expect(requests.map((request) => socket.answerTo(request))).toEqual([undefined, undefined]);
    ledger.extendLease();
    for (const request of requests) expect(await socket.answered(request)).toMatchObject({ ok: true });
    expect(socket.messages.filter(({ requestId }) => requestId === requests[0])).toHaveLength(1);
  });

  test("a fenced node answers what it cannot tell, closes every connection, and shows nothing more", async () => {
    const ledger = await start({ MIZAN_ACKS: "replicated" });
    const socket = await open(ledger);
    const walletId = await openWallet(socket);
    ledger.holdBack();
    const command = socket.send(credit(walletId));
    const overHttp = rest(ledger, "GET", `/api/v1/wallets/${walletId}`);
    await delay(A_WHILE_MS);
    ledger.role.fence({ nodeUrl: "http://other:7070", epoch: 2 });
    await socket.closed();
    expect(socket.answerTo(command)).toMatchObject({ error: { code: "replication_pending" } });
    expect(socket.messages.at(-1)).toMatchObject({
      type: "Error",
      error: { code: "not_leader", leader: "http://other:7070" },
    });
    expect([socket.closeCode, socket.closeReason]).toEqual([1012, "not_leader"]);
    expect((await overHttp).status).toBe(504);
    ledger.confirmAll();
    const refused = await rest(ledger, "GET", `/api/v1/wallets/${walletId}`);
    expect(refused.status).toBe(421);
    expect(await refused.json()).toMatchObject({ code: "not_leader", leader: "http://other:7070" });
  });

  test("what waits is bounded by the reply ring: beyond it requests are overloaded, and nothing is lost", async () => {
    const ledger = await start({
      MIZAN_ACKS: "replicated",
      MIZAN_REPLY_RING_BYTES: String(8 << 20),
      MIZAN_REQUEST_RING_BYTES: String(4 << 20),
      MIZAN_REPLICATION_TIMEOUT_MS: "60000",
      // All answers leave at once in the end.
      MIZAN_SOCKET_BUFFERED_MAX_BYTES: String(256 << 20),
    });
    const client = await WireClient.connect(Number(new URL(ledger.url).port), ADMIN_KEY);
    ended.push(() => client.close());
    // Reads depend on the newest record, whatever they read.
    ledger.confirm(0);
    const unknown = Array.from({ length: 1_024 }, () => ids.next());
    const sent: Promise<string>[] = [];
    let refused = 0;
    while (refused === 0) {
      const answer = client.wallets(unknown).then(
        (wallets) => wallets[0].code,
        (error: Error) => {
          refused += 1;
          return error.message;
        },
      );
      sent.push(answer);
      if (sent.length % 16 === 0) await delay(1);
    }
    ledger.confirmAll();
    const codes = await Promise.all(sent);
    expect(new Set(codes)).toEqual(new Set(["wallet_not_found", "overloaded"]));
    expect(codes.filter((code) => code === "wallet_not_found").length).toBeGreaterThan(60);
  });
});

describe("acks=local", () => {
  test("a connection that asks for replicated waits, its streams as well, and others do not", async () => {
    const ledger = await start();
    const prompt = await open(ledger);
    const patient = await open(ledger, "?acks=replicated");
    expect(prompt.messages[0]).toMatchObject({ acks: "local" });
    expect(patient.messages[0]).toMatchObject({ acks: "replicated" });
    const walletId = await openWallet(prompt);
    for (const socket of [prompt, patient]) await socket.ask({ type: "Subscribe", topic: "wallet", walletId });
    const before = ledger.sequence();
    ledger.holdBack();
    const waiting = [patient.send(credit(walletId)), patient.send({ type: "GetWallet", walletId })];
    await journaled(ledger, before + 1);
    expect(await prompt.ask(credit(walletId))).toMatchObject({ ok: true, result: { version: 4 } });
    await expect.poll(() => prompt.versions()).toEqual([2, 3, 4]);
    await delay(A_WHILE_MS);
    expect(waiting.map((request) => patient.answerTo(request))).toEqual([undefined, undefined]);
    expect(patient.versions()).toEqual([2]);

    ledger.confirm(before + 1);
    expect(await patient.answered(waiting[0])).toMatchObject({ ok: true, result: { version: 3 } });
    await expect.poll(() => patient.versions()).toEqual([2, 3]);
    ledger.confirmAll();
    expect(await patient.answered(waiting[1])).toMatchObject({ ok: true });
    await expect.poll(() => patient.versions()).toEqual([2, 3, 4]);
    expect(prompt.versions()).toEqual([2, 3, 4]);
  });

  test("a reader that asks for replicated and comes back later gets no change that is not confirmed", async () => {
    const ledger = await start();
    const prompt = await open(ledger);
    const walletId = await openWallet(prompt);
    await prompt.ask({ type: "Subscribe", topic: "wallet", walletId });
    ledger.holdBack();
    await prompt.ask(credit(walletId));
    const patient = await open(ledger, "?acks=replicated");
    const subscribed = patient.send({ type: "Subscribe", topic: "wallet", walletId, fromVersion: 2 });
    await prompt.ask(credit(walletId));
    await delay(A_WHILE_MS);
    expect(patient.answerTo(subscribed)).toBeUndefined();
    expect(patient.versions()).toEqual([]);
    ledger.confirmAll();
    await patient.answered(subscribed);
    await expect.poll(() => patient.versions().at(-1)).toBe(4);
  });

  test("those who wait for the log slow down nobody else, however long it is silent", async () => {
    const ledger = await start({ MIZAN_REPLICATION_TIMEOUT_MS: "60000" });
    const prompt = await open(ledger);
    const patient = await open(ledger, "?acks=replicated");
    const reader = await open(ledger, "?acks=replicated");
    const walletId = await openWallet(prompt);
    await reader.ask({ type: "Subscribe", topic: "wallet", walletId });
    ledger.confirm(0);
    const waiting = patient.send(credit(walletId));
    while (reader.closeCode === 0) {
      const commands = Array.from({ length: 4_000 }, () => credit(walletId));
      expect(await prompt.ask({ type: "Batch", commands })).toMatchObject({ ok: true });
    }
    expect([reader.closeCode, reader.closeReason]).toEqual([1013, "slow_consumer"]);
    expect(patient.answerTo(waiting)).toBeUndefined();
    const walletIds = Array.from({ length: 1_000 }, () => ids.next());
    const asked: number[] = [];
    let pending = 0;
    while (pending === 0) {
      asked.push(patient.send({ type: "GetWallets", walletIds }));
      expect(await prompt.ask({ type: "GetWallet", walletId })).toMatchObject({ ok: true });
      pending = asked.filter((request) => patient.answerTo(request) !== undefined).length;
    }
    const refused = asked.map((request) => patient.answerTo(request)).find((answer) => answer !== undefined);
    expect(refused).toMatchObject({ error: { code: "replication_pending" } });
    ledger.confirmAll();
    expect(await patient.answered(waiting)).toMatchObject({ ok: true, result: { version: 3 } });
    for (const request of asked) await patient.answered(request);
  });

  test("over REST the header Mizan-Acks asks for it, request by request", async () => {
    const ledger = await start({ MIZAN_REPLICATION_TIMEOUT_MS: "100" });
    const socket = await open(ledger);
    const walletId = await openWallet(socket);
    ledger.holdBack();
    const path = `/api/v1/wallets/${walletId}/credit`;
    const header = { "mizan-acks": "replicated" };
    const key = { "idempotency-key": ids.next() };
    expect((await rest(ledger, "POST", path, { ...key, ...header }, { amountMinor: 1 })).status).toBe(504);
    expect((await rest(ledger, "POST", path, key, { amountMinor: 1 })).status).toBe(200);
    expect((await rest(ledger, "GET", `/api/v1/wallets/${walletId}`, header)).status).toBe(504);
    expect((await rest(ledger, "GET", `/api/v1/wallets/${walletId}`)).status).toBe(200);
    const wrong = await rest(ledger, "GET", `/api/v1/wallets/${walletId}`, { "mizan-acks": "all" });
    expect(await wrong.json()).toMatchObject({ code: "invalid_request", field: "Mizan-Acks" });
    ledger.confirmAll();
    const after = await rest(ledger, "GET", `/api/v1/wallets/${walletId}`, header);
    expect(await after.json()).toMatchObject({ postedMinor: 1 });
    expect(after.headers.get("mizan-position")).toBe(`0:${ledger.sequence()}`);
  });

  test("a lag beyond its limit refuses commands and nothing else, until the log has caught up", async () => {
    const ledger = await start({ MIZAN_REPLICATION_LAG_RECORDS_MAX: "10" });
    const socket = await open(ledger);
    const walletId = await openWallet(socket);
    ledger.holdBack();
    const commands = Array.from({ length: 11 }, () => credit(walletId));
    await socket.ask({ type: "Batch", commands });
    await expect.poll(async () => await socket.ask(credit(walletId))).toMatchObject({ error: { code: "overloaded" } });
    expect(await socket.ask({ type: "GetWallet", walletId })).toMatchObject({ ok: true });
    const found = await socket.ask({ type: "GetReplication" });
    expect(found).toMatchObject({ result: { role: "leader", shards: [{ lagRecords: expect.any(Number) }] } });
    ledger.confirmAll();
    await expect.poll(async () => await socket.ask(credit(walletId))).toMatchObject({ ok: true });
  });

  test("where the operator says go on, a lag refuses nothing", async () => {
    const ledger = await start({ MIZAN_REPLICATION_LAG_RECORDS_MAX: "1", MIZAN_REPLICATION_LAG_ACTION: "go_on" });
    const socket = await open(ledger);
    const walletId = await openWallet(socket);
    ledger.holdBack();
    for (let i = 0; i < 5; i += 1) await socket.ask(credit(walletId));
    await delay(A_WHILE_MS);
    expect(await socket.ask(credit(walletId))).toMatchObject({ ok: true });
  });
});

test("a ledger that is not replicated says so to who asks for it", async () => {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1" });
  ended.push(() => ledger.dispose());
  await ledger.start();
  const socket = await open(ledger, "?acks=replicated");
  await socket.closed();
  expect(socket.messages.at(-1)).toMatchObject({ type: "Error", error: { code: "not_replicated" } });
  expect([socket.closeCode, socket.closeReason]).toEqual([1008, "not_replicated"]);
  const wrong = await open(ledger, "?acks=most");
  await wrong.closed();
  expect(wrong.closeReason).toBe("invalid_request");
  const answer = await fetch(`${ledger.url}/api/v1/wallets/${ids.next()}`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "mizan-acks": "replicated" },
  });
  expect(answer.status).toBe(422);
  expect(await answer.json()).toMatchObject({ code: "not_replicated" });
});
