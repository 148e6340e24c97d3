/** What a ledger tells those who watch over it: health, a page for people, its log. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { ReplicatedLedger } from "../test/replicated-ledger.ts";
import { DiskWatch } from "./disk-watch.ts";

const OWNER = "01900000-0000-7000-8000-000000000001";
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function process(env: NodeJS.ProcessEnv): Promise<LedgerProcess> {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1", ...env });
  ended.push(() => ledger.dispose());
  await ledger.start();
  return ledger;
}

async function replicated(env: Readonly<Record<string, string>>): Promise<ReplicatedLedger> {
  const ledger = await ReplicatedLedger.start(env);
  ended.push(() => ledger.stop());
  return ledger;
}

function ask(
  url: string,
  method: string,
  path: string,
  { key = ADMIN_KEY, body, headers = {} }: { key?: string; body?: object; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function open(url: string, name: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = { ownerId: OWNER, currency: "EGP" };
  return ask(url, "POST", "/api/v1/wallets", { body, headers: { "idempotency-key": name, ...headers } });
}

async function newKey(url: string, role: string): Promise<string> {
  const body = { name: "till", role, ownerId: OWNER };
  const made = await ask(url, "POST", "/api/v1/api-keys", { body, headers: { "idempotency-key": `key-${role}` } });
  return ((await made.json()) as { key: string }).key;
}

describe("readiness", () => {
  test("a leader is not ready while the log is further behind than it may be, and alive all the time", async () => {
    const ledger = await replicated({
      MIZAN_REPLICATION_LAG_RECORDS_MAX: "2",
      MIZAN_REPLICATION_LAG_ACTION: "go_on",
    });
    expect((await ask(ledger.url, "GET", "/readyz")).status).toBe(200);
    ledger.holdBack();
    for (const name of ["a", "b", "c"]) expect((await open(ledger.url, name)).status).toBe(201);
    const answer = await ask(ledger.url, "GET", "/readyz");
    expect(answer.status).toBe(503);
    const { status, reasons } = (await answer.json()) as { status: string; reasons: string[] };
    expect({ status, reasons }).toEqual({ status: "not_ready", reasons: ["log_behind"] });
    expect((await ask(ledger.url, "GET", "/healthz")).status).toBe(200);
    ledger.confirmAll();
    expect((await ask(ledger.url, "GET", "/readyz")).status).toBe(200);
  });

  test("a standby is not ready while it has too much to apply", async () => {
    const ledger = await replicated({ MIZAN_REPLICATION_LAG_RECORDS_MAX: "100" });
    ledger.role.follow(undefined);
    ledger.role.behindRecords = 101;
    expect(await (await ask(ledger.url, "GET", "/readyz")).json()).toMatchObject({ reasons: ["standby_behind"] });
  });

  test("a directory that is gone is one that cannot be written", async () => {
    const directory = mkdtempSync(join(tmpdir(), "mizan-disk-"));
    ended.push(() => rmSync(directory, { recursive: true, force: true }));
    const disk = new DiskWatch(directory);
    await disk.look();
    expect(disk.fault).toBeUndefined();
    expect(disk.freeBytes).toBeGreaterThan(0);
    rmSync(directory, { recursive: true });
    await disk.look();
    expect(disk.fault).toBe("unwritable");
    mkdirSync(directory);
    await disk.look();
    expect(disk.fault).toBeUndefined();
  });
});

describe("the status page", () => {
  test("is for admins, holds everything that it needs, and shows shards and replication", async () => {
    const ledger = await replicated({ MIZAN_SHARDS: "2" });
    expect((await fetch(`${ledger.url}/statusz`)).status).toBe(401);
    const key = await newKey(ledger.url, "merchant");
    expect((await ask(ledger.url, "GET", "/statusz", { key })).status).toBe(403);
    const page = await ask(ledger.url, "GET", "/statusz");
    const text = await page.text();
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toBe(
      "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    );
    expect(text).toContain('<span class="good">ready</span>');
    for (const shard of [0, 1]) expect(text).toContain(`<td>${shard}:${ledger.sequence(shard)}</td>`);
    expect(text).toContain("http://127.0.0.1 leads, epoch 1");
    expect(text).not.toMatch(/<script|<img|\b(?:src|href)="(?!data:,")/);
  });

  test("says why the ledger is not ready", async () => {
    const ledger = await replicated({ MIZAN_REPLICATION_LAG_RECORDS_MAX: "100" });
    ledger.role.follow(undefined);
    ledger.role.behindRecords = 101;
    const text = await (await ask(ledger.url, "GET", "/statusz")).text();
    expect(text).toContain('<span class="bad">not ready: standby_behind</span>');
  });
});

describe("the log", () => {
  test("an admin changes its level while the ledger runs, and that is written down", async () => {
    const ledger = await process({ MIZAN_LOG_LEVEL: "info" });
    const merchant = await newKey(ledger.url, "merchant");
    const set = (body: object, key = ADMIN_KEY): Promise<Response> =>
      ask(ledger.url, "PUT", "/api/v1/log-level", { body, key, headers: { "x-request-id": "change-7" } });
    expect((await set({ level: "debug" }, merchant)).status).toBe(403);
    const wrong = await set({ level: "loud" });
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: "invalid_request", field: "level" }]);
    const changed = await set({ level: "silent" });
    expect([changed.status, await changed.json()]).toEqual([200, { level: "silent" }]);
    expect(changed.headers.get("x-request-id")).toBe("change-7");
    expect(await (await ask(ledger.url, "GET", "/api/v1/log-level")).json()).toEqual({ level: "silent" });
    await expect.poll(() => ledger.output, { timeout: 10_000 }).toContain('"msg":"log level changed"');
    const line = ledger.output.split("\n").find((text) => text.includes("log level changed")) ?? "";
    expect(JSON.parse(line)).toMatchObject({ audit: true, from: "info", to: "silent", requestId: "change-7" });
    expect(JSON.parse(line).keyId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("has slow requests under the id that the caller gave them, and no key or ticket", async () => {
    const ledger = await process({
      MIZAN_LOG_LEVEL: "trace",
      MIZAN_SLOW_REQUEST_MS: "1",
      MIZAN_KAFKA_USERNAME: "mizan",
      MIZAN_KAFKA_PASSWORD: "kafka-pass-0123456789",
    });
    const key = await newKey(ledger.url, "merchant");
    const made = await ask(ledger.url, "POST", "/api/v1/tickets", { key });
    const { ticket } = (await made.json()) as { ticket: string };
    await fetch(`${ledger.url}/v1/ws?ticket=${ticket}`);
    const guess = "guessed-key-0123456789";
    expect((await ask(ledger.url, "GET", "/api/v1/trial-balance", { key: guess })).status).toBe(401);
    // A sync and two hand-overs take more than a millisecond in one of these at the latest.
    let count = 0;
    await expect
      .poll(
        async () => {
          count += 1;
          await open(ledger.url, `slow-${count}`, { "x-request-id": `order-${count}` });
          return /"requestId":"order-\d+".*"msg":"slow request"/.test(ledger.output);
        },
        { timeout: 25_000, interval: 1 },
      )
      .toBe(true);
    expect(await ledger.end("SIGTERM")).toBe(0);
    for (const secret of [ADMIN_KEY, key, ticket, guess, "kafka-pass-0123456789"]) {
      expect(ledger.output).not.toContain(secret);
    }
    const lines = ledger.output.split("\n").filter((text) => /"requestId":"order.*"slow request"/.test(text));
    expect(JSON.parse(lines[0] ?? "{}")).toMatchObject({ level: 40, shard: 0, commands: 1, keyId: expect.any(String) });
  });

  test("a failure has an id that the answer carries", async () => {
    const ledger = await replicated({ MIZAN_ACKS: "replicated", MIZAN_REPLICATION_TIMEOUT_MS: "5000" });
    ledger.holdBack();
    const [named, nameless] = await Promise.all([
      open(ledger.url, "a", { "x-request-id": "order-1" }),
      open(ledger.url, "b", { "x-request-id": "not one word" }),
    ]);
    expect([named.status, named.headers.get("x-request-id")]).toEqual([504, "order-1"]);
    expect([nameless.status, nameless.headers.get("x-request-id")]).toEqual([
      504,
      expect.stringMatching(/^[\da-f-]{36}$/),
    ]);
  });
});
