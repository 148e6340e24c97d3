/** The REST interface of a real ledger, over real HTTP. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CODES } from "../../protocol/codes.ts";
import { UuidV7 } from "../../protocol/ids.ts";
import { ADMIN_KEY, LedgerProcess } from "../../test/ledger-process.ts";
import { API_ROUTES } from "./routes.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2" });
  await ledger.start();
});
afterAll(() => ledger.dispose());

interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is, in place of a body. */
  readonly text?: string;
  readonly key?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly contentType?: string;
}

async function call(method: string, path: string, options: CallOptions = {}) {
  const { body, text, key = ADMIN_KEY, idempotencyKey = ids.next(), contentType = "application/json" } = options;
  const headers: Record<string, string> = { authorization: `Bearer ${key}`, "content-type": contentType };
  if (!("idempotencyKey" in options) || options.idempotencyKey !== undefined)
    headers["idempotency-key"] = idempotencyKey;
  const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(`${ledger.url}${path}`, {
    method,
    headers,
    ...(content === undefined ? {} : { body: content }),
  });
  const answer = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text: answer,
    json: (answer.startsWith("{") ? JSON.parse(answer) : {}) as Record<string, unknown>,
  };
}

async function openWallet(fundsMinor = 0, ownerId = ids.next(), currency = "EGP"): Promise<string> {
  const { json } = await call("POST", "/api/v1/wallets", { body: { ownerId, currency } });
  const { id } = json as { id: string };
  await call("POST", `/api/v1/wallets/${id}/activate`);
  if (fundsMinor > 0) await call("POST", `/api/v1/wallets/${id}/credit`, { body: { amountMinor: fundsMinor } });
  return id;
}

async function makeKey(role: string, ownerId: string): Promise<{ id: string; key: string }> {
  const { json } = await call("POST", "/api/v1/api-keys", { body: { name: role, role, ownerId } });
  return json as { id: string; key: string };
}

describe("wallets and movements", () => {
  test("the life of a wallet has the statuses and bodies of the contract", async () => {
    const ownerId = ids.next();
    const id = ids.next();
    const opened = await call("POST", "/api/v1/wallets", { body: { ownerId, currency: "EGP", type: "merchant", id } });
    expect(opened).toMatchObject({ status: 201, json: { id, status: "pending", version: 1 } });
    expect((opened.json as { position: string }).position).toMatch(/^[01]:\d+$/);
    const path = `/api/v1/wallets/${id}`;
    expect(await call("POST", `${path}/activate`)).toMatchObject({
      status: 200,
      json: { status: "active", version: 2 },
    });
    const credited = await call("POST", `${path}/credit`, { body: { amountMinor: 900, reference: ids.next() } });
    expect(credited).toMatchObject({
      status: 200,
      json: { walletId: id, postedMinor: 900, availableMinor: 900, version: 3 },
    });
    const debited = await call("POST", `${path}/debit`, { body: { amountMinor: 100, expectedVersion: 3 } });
    expect(debited).toMatchObject({ status: 200, json: { walletId: id, postedMinor: 800, version: 4 } });
    expect(await call("PUT", `${path}/overdraft-limit`, { body: { overdraftLimitMinor: 50 } })).toMatchObject({
      status: 200,
      json: { availableMinor: 850, overdraftLimitMinor: 50 },
    });
    expect(await call("POST", `${path}/freeze`)).toMatchObject({ status: 200, json: { status: "frozen" } });
    expect(await call("POST", `${path}/unfreeze`)).toMatchObject({ status: 200, json: { status: "active" } });
    expect(await call("GET", path)).toMatchObject({
      status: 200,
      json: { id, ownerId, currency: "EGP", type: "merchant", status: "active", postedMinor: 800, heldMinor: 0 },
    });
    const balance = await call("GET", `${path}/balance`);
    expect(Object.keys(balance.json).sort()).toEqual(
      ["availableMinor", "currency", "position", "postedMinor", "version", "walletId"].sort(),
    );
    await call("POST", `${path}/debit`, { body: { amountMinor: 800 } });
    expect(await call("POST", `${path}/close`)).toMatchObject({ status: 200, json: { status: "closed" } });
  });

  test("a transfer is found by its id, also between shards, and answered again as it was", async () => {
    const fromWalletId = await openWallet(1_000);
    for (let i = 0; i < 6; i += 1) {
      const toWalletId = await openWallet();
      const options = { body: { fromWalletId, toWalletId, amountMinor: 10 }, idempotencyKey: ids.next() };
      const first = await call("POST", "/api/v1/transfers", options);
      expect(first).toMatchObject({
        status: 201,
        json: { id: options.idempotencyKey, status: "COMPLETED", amountMinor: 10 },
      });
      expect(first.headers.get("idempotency-replayed")).toBeNull();
      const again = await call("POST", "/api/v1/transfers", options);
      expect(again.status).toBe(201);
      expect(again.headers.get("idempotency-replayed")).toBe("true");
      expect(again.text).toBe(first.text);
      const found = await call("GET", `/api/v1/transfers/${options.idempotencyKey}`);
      expect(found).toMatchObject({
        status: 200,
        json: { status: "COMPLETED", fromWalletId, toWalletId, amountMinor: 10 },
      });
    }
  });

  test("a refused movement is found by its id, whatever it was, and cannot be reversed", async () => {
    const walletId = await openWallet();
    const other = await openWallet(0, ids.next(), "KWD");
    const credit = ids.next();
    await call("POST", `/api/v1/wallets/${walletId}/credit`, { body: { amountMinor: 100 }, idempotencyKey: credit });
    await call("POST", `/api/v1/wallets/${walletId}/freeze`);
    const nobody = ids.next();
    const rate = { numerator: 1, denominator: 1 };
    const quoteExpiresAt = "2999-01-01T00:00:00Z";
    const amountMinor = 1;
    const refused = [
      ["Transfer", "/transfers", { fromWalletId: walletId, toWalletId: nobody, amountMinor }, [walletId, nobody]],
      ["Credit", `/wallets/${walletId}/credit`, { amountMinor }, ["", walletId]],
      ["Debit", `/wallets/${walletId}/debit`, { amountMinor }, [walletId, ""]],
      ["CaptureHold", `/holds/${nobody}/captures`, { walletId, amountMinor }, [walletId, ""]],
      ["ReverseTransfer", `/transfers/${credit}/reversals`, { walletId, amountMinor }, ["", walletId]],
      [
        "ExchangeCurrency",
        "/exchanges",
        { fromWalletId: walletId, toWalletId: other, amountMinor, rate, quoteExpiresAt },
        [walletId, other],
      ],
    ] as const;
    for (const [type, path, body, [fromWalletId, toWalletId]] of refused) {
      const id = ids.next();
      const answer = await call("POST", `/api/v1${path}`, { body, idempotencyKey: id });
      expect(await call("GET", `/api/v1/transfers/${id}`), type).toMatchObject({
        status: 200,
        json: { id, type, status: "FAILED", code: answer.json.code, fromWalletId, toWalletId, amountMinor },
      });
      const reversed = await call("POST", `/api/v1/transfers/${id}/reversals`);
      expect(reversed.json, type).toMatchObject({ code: "not_reversible" });
    }
  });

  test("a rejection is answered again too, with its position", async () => {
    const [fromWalletId, toWalletId] = [await openWallet(5), await openWallet()];
    const options = { body: { fromWalletId, toWalletId, amountMinor: 6 }, idempotencyKey: "order 17" };
    const first = await call("POST", "/api/v1/transfers", options);
    expect(first).toMatchObject({ status: 422, json: { code: "insufficient_funds", status: 422 } });
    expect(first.headers.get("content-type")).toBe("application/problem+json");
    await call("POST", `/api/v1/wallets/${fromWalletId}/credit`, { body: { amountMinor: 100 } });
    const again = await call("POST", "/api/v1/transfers", options);
    expect(again.text).toBe(first.text);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const other = await call("POST", "/api/v1/transfers", { ...options, body: { ...options.body, amountMinor: 1 } });
    expect(other).toMatchObject({ status: 422, json: { code: "id_reused" } });
  });

  test("a batch answers each command, and applies linked ones all or none", async () => {
    const walletId = await openWallet(100);
    const debit = (amountMinor: number, linked: boolean) => ({
      type: "Debit",
      id: ids.next(),
      walletId,
      amountMinor,
      linked,
    });
    const commands = [debit(10, false), debit(50, true), debit(60, false), debit(90, false)];
    const { status, json } = await call("POST", "/api/v1/batches", { body: { commands } });
    const results = (json as { results: { ok: boolean; error?: { code: string } }[] }).results;
    expect(status).toBe(200);
    expect(results.map(({ ok, error }) => (ok ? "ok" : error?.code))).toEqual([
      "ok",
      "linked_failed",
      "insufficient_funds",
      "ok",
    ]);
  });

  test("the books balance, per currency and shard and in total", async () => {
    await openWallet(77, ids.next(), "KWD");
    const { json } = await call("GET", "/api/v1/trial-balance");
    const { lines, totals } = json as {
      lines: { sumMinor: string }[];
      totals: { currency: string; sumMinor: string }[];
    };
    expect(totals.map(({ currency }) => currency)).toEqual(["EGP", "KWD"]);
    for (const { sumMinor } of [...lines, ...totals]) expect(sumMinor).toBe("0");
  });
});

describe("what is refused", () => {
  const transfer = { fromWalletId: ids.next(), toWalletId: ids.next(), amountMinor: 1 };
  test.each([
    ["malformed_json", { text: "{" }],
    ["invalid_request", { text: "[]" }],
    ["invalid_request", { body: { ...transfer, tip: 1 } }],
    ["invalid_request", { body: { ...transfer, amountMinor: "1" } }],
    ["invalid_request", { body: { ...transfer, fromWalletId: "somebody" } }],
    ["amount_invalid", { body: { ...transfer, amountMinor: 0 } }],
    ["amount_invalid", { body: { ...transfer, amountMinor: -5 } }],
    ["amount_invalid", { body: { ...transfer, amountMinor: 1.5 } }],
    ["amount_invalid", { body: { ...transfer, amountMinor: 2 ** 53 } }],
    ["currency_unknown", { body: { ...transfer, currency: "XXX" } }],
    ["metadata_too_large", { body: { ...transfer, metadata: { note: "x".repeat(1_024) } } }],
    ["unsupported_media_type", { body: transfer, contentType: "text/plain" }],
    ["idempotency_key_missing", { body: transfer, idempotencyKey: undefined }],
    ["same_wallet", { body: { ...transfer, toWalletId: transfer.fromWalletId } }],
    ["wallet_not_found", { body: transfer }],
    ["message_too_large", { text: `"${"x".repeat(5 << 20)}"` }],
  ] as const)("%s for %j", async (code, options) => {
    const answer = await call("POST", "/api/v1/transfers", options).catch(() => undefined);
    // A body that is too large may be refused while it is still being sent.
    if (answer === undefined) expect(code).toBe("message_too_large");
    else expect(answer).toMatchObject({ status: CODES[code].http, json: { code, status: CODES[code].http } });
  });

  test("paths, methods and ids that do not exist", async () => {
    expect(await call("GET", "/api/v1/nothing")).toMatchObject({ status: 404, json: { code: "path_not_found" } });
    expect(await call("DELETE", "/api/v1/transfers")).toMatchObject({
      status: 405,
      json: { code: "method_not_allowed" },
    });
    expect(await call("GET", "/api/v1/wallets/somebody")).toMatchObject({
      status: 400,
      json: { code: "invalid_request" },
    });
    expect(await call("GET", `/api/v1/wallets/${ids.next()}`)).toMatchObject({
      status: 404,
      json: { code: "wallet_not_found" },
    });
    const unknown = await call("GET", `/api/v1/transfers/${ids.next()}`);
    expect(unknown).toMatchObject({ status: 404, json: { code: "transfer_not_found" } });
  });

  test("every route without a key, but those of health", async () => {
    for (const { method, path, access } of API_ROUTES) {
      const url = path.replace("{id}", ids.next());
      const { status } = await call(method === "del" ? "DELETE" : method.toUpperCase(), url, { key: "nobody" });
      // A callback is for a provider that is configured.
      const open = path.includes("{provider}") ? 404 : 200;
      expect([url, status]).toEqual([url, access === "public" ? open : 401]);
    }
    for (const path of ["/metrics", "/openapi.json", "/docs"]) {
      expect((await fetch(`${ledger.url}${path}`)).status).toBe(401);
    }
  });

  test("merchants and users touch only what they own", async () => {
    const ownerId = ids.next();
    const { key } = await makeKey("user", ownerId);
    const own = await openWallet(50, ownerId);
    const strange = await openWallet(50);
    const body = { amountMinor: 1 };
    const move = (from: string, to: string) =>
      call("POST", "/api/v1/transfers", { key, body: { fromWalletId: from, toWalletId: to, ...body } });
    expect(await move(own, strange)).toMatchObject({ status: 201 });
    expect((await move(own, strange)).json).not.toHaveProperty("to");
    expect(await move(strange, own)).toMatchObject({ status: 403, json: { code: "forbidden" } });
    expect(await call("GET", `/api/v1/wallets/${strange}`, { key })).toMatchObject({ status: 403 });
    expect(await call("GET", `/api/v1/wallets/${own}`, { key })).toMatchObject({ status: 200 });
    expect(await call("POST", `/api/v1/wallets/${own}/credit`, { key, body })).toMatchObject({ status: 403 });
    expect(await call("POST", `/api/v1/wallets/${own}/freeze`, { key })).toMatchObject({ status: 403 });
    expect(await call("POST", `/api/v1/wallets/${own}/debit`, { key, body })).toMatchObject({ status: 200 });
    const opening = { ownerId: ids.next(), currency: "EGP" };
    expect(await call("POST", "/api/v1/wallets", { key, body: opening })).toMatchObject({ status: 403 });
    expect(await call("POST", "/api/v1/wallets", { key, body: { ...opening, ownerId } })).toMatchObject({
      status: 201,
    });
    for (const path of ["/api/v1/trial-balance", "/api/v1/api-keys"]) {
      expect(await call("GET", path, { key })).toMatchObject({ status: 403, json: { code: "forbidden" } });
    }
  });
});

describe("API keys and tickets", () => {
  test("a key is shown once, listed without what opens it, and worthless once revoked", async () => {
    const idempotencyKey = ids.next();
    const body = { name: "till", role: "merchant", ownerId: ids.next() };
    const made = await call("POST", "/api/v1/api-keys", { body, idempotencyKey });
    const { id, key } = made.json as { id: string; key: string };
    expect(made).toMatchObject({ status: 201, json: { name: "till", role: "merchant", revokedAt: null } });
    const again = await call("POST", "/api/v1/api-keys", { body, idempotencyKey });
    expect(again).toMatchObject({ status: 201, json: { id, key: null } });
    expect(await call("POST", "/api/v1/tickets", { key })).toMatchObject({ status: 201 });
    const listed = await call("GET", "/api/v1/api-keys?limit=200");
    expect(listed.text).toContain(id);
    expect(listed.text).not.toContain(key);
    expect(await call("DELETE", `/api/v1/api-keys/${id}`)).toMatchObject({ status: 200 });
    expect(await call("POST", "/api/v1/tickets", { key })).toMatchObject({ status: 401 });
    expect(await call("DELETE", `/api/v1/api-keys/${id}`)).toMatchObject({
      status: 409,
      json: { code: "api_key_revoked" },
    });
    expect(await call("DELETE", `/api/v1/api-keys/${ids.next()}`)).toMatchObject({ status: 404 });
  });

  test("a ticket opens one socket", async () => {
    const { json } = await call("POST", "/api/v1/tickets");
    const url = `${ledger.url.replace("http", "ws")}/v1/ws?ticket=${(json as { ticket: string }).ticket}`;
    const open = (): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, "mizan.json.v1");
        socket.onopen = () => {
          resolve(true);
          socket.close();
        };
        socket.onerror = () => resolve(false);
      });
    expect(await open()).toBe(true);
    expect(await open()).toBe(false);
  });
});

describe("what describes it", () => {
  test("OpenAPI lists every route, every code, and resolves all its references", async () => {
    const { json, text } = await call("GET", "/openapi.json");
    const document = json as unknown as { openapi: string; paths: Record<string, Record<string, object>> };
    expect(document.openapi).toBe("3.1.0");
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    const served = API_ROUTES.map(({ method, path }) => `${method === "del" ? "delete" : method} ${path}`);
    expect(described.sort()).toEqual(served.sort());
    for (const [code, { http }] of Object.entries(CODES)) if (http >= 400) expect(text).toContain(`\`${code}\``);
    for (const [, reference] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = reference
        .split("/")
        .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
      expect(target, reference).toBeDefined();
    }
  });

  test("the page of the documentation loads nothing from elsewhere", async () => {
    const page = await call("GET", "/docs");
    expect(page.status).toBe(200);
    const sources = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source);
    for (const source of sources) {
      if (source.startsWith("data:")) continue;
      expect(source).toMatch(/^\/docs\//);
      expect((await call("GET", source)).status).toBe(200);
    }
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  test("metrics are in the text format, also for a browser's kind of key", async () => {
    const authorization = `Basic ${btoa(`anybody:${ADMIN_KEY}`)}`;
    const response = await fetch(`${ledger.url}/metrics`, { headers: { authorization } });
    const text = await response.text();
    expect(response.headers.get("content-type")).toContain("text/plain");
    expect(text).toMatch(/^mizan_commands_total\{shard="1",type="\w+",result="accepted"\} [1-9]/m);
    expect(text).toMatch(/^mizan_idempotency_window_seconds\{shard="0"\} 86\d\d\d/m);
  });
});
