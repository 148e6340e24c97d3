/** What those get who open connections and do not behave: a real ledger, real sockets. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { UuidV7 } from "../protocol/ids.ts";
import { JsonSocket } from "../test/json-socket.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { scrape } from "../test/scrape.ts";

const CONNECTIONS_MAX = 20;
const HTTP_MAX = 64;
const IDLE_MS = 8_000;
const TEST_MS = 120_000;
const ids = new UuidV7();
const opened: { terminate?: () => void; destroy?: () => void }[] = [];
let ledger: LedgerProcess;

beforeAll(async () => {
  ledger = await LedgerProcess.create({
    MIZAN_SHARDS: "1",
    MIZAN_CONNECTIONS_MAX: String(CONNECTIONS_MAX),
    MIZAN_HTTP_CONNECTIONS_MAX: String(HTTP_MAX),
    MIZAN_IDLE_TIMEOUT_MS: String(IDLE_MS),
    MIZAN_SOCKET_BUFFERED_SOFT_BYTES: String(1 << 20),
    MIZAN_SOCKET_BUFFERED_MAX_BYTES: String(64 << 20),
  });
  await ledger.start();
}, TEST_MS);
afterEach(async () => {
  for (const socket of opened.splice(0)) {
    socket.terminate?.();
    socket.destroy?.();
  }
  while ((await metric("mizan_connections")) > 0) await delay(5);
});
afterAll(() => ledger.dispose());

/** The sum of a metric over its labels. */
async function metric(name: string): Promise<number> {
  const text = await scrape(ledger.url, ADMIN_KEY);
  return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))].reduce(
    (sum, [, v]) => sum + Number(v),
    0,
  );
}

function open(options: WebSocket.ClientOptions = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, "mizan.json.v1", {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
    ...options,
  });
  socket.on("error", () => {});
  opened.push(socket);
  return socket;
}

/** How a connection ends. */
async function closing(socket: WebSocket): Promise<string> {
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  return `${code} ${reason.toString()}`;
}

function raw(): Socket {
  const socket = connect(ledger.port, "127.0.0.1").on("error", () => {});
  opened.push(socket);
  return socket;
}

/** Resolves when a socket has ended, in whatever way. */
function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

function upgradeHead(more = ""): string {
  const key = randomBytes(16).toString("base64");
  return (
    `GET /v1/ws HTTP/1.1\r\nHost: mizan\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: mizan.json.v1\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n${more}`
  );
}

async function openWallet(socket: JsonSocket): Promise<string> {
  const walletId = ids.next();
  const create = { type: "CreateWallet", id: ids.next(), walletId, ownerId: ids.next(), currency: "EGP" };
  expect(await socket.ask(create)).toMatchObject({ ok: true });
  expect(await socket.ask({ type: "ActivateWallet", id: ids.next(), walletId })).toMatchObject({ ok: true });
  return walletId;
}

describe("who comes in", { timeout: TEST_MS }, () => {
  test("of many at once as many as there may be, however they are put off; the others are told overloaded", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: CONNECTIONS_MAX + 10 }, async () => {
        const socket = open();
        return Promise.race([
          once(socket, "open").then(() => "open"),
          once(socket, "unexpected-response").then(([, response]) =>
            String((response as { statusCode: number }).statusCode),
          ),
        ]);
      }),
    );
    expect(outcomes.filter((outcome) => outcome === "open")).toHaveLength(CONNECTIONS_MAX);
    expect(outcomes.filter((outcome) => outcome === "503")).toHaveLength(10);
  });

  test("sockets that ask for nothing are closed beyond their limit, and all of them after a while; a WebSocket is not", async () => {
    const socket = open();
    await once(socket, "open");
    const refusedBefore = await metric("mizan_tcp_connections_refused_total");
    const idle = Array.from({ length: 4 * HTTP_MAX }, raw);
    let left = idle.length;
    for (const one of idle) one.once("close", () => (left -= 1)).resume();
    // Some say nothing, some begin an upgrade and never end it.
    for (const one of idle.slice(0, HTTP_MAX)) one.once("connect", () => one.write(upgradeHead()));
    while (left > HTTP_MAX) await delay(5);
    // They go by themselves, and then there is room for a question.
    while (left > 0) await delay(20);
    expect(await metric("mizan_tcp_connections_refused_total")).toBeGreaterThanOrEqual(refusedBefore + 3 * HTTP_MAX);
    expect(await metric("mizan_http_connections")).toBeLessThanOrEqual(HTTP_MAX);
    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  test("a head without an end is refused before it fills memory", async () => {
    const socket = raw();
    await once(socket, "connect");
    let answer = "";
    socket.on("data", (bytes) => (answer += bytes.toString()));
    const closed = gone(socket);
    socket.write(upgradeHead(`X-Filler: ${"x".repeat(1 << 20)}`));
    await closed;
    expect(answer === "" || answer.startsWith("HTTP/1.1 431")).toBe(true);
    expect((await fetch(`${ledger.url}/healthz`)).status).toBe(200);
  });
});

describe("who stays", { timeout: TEST_MS }, () => {
  test("a peer that answers no ping is closed as idle, one that does is not", async () => {
    const answering = open();
    const silent = open({ autoPong: false });
    const closedBefore = await metric("mizan_silent_peers_closed_total");
    expect(await closing(silent)).toBe("1013 idle_timeout");
    expect(answering.readyState).toBe(WebSocket.OPEN);
    expect(await metric("mizan_silent_peers_closed_total")).toBe(closedBefore + 1);
  });

  test("a peer that reads nothing is closed as slow, and told so once it reads", async () => {
    const admin = await JsonSocket.open(ledger.url);
    opened.push({ terminate: () => admin.close() });
    const walletId = await openWallet(admin);
    const slow = open();
    await once(slow, "message");
    const closed = closing(slow);
    const closedBefore = await metric("mizan_slow_consumers_closed_total");
    const { _socket: socket } = slow as unknown as { _socket: Socket };
    socket.pause();
    // More than the system's own buffers take.
    const walletIds = new Array<string>(1_024).fill(walletId);
    for (let requestId = 1; requestId <= 60; requestId += 1) {
      slow.send(JSON.stringify({ requestId, type: "GetWallets", walletIds }));
    }
    while ((await metric("mizan_slow_consumers_closed_total")) === closedBefore) await delay(20);
    socket.resume();
    expect(await closed).toBe("1013 slow_consumer");
    expect(await admin.ask({ type: "GetWallet", walletId })).toMatchObject({ ok: true });
  });

  test("what is asked in a burst is done in its order: a wallet left again is not followed", async () => {
    const socket = await JsonSocket.open(ledger.url);
    opened.push({ terminate: () => socket.close() });
    const wallets = [await openWallet(socket), await openWallet(socket)];
    const requests: number[] = [];
    for (let round = 0; round < 500; round += 1) {
      for (const walletId of wallets) requests.push(socket.send({ type: "Subscribe", topic: "wallet", walletId }));
      requests.push(socket.send({ type: "Unsubscribe", topic: "wallet", walletId: wallets[1] }));
    }
    for (const request of requests) expect(await socket.answered(request)).toMatchObject({ ok: true });
    socket.messages.length = 0;
    for (const walletId of [wallets[1], wallets[0]]) {
      expect(await socket.ask({ type: "Credit", id: ids.next(), walletId, amountMinor: 1 })).toMatchObject({
        ok: true,
      });
    }
    while (!socket.versions().includes(3)) await delay(2);
    const told = socket.messages.flatMap(
      ({ deltas }) => (deltas ?? []) as readonly { walletId: string; kind: string }[],
    );
    // States of the last round may come behind its answers.
    const changes = told.filter(({ kind }) => kind === "change");
    expect(changes.map(({ walletId }) => walletId)).toEqual([wallets[0]]);
  });

  test("a flood of pings from one who reads nothing ends with its connection", async () => {
    const flood = raw();
    await once(flood, "connect");
    flood.write(`${upgradeHead()}\r\n`);
    await once(flood, "data");
    flood.pause();
    let isClosed = false;
    void gone(flood).then(() => {
      isClosed = true;
    });
    // Pings of 125 bytes, masked with zeros.
    const ping = Buffer.concat([Buffer.from([0x89, 0x80 | 125, 0, 0, 0, 0]), Buffer.alloc(125)]);
    const pings = Buffer.concat(new Array<Buffer>(8_192).fill(ping));
    while (!isClosed) {
      flood.write(pings);
      // A socket that is not read learns of its end when it writes.
      await delay(1);
    }
    expect((await fetch(`${ledger.url}/healthz`)).status).toBe(200);
  });
});
