/** What API keys open, and no longer open, in a real ledger. */

import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import { UuidV7 } from "../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", MIZAN_LOG_LEVEL: "silent" });
  await ledger.start();
});
afterAll(() => ledger.dispose());

async function call(method: string, path: string, body?: object, key = ADMIN_KEY, idempotencyKey = ids.next()) {
  const response = await fetch(`${ledger.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      "idempotency-key": idempotencyKey,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

async function makeKey(name: string): Promise<{ id: string; key: string }> {
  const { status, json } = await call("POST", "/api-keys", { name, role: "merchant", ownerId: ids.next() });
  expect(status).toBe(201);
  return json as { id: string; key: string };
}

const SUBPROTOCOLS = ["mizan.binary.v1", "mizan.json.v1"];

async function open(subprotocol: string, key: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, subprotocol, {
    headers: { authorization: `Bearer ${key}` },
  });
  await once(socket, "open");
  return socket;
}

test.each(SUBPROTOCOLS)("a key that is revoked closes its connections: %s", async (subprotocol) => {
  const [revoked, other] = [await makeKey("revoked"), await makeKey("other")];
  const [closing, staying] = [await open(subprotocol, revoked.key), await open(subprotocol, other.key)];
  const closed = once(closing, "close") as Promise<[number, Buffer]>;
  expect((await call("DELETE", `/api-keys/${revoked.id}`)).status).toBe(200);
  const [code, reason] = await closed;
  expect([code, reason.toString()]).toEqual([1008, "api_key_revoked"]);
  expect((await call("GET", `/wallets/${ids.next()}`, undefined, revoked.key)).status).toBe(401);
  expect(staying.readyState).toBe(WebSocket.OPEN);
  staying.terminate();
});

test("a ticket is worth as much as the key it was issued for", async () => {
  const { id, key } = await makeKey("browser");
  const tickets = [await call("POST", "/tickets", {}, key), await call("POST", "/tickets", {}, key)];
  const [used, left] = tickets.map(({ json }) => json.ticket as string);
  const openWith = (ticket: string): WebSocket =>
    new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws?ticket=${ticket}`, "mizan.json.v1");
  const socket = openWith(used);
  await once(socket, "open");
  const closed = once(socket, "close") as Promise<[number]>;
  expect((await call("DELETE", `/api-keys/${id}`)).status).toBe(200);
  expect((await closed)[0]).toBe(1008);
  const [, response] = (await once(openWith(left), "unexpected-response")) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(401);
});

test("a request for a key that is sent again makes no second one, and cannot show the first again", async () => {
  const request = { name: "twice", role: "user", ownerId: ids.next() };
  const idempotencyKey = ids.next();
  const first = await call("POST", "/api-keys", request, ADMIN_KEY, idempotencyKey);
  const again = await call("POST", "/api-keys", request, ADMIN_KEY, idempotencyKey);
  expect(again.json.id).toBe(first.json.id);
  expect(first.json.key).toMatch(/^mizan_/);
  expect(again.json.key ?? null).toBeNull();
  const other = await call("POST", "/api-keys", { ...request, name: "other" }, ADMIN_KEY, idempotencyKey);
  expect([other.status, other.json.code]).toEqual([422, "id_reused"]);
  expect((await call("GET", `/wallets/${ids.next()}`, undefined, first.json.key as string)).status).toBe(404);
});

test("a configured key that was revoked opens nothing after a restart, and the start says so", async () => {
  const { json } = await call("GET", "/api-keys");
  const configured = (json.keys as { id: string; name: string }[]).find(({ name }) => name === "MIZAN_ADMIN_KEY");
  const spare = await call("POST", "/api-keys", { name: "spare", role: "admin" });
  expect((await call("DELETE", `/api-keys/${configured?.id}`)).status).toBe(200);
  expect(await ledger.end("SIGTERM")).toBe(0);
  await ledger.start();
  expect(ledger.output).toContain("MIZAN_ADMIN_KEY names a key that was revoked");
  expect((await call("GET", "/trial-balance")).status).toBe(401);
  expect((await call("GET", "/trial-balance", undefined, spare.json.key as string)).status).toBe(200);
});
