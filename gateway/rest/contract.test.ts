/** Every answer of a real ledger over REST is in the shape that OpenAPI shows, and every rejection has its status. */

import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { CODES, type Code } from "../../protocol/codes.ts";
import { UuidV7 } from "../../protocol/ids.ts";
import { problemAnswer } from "../../protocol/json-answers.ts";
import { COMMANDS_PER_MESSAGE_MAX } from "../../protocol/limits.ts";
import { ACTOR_STORIES, ASKED_ELSEWHERE } from "../../test/actor-contract.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";
import { PEOPLE_ENV } from "../../test/person-contract.ts";
import { API_ROUTES } from "./routes.ts";

const ids = new UuidV7();
const NIL_ID = "00000000-0000-0000-0000-000000000000";
const MAX = Number.MAX_SAFE_INTEGER;
let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1", MIZAN_CONNECTIONS_MAX: "1", ...PEOPLE_ENV });
  await ledger.start();
});
afterAll(() => ledger.dispose());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Readonly<Record<string, unknown>>;
}

async function call(method: string, path: string, body?: object, headers: object = {}): Promise<Answer> {
  const response = await fetch(`${ledger.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "idempotency-key": ids.next(),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === "" ? {} : JSON.parse(text) };
}

type Status = "pending" | "active" | "frozen" | "closed";

async function wallet(status: Status, fundsMinor = 0, currency = "EGP"): Promise<string> {
  const { json } = await call("POST", "/api/v1/wallets", { ownerId: ids.next(), currency });
  const path = `/api/v1/wallets/${json.id}`;
  const steps: Readonly<Record<Status, readonly string[]>> = {
    pending: [],
    active: ["activate"],
    frozen: ["activate", "freeze"],
    closed: ["close"],
  };
  for (const step of steps[status]) expect((await call("POST", `${path}/${step}`)).status).toBe(200);
  if (fundsMinor > 0) await call("POST", `${path}/credit`, { amountMinor: fundsMinor });
  return json.id as string;
}

function transfer(fromWalletId: string, toWalletId: string, more: object = {}): Promise<Answer> {
  return call("POST", "/api/v1/transfers", { fromWalletId, toWalletId, amountMinor: 10, ...more });
}

function act(walletId: string, action: string, body?: object, headers?: object): Promise<Answer> {
  return call(action === "overdraft-limit" ? "PUT" : "POST", `/api/v1/wallets/${walletId}/${action}`, body, headers);
}

function open(more: object, headers?: object): Promise<Answer> {
  return call("POST", "/api/v1/wallets", { ownerId: ids.next(), currency: "EGP", ...more }, headers);
}

function idAt(offsetMs: number): string {
  return new UuidV7().next(Date.now() + offsetMs);
}

/** How each code comes about that a request over REST can meet. */
const REJECTIONS: readonly (readonly [Code, string, () => Promise<Answer>])[] = [
  [
    "invalid_request",
    "a transfer without an amount",
    () => transfer(ids.next(), ids.next(), { amountMinor: undefined }),
  ],
  ["amount_invalid", "a limit below zero", () => act(ids.next(), "overdraft-limit", { overdraftLimitMinor: -1 })],
  ["expected_version_invalid", "version 0", async () => act(await wallet("active"), "freeze", { expectedVersion: 0 })],
  ["currency_unknown", "a wallet in no currency", () => open({ currency: "ABC" })],
  ["wallet_type_invalid", "a wallet of no type", () => open({ type: "bank" })],
  ["wallet_id_invalid", "a wallet without an owner", () => open({ ownerId: NIL_ID })],
  ["wallet_id_invalid", "a wallet with an account's id", () => open({ id: "6d697a61-6e00-8000-8000-000003320000" })],
  ["id_required", "a key of zeros", () => open({}, { "idempotency-key": NIL_ID })],
  ["id_expired", "a key of last week", () => open({}, { "idempotency-key": idAt(-7 * 86_400_000) })],
  ["id_in_future", "a key of tomorrow", () => open({}, { "idempotency-key": idAt(86_400_000) })],
  ["wallet_not_found", "an unknown wallet", () => act(ids.next(), "activate")],
  ["wallet_not_found", "a look-up of an unknown wallet", () => call("GET", `/api/v1/wallets/${ids.next()}/balance`)],
  ["destination_not_found", "an unknown destination", async () => transfer(await wallet("active", 10), ids.next())],
  [
    "same_wallet",
    "a transfer to itself",
    async () => {
      const id = await wallet("active", 10);
      return transfer(id, id);
    },
  ],
  ["wallet_exists", "a wallet opened twice", async () => open({ id: await wallet("pending") })],
  ["version_conflict", "another version", async () => act(await wallet("active"), "freeze", { expectedVersion: 7 })],
  [
    "wallet_not_active",
    "a credit to a pending wallet",
    async () => act(await wallet("pending"), "credit", { amountMinor: 1 }),
  ],
  [
    "wallet_frozen",
    "a debit from a frozen wallet",
    async () => act(await wallet("frozen"), "debit", { amountMinor: 1 }),
  ],
  [
    "wallet_closed",
    "a credit to a closed wallet",
    async () => act(await wallet("closed"), "credit", { amountMinor: 1 }),
  ],
  [
    "destination_not_active",
    "to a pending wallet",
    async () => transfer(await wallet("active", 10), await wallet("pending")),
  ],
  [
    "destination_frozen",
    "to a frozen wallet",
    async () => transfer(await wallet("active", 10), await wallet("frozen")),
  ],
  [
    "destination_closed",
    "to a closed wallet",
    async () => transfer(await wallet("active", 10), await wallet("closed")),
  ],
  ["status_conflict", "activating twice", async () => act(await wallet("active"), "activate")],
  [
    "currency_mismatch",
    "to another currency",
    async () => transfer(await wallet("active", 10), await wallet("active", 0, "USD")),
  ],
  [
    "currency_mismatch",
    "in another currency",
    async () => act(await wallet("active"), "credit", { amountMinor: 1, currency: "USD" }),
  ],
  ["insufficient_funds", "more than there is", async () => transfer(await wallet("active", 9), await wallet("active"))],
  [
    "balance_overflow",
    "more than a balance can be",
    async () => act(await wallet("active", 10, "JPY"), "credit", { amountMinor: MAX }),
  ],
  ["balance_not_zero", "closing a wallet that holds money", async () => act(await wallet("active", 1), "close")],
  [
    "overdraft_in_use",
    "a limit below what is overdrawn",
    async () => {
      const id = await wallet("active");
      await act(id, "overdraft-limit", { overdraftLimitMinor: 50 });
      await act(id, "debit", { amountMinor: 50 });
      return act(id, "overdraft-limit", { overdraftLimitMinor: 49 });
    },
  ],
  [
    "system_account_protected",
    "the ledger's own account",
    () => act("6d697a61-6e00-8000-8000-000003320000", "debit", { amountMinor: 1 }),
  ],
  ["transfer_not_found", "an unknown transfer", () => call("GET", `/api/v1/transfers/${ids.next()}`)],
  ["api_key_not_found", "an unknown key", () => call("DELETE", `/api/v1/api-keys/${ids.next()}`)],
  [
    "id_reused",
    "a key used for another wallet",
    async () => {
      const headers = { "idempotency-key": ids.next() };
      const body = { amountMinor: 1 };
      await act(await wallet("active"), "credit", body, headers);
      return act(await wallet("active"), "credit", body, headers);
    },
  ],
  [
    "too_many_commands",
    "a batch above the limit",
    () => call("POST", "/api/v1/batches", { commands: Array(COMMANDS_PER_MESSAGE_MAX + 1).fill({}) }),
  ],
  ["idempotency_key_missing", "an empty key in quotes", () => open({}, { "idempotency-key": '""' })],
  ["invalid_request", "a key that is too long", () => open({}, { "idempotency-key": "k".repeat(256) })],
  ["invalid_request", "a page of nothing", () => call("GET", "/api/v1/api-keys?limit=0")],
  ["invalid_request", "a page after none", () => call("GET", `/api/v1/api-keys?cursor=${ids.next()}`)],
  ["unauthenticated", "no key", () => call("GET", "/api/v1/trial-balance", undefined, { authorization: "" })],
  [
    "unauthenticated",
    "a path that does not exist, without a key",
    () => call("GET", "/admin", undefined, { authorization: "" }),
  ],
  ["unsupported_media_type", "another kind of JSON", () => open({}, { "content-type": "application/json-patch+json" })],
];

describe("a rejection is a problem document with the status of its code", () => {
  test.each(REJECTIONS)("%s: %s", async (code, _, cause) => {
    const { status, headers, json } = await cause();
    const problem = problemAnswer.parse(json);
    expect(problem).toMatchObject({ code, status: CODES[code].http, type: `urn:mizan:problem:${code}` });
    expect(status).toBe(CODES[code].http);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(headers.get("www-authenticate") !== null).toBe(status === 401);
    if (CODES[code].memory === "passing") expect(problem).not.toHaveProperty("position");
  });

  test("a body that is not UTF-8 is not JSON", async () => {
    const body = Buffer.concat([Buffer.from('{"note":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    const { status, text } = await raw("POST", "/api/v1/transfers", body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ code: "malformed_json" });
  });

  test("what is refused for the moment says when to come again", async () => {
    const connect = (): WebSocket => {
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      return new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, "mizan.json.v1", { headers });
    };
    const first = connect();
    await once(first, "open");
    const second = connect();
    second.on("error", () => {});
    const [, response] = await once(second, "unexpected-response");
    expect(response.statusCode).toBe(503);
    expect(response.headers).toMatchObject({ "retry-after": "1", "content-type": "application/problem+json" });
    first.terminate();
    second.terminate();
  });

  test("a wrong method is told the right ones", async () => {
    for (const [method, path, allow] of [
      ["DELETE", "/api/v1/transfers", "POST"],
      ["POST", `/api/v1/wallets/${ids.next()}`, "GET"],
      ["PATCH", "/api/v1/api-keys", "POST, GET"],
      ["POST", "/metrics", "GET"],
    ]) {
      const { status, headers, json } = await call(method, path);
      expect([status, json.code, headers.get("allow")]).toEqual([405, "method_not_allowed", allow]);
    }
  });
});

/** A request that `fetch` would not send. */
function raw(method: string, path: string, body: Buffer): Promise<{ status: number; text: string }> {
  const headers = {
    authorization: `Bearer ${ADMIN_KEY}`,
    "content-type": "application/json",
    "idempotency-key": "raw",
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${ledger.url}${path}`, { method, headers }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

describe("an answer is in the shape that its route shows", () => {
  const inUse = new Set<string>();

  async function answered(method: string, path: string, template: string, body?: object): Promise<Answer["json"]> {
    const route = API_ROUTES.find((each) => each.path === template && methodOf(each.method) === method);
    if (route === undefined) throw new Error(`no route ${method} ${template}`);
    const { status, headers, json } = await call(method, path, body);
    expect(status, JSON.stringify(json)).toBe(route.status);
    expect(headers.get("content-type")).toBe("application/json");
    route.answer.parse(json);
    inUse.add(`${method} ${template}`);
    return json;
  }

  function methodOf(method: string): string {
    return method === "del" ? "DELETE" : method.toUpperCase();
  }

  test("over every route there is", async () => {
    const wallets = "/api/v1/wallets";
    const opened = await answered("POST", wallets, wallets, {
      ownerId: ids.next(),
      currency: "EUR",
      metadata: { a: 1 },
    });
    const path = `${wallets}/${opened.id}`;
    const one = `${wallets}/{id}`;
    await answered("POST", `${path}/activate`, `${one}/activate`, { expectedVersion: 1 });
    await answered("POST", `${path}/credit`, `${one}/credit`, { amountMinor: 500, reference: ids.next() });
    await answered("POST", `${path}/debit`, `${one}/debit`, { amountMinor: 100 });
    await answered("POST", `${path}/freeze`, `${one}/freeze`);
    await answered("POST", `${path}/unfreeze`, `${one}/unfreeze`, {});
    await answered("PUT", `${path}/overdraft-limit`, `${one}/overdraft-limit`, { overdraftLimitMinor: 10 });
    await answered("GET", path, one);
    await answered("GET", `${path}/balance`, `${one}/balance`);
    const toWalletId = await wallet("active", 0, "EUR");
    const body = { fromWalletId: opened.id, toWalletId, amountMinor: 400, metadata: { order: "17" } };
    const moved = await answered("POST", "/api/v1/transfers", "/api/v1/transfers", body);
    const found = await answered("GET", `/api/v1/transfers/${moved.id}`, "/api/v1/transfers/{id}");
    expect(found).toMatchObject({ metadata: { order: "17" }, position: moved.position });
    await answered("PUT", `${path}/limits`, `${one}/limits`, {
      debit: { perTransactionMinor: 400, count: { max: 9, windowMs: 60_000 } },
      credit: { perDayMinor: 9_000 },
      reference: ids.next(),
    });
    const ofType = { debit: { perMonthMinor: 9_000 } };
    await answered("PUT", "/api/v1/limits/customer/EUR", "/api/v1/limits/{type}/{currency}", ofType);
    const limits = await answered("GET", `${path}/limits`, `${one}/limits`);
    expect(limits.limits).toMatchObject([
      { name: "debitPerTransaction", scope: "wallet", valueMinor: 400, leftMinor: 400 },
      { name: "debitPerMonth", scope: "type", valueMinor: 9_000, leftMinor: 9_000 },
      { name: "debitCount", scope: "wallet", value: 9, left: 9, windowMs: 60_000 },
      { name: "creditPerDay", scope: "wallet", valueMinor: 9_000, leftMinor: 9_000 },
    ]);
    await answered("PUT", "/api/v1/limits/customer/EUR", "/api/v1/limits/{type}/{currency}", {});
    await answered("GET", "/api/v1/limits/customer/EUR", "/api/v1/limits/{type}/{currency}");
    const returned = await answered("POST", "/api/v1/transfers", "/api/v1/transfers", {
      ...body,
      amountMinor: 5,
      fromWalletId: toWalletId,
      toWalletId: opened.id,
    });
    const reversals = "/api/v1/transfers/{id}/reversals";
    await answered("POST", `/api/v1/transfers/${returned.id}/reversals`, reversals, { amountMinor: 2 });
    await answered("POST", `/api/v1/transfers/${returned.id}/reversals`, reversals, {});
    const held = `/api/v1/wallets/${toWalletId}/holds`;
    const holds = "/api/v1/wallets/{id}/holds";
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const first = await answered("POST", held, holds, { amountMinor: 20, expiresAt });
    const second = await answered("POST", held, holds, { amountMinor: 10, toWalletId: opened.id });
    const page = await answered("GET", `${held}?limit=1`, holds);
    expect(page).toMatchObject({ holds: [{ id: first.id, remainingMinor: 20, expiresAt }], nextCursor: first.id });
    expect(await answered("GET", `${held}?cursor=${first.id}`, holds)).toMatchObject({
      holds: [{ id: second.id, toWalletId: opened.id }],
      nextCursor: null,
    });
    const captures = "/api/v1/holds/{id}/captures";
    const capture = { walletId: toWalletId, amountMinor: 5 };
    const captured = await answered("POST", `/api/v1/holds/${first.id}/captures`, captures, capture);
    expect(captured).toMatchObject({ holdId: first.id, from: { postedMinor: 395, availableMinor: 370 } });
    await answered("POST", `/api/v1/holds/${first.id}/void`, "/api/v1/holds/{id}/void", { walletId: toWalletId });
    await answered("GET", `/api/v1/holds/${first.id}`, "/api/v1/holds/{id}");
    await answered("GET", `/api/v1/holds/${second.id}`, "/api/v1/holds/{id}");
    await answered("POST", `/api/v1/holds/${second.id}/void`, "/api/v1/holds/{id}/void", { walletId: toWalletId });
    const dollars = await wallet("active", 0, "USD");
    await answered("POST", "/api/v1/exchanges", "/api/v1/exchanges", {
      fromWalletId: toWalletId,
      toWalletId: dollars,
      amountMinor: 100,
      rate: { numerator: 11, denominator: 10 },
      quoteExpiresAt: expiresAt,
    });
    await answered("POST", `/api/v1/wallets/${dollars}/stripe`, `${one}/stripe`);
    const transactions = await answered("GET", `${wallets}/${toWalletId}/transactions?limit=3`, `${one}/transactions`);
    await answered(
      "GET",
      `${wallets}/${toWalletId}/transactions?cursor=${transactions.nextCursor}`,
      `${one}/transactions`,
    );
    await answered("GET", `${wallets}/${toWalletId}/balance?at=${moved.position}`, `${one}/balance`);
    const day = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
    await answered("GET", `${wallets}/${toWalletId}/statement?${day}`, `${one}/statement`);
    await answered("POST", `${path}/close`, `${one}/close`);
    for (const story of ACTOR_STORIES) await story(answered, (fundsMinor) => wallet("active", fundsMinor, "EUR"));
    const commands = [
      { type: "Debit", id: ids.next(), walletId: toWalletId, amountMinor: 1 },
      { type: "Debit", id: ids.next(), walletId: toWalletId, amountMinor: 1_000 },
      { type: "CreateWallet", id: ids.next(), ownerId: ids.next(), currency: "EUR" },
    ];
    await answered("POST", "/api/v1/batches", "/api/v1/batches", { commands });
    await answered("GET", "/api/v1/trial-balance", "/api/v1/trial-balance");
    await answered("POST", "/api/v1/snapshots", "/api/v1/snapshots");
    await answered("POST", "/api/v1/tickets", "/api/v1/tickets");
    const key = { name: "till", role: "merchant", ownerId: ids.next() };
    const made = await answered("POST", "/api/v1/api-keys", "/api/v1/api-keys", key);
    const listed = await answered("GET", "/api/v1/api-keys?limit=1", "/api/v1/api-keys");
    await answered("GET", `/api/v1/api-keys?limit=200&cursor=${listed.nextCursor}`, "/api/v1/api-keys");
    await answered("DELETE", `/api/v1/api-keys/${made.id}`, "/api/v1/api-keys/{id}");
    await answered("GET", "/api/v1/replication", "/api/v1/replication");
    await answered("GET", "/api/v1/asyncapi.json", "/api/v1/asyncapi.json");
    const schemas = "/api/v1/event-schemas/{eventType}";
    await answered("GET", "/api/v1/event-schemas/mizan.wallet.credited.v1", schemas);
    await answered("GET", "/api/v1/log-level", "/api/v1/log-level");
    await answered("PUT", "/api/v1/log-level", "/api/v1/log-level", { level: "warn" });
    await answered("GET", "/healthz", "/healthz");
    await answered("GET", "/readyz", "/readyz");
    const everywhere = API_ROUTES.map(({ method, path: each }) => `${methodOf(method)} ${each}`);
    expect([...inUse, ...ASKED_ELSEWHERE].sort()).toEqual(everywhere.sort());
  });
});
