/** Limits through a real ledger of two shards: set, run into, looked up, and kept over a restart. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { UuidV7 } from "../../protocol/ids.ts";
import { problemAnswer } from "../../protocol/json-answers.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", MIZAN_CALENDAR_TIME_ZONE: "asia/tokyo" });
  await ledger.start();
});
afterAll(() => ledger.dispose());

interface Answer {
  readonly status: number;
  readonly replayed: boolean;
  readonly json: Readonly<Record<string, unknown>>;
}

async function call(method: string, path: string, body?: object, commandId = ids.next()): Promise<Answer> {
  const response = await fetch(`${ledger.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "idempotency-key": commandId,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const replayed = response.headers.get("idempotency-replayed") === "true";
  return { status: response.status, replayed, json: (await response.json()) as Answer["json"] };
}

async function wallet(balanceMinor: number, currency = "EGP", type = "customer"): Promise<string> {
  const { json } = await call("POST", "/wallets", { ownerId: ids.next(), currency, type });
  await call("POST", `/wallets/${json.id}/activate`);
  if (balanceMinor > 0) await call("POST", `/wallets/${json.id}/credit`, { amountMinor: balanceMinor });
  return json.id as string;
}

describe("a wallet's own limits", () => {
  test("refuse with the limit, its value, what is left and when it resets, the same again after a restart", async () => {
    const id = await wallet(1_000);
    const limits = { debit: { perDayMinor: 100 } };
    const set = await call("PUT", `/wallets/${id}/limits`, limits);
    expect(set).toMatchObject({ status: 200, json: { walletId: id, limits, postedMinor: 1_000 } });
    await call("POST", `/wallets/${id}/debit`, { amountMinor: 60 });
    const commandId = ids.next();
    const refused = await call("POST", `/wallets/${id}/debit`, { amountMinor: 41 }, commandId);
    expect(problemAnswer.parse(refused.json)).toMatchObject({
      status: 422,
      code: "limit_exceeded",
      limit: { name: "debitPerDay", scope: "wallet", valueMinor: 100, leftMinor: 40 },
    });
    const { resetsAt } = refused.json.limit as { readonly resetsAt: string };
    // Midnight in Tokyo.
    expect(resetsAt).toMatch(/T15:00:00\.000Z$/);
    await ledger.end("SIGKILL");
    await ledger.start();
    const again = await call("POST", `/wallets/${id}/debit`, { amountMinor: 41 }, commandId);
    expect(again).toEqual({ ...refused, replayed: true });
    const { json } = await call("GET", `/wallets/${id}/limits`);
    expect(json).toEqual({
      walletId: id,
      currency: "EGP",
      type: "customer",
      timeZone: "Asia/Tokyo",
      limits: [{ name: "debitPerDay", scope: "wallet", valueMinor: 100, leftMinor: 40, resetsAt }],
    });
  });

  test.each([
    [{ debit: { perDayMinor: -1 } }, "debit.perDayMinor"],
    [{ credit: { count: { max: 1 } } }, "credit.count.windowMs"],
    [{ debit: { perYearMinor: 1 } }, "debit.perYearMinor"],
  ])("are refused as %j", async (limits, field) => {
    const id = await wallet(0);
    expect((await call("PUT", `/wallets/${id}/limits`, limits)).json).toMatchObject({
      status: 400,
      code: "limits_invalid",
      field,
    });
  });

  test("of nobody are not found", async () => {
    expect((await call("GET", `/wallets/${ids.next()}/limits`)).json.code).toBe("wallet_not_found");
    expect((await call("GET", "/wallets/nobody/limits")).json.code).toBe("invalid_request");
  });
});

describe("the limits of a type", () => {
  test("reach the wallets of every shard, under one id", async () => {
    const wallets = await Promise.all(Array.from({ length: 6 }, () => wallet(50, "SAR", "merchant")));
    const commandId = ids.next();
    const limits = { debit: { perTransactionMinor: 10 } };
    const set = await call("PUT", "/limits/merchant/SAR", limits, commandId);
    expect(set).toMatchObject({
      status: 200,
      json: {
        id: commandId,
        type: "merchant",
        currency: "SAR",
        limits,
        positions: [expect.stringMatching(/^0:/), expect.stringMatching(/^1:/)],
      },
    });
    expect(await call("PUT", "/limits/merchant/SAR", limits, commandId)).toEqual({ ...set, replayed: true });
    expect((await call("GET", "/limits/merchant/SAR")).json).toEqual({ type: "merchant", currency: "SAR", limits });
    for (const id of wallets) {
      const { json } = await call("POST", `/wallets/${id}/debit`, { amountMinor: 11 });
      expect(json).toMatchObject({
        code: "limit_exceeded",
        limit: { name: "debitPerTransaction", scope: "type", valueMinor: 10, leftMinor: 10 },
      });
    }
    expect((await call("POST", `/wallets/${await wallet(50, "SAR")}/debit`, { amountMinor: 11 })).status).toBe(200);
  });

  test("are shown as they were set, also after a restart, and are none where none were set", async () => {
    const count = { max: 3, windowMs: 60_000 };
    const limits = { debit: { perDayMinor: 0, count }, credit: { perMonthMinor: 5, perTransactionMinor: 4 } };
    await call("PUT", "/limits/merchant/KWD", limits);
    await ledger.end("SIGKILL");
    await ledger.start();
    const shown = { type: "merchant", currency: "KWD", limits };
    expect(await call("GET", "/limits/merchant/KWD")).toMatchObject({ status: 200, json: shown });
    await call("PUT", "/limits/merchant/KWD", {});
    expect((await call("GET", "/limits/merchant/KWD")).json).toEqual({ ...shown, limits: {} });
    expect((await call("GET", "/limits/customer/KWD")).json.limits).toEqual({});
    expect((await call("GET", "/limits/pirate/KWD")).json.code).toBe("wallet_type_invalid");
    expect((await call("GET", "/limits/customer/XYZ")).json.code).toBe("currency_unknown");
  });

  test("have to be of a type and a currency that there are", async () => {
    expect((await call("PUT", "/limits/pirate/EGP", {})).json.code).toBe("wallet_type_invalid");
    expect((await call("PUT", "/limits/customer/XYZ", {})).json.code).toBe("currency_unknown");
    expect((await call("PUT", "/limits/customer/EGP", { debit: 1 })).json.code).toBe("limits_invalid");
  });
});

test("over a JSON socket limits are set, and a refusal names the limit", async () => {
  const walletId = await wallet(100);
  const socket = new WebSocket(`${ledger.url.replace("http", "ws")}/v1/ws`, "mizan.json.v1", {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  const answers = new Map<number, (answer: object) => void>();
  socket.on("message", (text) => {
    const message = JSON.parse(String(text)) as { readonly requestId?: number };
    if (message.requestId !== undefined) answers.get(message.requestId)?.(message);
  });
  await new Promise((resolve) => socket.once("open", resolve));
  let requestId = 0;
  const ask = (fields: object): Promise<object> => {
    requestId += 1;
    const { promise, resolve } = Promise.withResolvers<object>();
    answers.set(requestId, resolve);
    socket.send(JSON.stringify({ requestId, id: ids.next(), walletId, ...fields }));
    return promise;
  };
  const limits = { debit: { count: { max: 1, windowMs: 3_600_000 } } };
  expect(await ask({ type: "SetWalletLimits", limits })).toMatchObject({ ok: true, result: { walletId, limits } });
  expect(await ask({ type: "Debit", amountMinor: 1 })).toMatchObject({ ok: true });
  expect(await ask({ type: "Debit", amountMinor: 1 })).toMatchObject({
    ok: false,
    error: { code: "limit_exceeded", limit: { name: "debitCount", scope: "wallet", value: 1, left: 0 } },
  });
  expect(await ask({ type: "SetWalletLimits", limits: { debit: { perDayMinor: -1 } } })).toMatchObject({
    ok: false,
    error: { code: "limits_invalid", field: "limits.debit.perDayMinor" },
  });
  socket.close();
});
