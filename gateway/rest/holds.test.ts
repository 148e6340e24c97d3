/** Holds looked up by their id on a real ledger of two shards: open, closed in every way, and after a restart. */

import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { shardOfUuid, UuidV7 } from "../../protocol/ids.ts";
import { holdFoundAnswer } from "../../protocol/json-answers.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";

const SHARDS = 2;
const ids = new UuidV7();
let ledger: LedgerProcess;
let walletId: string;
let nearId: string;
let farId: string;

type Json = Readonly<Record<string, unknown>>;

async function call(method: string, path: string, body?: object, key = ADMIN_KEY): Promise<Json> {
  const response = await fetch(`${ledger.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "idempotency-key": ids.next(),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Json;
}

async function wallet(shard: number, fundsMinor: number): Promise<string> {
  let id = ids.next();
  while (shardOfUuid(id, SHARDS) !== shard) id = ids.next();
  await call("POST", "/wallets", { id, ownerId: ids.next(), currency: "EGP" });
  await call("POST", `/wallets/${id}/activate`);
  if (fundsMinor > 0) await call("POST", `/wallets/${id}/credit`, { amountMinor: fundsMinor });
  return id;
}

async function place(amountMinor: number, more: object = {}): Promise<string> {
  return (await call("POST", `/wallets/${walletId}/holds`, { amountMinor, ...more })).id as string;
}

function capture(holdId: string, more: object): Promise<Json> {
  return call("POST", `/holds/${holdId}/captures`, { walletId, ...more });
}

async function look(holdId: string): Promise<Json> {
  return holdFoundAnswer.parse(await call("GET", `/holds/${holdId}`));
}

beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: String(SHARDS) });
  await ledger.start();
  walletId = await wallet(0, 10_000);
  nearId = await wallet(0, 0);
  farId = await wallet(1, 0);
});
afterAll(() => ledger.dispose());

describe("a hold", () => {
  test("that is open shows what is left of it", async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const id = await place(100, { expiresAt, toWalletId: nearId });
    const open = { id, walletId, toWalletId: nearId, amountMinor: 100, currency: "EGP", expiresAt, status: "open" };
    expect(await look(id)).toMatchObject({ ...open, remainingMinor: 100, capturedMinor: 0 });
    await capture(id, { amountMinor: 30 });
    const found = await look(id);
    expect(found).toMatchObject({ ...open, remainingMinor: 70, capturedMinor: 30 });
    expect(found).not.toHaveProperty("closedAt");
  });

  test("that is closed shows how, when, and what was captured, also after a start from a snapshot", async () => {
    const whole = await place(50);
    const [, wholeEnd] = [await capture(whole, { amountMinor: 20, toWalletId: nearId }), await capture(whole, {})];
    const final = await place(50, { toWalletId: farId });
    await capture(final, { amountMinor: 10 });
    await capture(final, { amountMinor: 15, final: true });
    const voided = await place(50);
    await capture(voided, { amountMinor: 5 });
    const voidEnd = await call("POST", `/holds/${voided}/void`, { walletId });
    const expired = await place(50, { expiresAt: new Date(Date.now() + 300).toISOString() });
    while ((await look(expired)).status === "open") await delay(20);
    // Refused over there: it is held here again, and may be voided.
    const refused = await place(50);
    await call("POST", `/wallets/${farId}/close`);
    const closed = await wallet(1, 0);
    await call("POST", `/wallets/${closed}/close`);
    expect(await capture(refused, { amountMinor: 50, toWalletId: closed, final: true })).toHaveProperty("code");
    expect(await look(refused)).toMatchObject({ status: "open", remainingMinor: 50, capturedMinor: 0 });
    await call("POST", `/holds/${refused}/void`, { walletId });

    const found = async (): Promise<Json[]> => Promise.all([whole, final, voided, expired, refused].map(look));
    const before = await found();
    expect(before).toMatchObject([
      { status: "captured", capturedMinor: 50, remainingMinor: 0, closedPosition: wholeEnd.position },
      { status: "captured", capturedMinor: 25, toWalletId: farId },
      { status: "voided", capturedMinor: 5, closedPosition: voidEnd.position },
      { status: "expired", capturedMinor: 0, remainingMinor: 0 },
      { status: "voided", amountMinor: 50, capturedMinor: 0 },
    ]);
    for (const { placedAt, closedAt } of before) {
      expect(Date.parse(String(closedAt))).toBeGreaterThanOrEqual(Date.parse(String(placedAt)));
    }
    expect((await call("POST", "/snapshots", {})).snapshots).toHaveLength(SHARDS);
    await ledger.end("SIGKILL");
    await ledger.start();
    expect(ledger.output).toContain("snapshot loaded");
    expect(await found()).toEqual(before);
  });

  test("is answered over a JSON socket as over REST", async () => {
    const id = await place(10);
    await call("POST", `/holds/${id}/void`, { walletId });
    const socket = new WebSocket(`${ledger.url.replace("http", "ws")}/v1/ws`, "mizan.json.v1", {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    await once(socket, "open");
    const answers: Json[] = [];
    socket.on("message", (text) => answers.push(JSON.parse(String(text)) as Json));
    socket.send(JSON.stringify({ requestId: 1, type: "GetHold", holdId: id }));
    socket.send(JSON.stringify({ requestId: 2, type: "GetHold", holdId: ids.next() }));
    while (!answers.some(({ requestId }) => requestId === 1) || !answers.some(({ requestId }) => requestId === 2)) {
      await once(socket, "message");
    }
    socket.close();
    expect(answers.find(({ requestId }) => requestId === 1)).toEqual({
      requestId: 1,
      ok: true,
      result: await look(id),
    });
    expect(answers.find(({ requestId }) => requestId === 2)).toMatchObject({
      ok: false,
      error: { code: "hold_not_found" },
    });
  });

  test("is found by its own id only, and by those who may see its wallet", async () => {
    const id = await place(10);
    const { key } = await call("POST", "/api-keys", { name: "another", role: "merchant", ownerId: ids.next() });
    expect(await call("GET", `/holds/${id}`, undefined, String(key))).toMatchObject({ code: "hold_not_found" });
    await call("POST", `/holds/${id}/void`, { walletId });
    expect(await call("GET", `/holds/${id}`, undefined, String(key))).toMatchObject({ code: "hold_not_found" });
    const credited = await call("POST", `/wallets/${walletId}/credit`, { amountMinor: 1 });
    expect(await call("GET", `/holds/${credited.id}`)).toMatchObject({ status: 404, code: "hold_not_found" });
    expect(await call("GET", "/holds/nothing")).toMatchObject({ code: "invalid_request", field: "id" });
  });
});
