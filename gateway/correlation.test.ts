/** By which names a line of the log leads back to a request: connection, request, command, trace. */

import { once } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import WebSocket from "ws";
import { UuidV7 } from "../protocol/ids.ts";
import { JsonSocket } from "../test/json-socket.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { WireClient } from "../test/wire-client.ts";

const OWNER = "01900000-0000-7000-8000-000000000001";
const TRACE = "c".repeat(32);
const TRACE_PARENT = `00-${TRACE}-b7ad6b7169203331-01`;
const WITHIN = { timeout: 60_000, interval: 5 };
vi.setConfig({ testTimeout: 120_000 });

const ids = new UuidV7();
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function start(env: NodeJS.ProcessEnv): Promise<LedgerProcess> {
  const ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1", ...env });
  ended.push(() => ledger.dispose());
  await ledger.start();
  return ledger;
}

async function socket({ url }: LedgerProcess): Promise<JsonSocket> {
  const opened = await JsonSocket.open(url);
  ended.push(() => opened.close());
  return opened;
}

type Line = Readonly<Record<string, unknown>>;

/** The lines of a ledger's log that say this. */
function lines(ledger: LedgerProcess, fact: string): Line[] {
  const whole = ledger.output.split("\n").slice(0, -1);
  return whole.filter((text) => text.includes(`"msg":"${fact}"`)).map((text) => JSON.parse(text) as Line);
}

/** The first of these lines with a command's id, once it is there. */
async function lineOf(ledger: LedgerProcess, fact: string, name: string, value: unknown): Promise<Line> {
  const find = (): Line | undefined => lines(ledger, fact).find((line) => line[name] === value);
  await expect.poll(find, WITHIN).toBeDefined();
  return find() as Line;
}

test("a rejected command has a line at the level debug, whichever way it came", async () => {
  // Nothing listens there: what is lost of traces is no matter here.
  const ledger = await start({ MIZAN_LOG_LEVEL: "debug", MIZAN_OTLP_ENDPOINT: "http://127.0.0.1:9" });
  const json = await socket(ledger);
  const walletId = ids.next();
  const [credit, debit] = [ids.next(), ids.next()];
  const missing = { code: "wallet_not_found", connectionId: 1, commands: 1, level: 20 };
  await json.ask({ type: "Credit", id: credit, walletId, amountMinor: 5, traceparent: TRACE_PARENT });
  const line = await lineOf(ledger, "command rejected", "commandId", credit);
  expect(line).toMatchObject({ ...missing, requestId: 1, traceId: TRACE, position: expect.stringMatching(/^0:\d+$/) });
  expect(line.keyId).toMatch(/^[0-9a-f-]{36}$/);

  const wire = await WireClient.connect(ledger.port, ADMIN_KEY);
  ended.push(() => wire.close());
  const opened = { operation: "CreateWallet", id: ids.next(), walletId, counterpartyId: OWNER } as const;
  const early = { operation: "Debit", id: debit, walletId, amountMinor: 5 } as const;
  await wire.commands([opened, early]);
  const wired = { code: "wallet_not_active", connectionId: 2, requestId: 1, commands: 2 };
  expect(await lineOf(ledger, "command rejected", "commandId", debit)).toMatchObject(wired);

  const key = ids.next();
  await fetch(`${ledger.url}/api/v1/wallets/${walletId}/debit`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "idempotency-key": key,
      "x-request-id": "order-7",
    },
    body: JSON.stringify({ amountMinor: 5 }),
  });
  const asked = { code: "wallet_not_active", requestId: "order-7", commands: 1 };
  const rest = await lineOf(ledger, "command rejected", "commandId", key);
  expect(rest).toMatchObject(asked);
  expect(rest).not.toHaveProperty("connectionId");
});

test("a request that is refused as a whole has one at debug, and what breaks the protocol at info", async () => {
  const ledger = await start({ MIZAN_LOG_LEVEL: "debug" });
  const json = await socket(ledger);
  await json.ask({ type: "Credit", id: "none", walletId: ids.next(), amountMinor: 5 });
  const refused = await lineOf(ledger, "request refused", "requestId", 1);
  expect(refused).toMatchObject({ connectionId: 1, code: "invalid_request", level: 20 });
  expect(refused.message).toContain("id: ");

  const open = async (subprotocol: string): Promise<WebSocket> => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}` };
    const opened = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, subprotocol, { headers });
    ended.push(() => opened.terminate());
    await once(opened, "open");
    return opened;
  };
  (await open("mizan.json.v1")).send("{");
  const text = await lineOf(ledger, "protocol error", "connectionId", 2);
  expect(text).toMatchObject({ code: "malformed_json", level: 30 });
  (await open("mizan.binary.v1")).send(Buffer.alloc(7));
  const bytes = await lineOf(ledger, "protocol error", "connectionId", 3);
  expect(bytes).toMatchObject({ code: "malformed_frame", level: 30, keyId: expect.any(String) });
});

test("at the level info rejections leave no line", async () => {
  const ledger = await start({ MIZAN_LOG_LEVEL: "info" });
  const json = await socket(ledger);
  const rejected = await json.ask({ type: "Credit", id: ids.next(), walletId: ids.next(), amountMinor: 5 });
  expect(rejected).toMatchObject({ ok: false, error: { code: "wallet_not_found" } });
  expect(await ledger.end("SIGTERM")).toBe(0);
  expect(lines(ledger, "command rejected")).toEqual([]);
});

test("a slow request over a socket is named by its connection, command and trace", async () => {
  const ledger = await start({ MIZAN_SLOW_REQUEST_MS: "1", MIZAN_OTLP_ENDPOINT: "http://127.0.0.1:9" });
  const json = await socket(ledger);
  const sent = new Set<string>();
  // A sync and two hand-overs take more than a millisecond in one of these at the latest.
  const find = async (): Promise<Line | undefined> => {
    const id = ids.next();
    sent.add(id);
    const opening = { type: "CreateWallet", id, ownerId: OWNER, currency: "EGP", traceparent: TRACE_PARENT };
    await json.ask(opening);
    return lines(ledger, "slow request").find(({ commandId }) => commandId !== undefined);
  };
  await expect.poll(find, { timeout: 60_000, interval: 1 }).toBeDefined();
  const line = lines(ledger, "slow request").find(({ commandId }) => sent.has(String(commandId)));
  expect(line).toMatchObject({ connectionId: 1, requestId: expect.any(Number), traceId: TRACE, commands: 1, shard: 0 });
});
