/** Query frames of a real ledger over real sockets: what they answer, and what they refuse. */

import { once } from "node:events";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { CODE } from "../protocol/codes.ts";
import { shardOfUuid, UuidV7 } from "../protocol/ids.ts";
import { INFLIGHT_PER_CONNECTION_MAX, QUERY_BYTES_MAX } from "../protocol/limits.ts";
import { FRAME_TYPE } from "../protocol/wire-frame.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { WireClient } from "../test/wire-client.ts";

const SHARDS = 2;
const ids = new UuidV7();
const ownerId = ids.next();
const walletId = ids.next();
const otherId = ids.next();
const transferId = ids.next();
const holdId = ids.next();
let ledger: LedgerProcess;
let client: WireClient;

beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: String(SHARDS) });
  await ledger.start();
  client = await WireClient.connect(ledger.port, ADMIN_KEY);
  const wallets = [walletId, otherId];
  for (const commands of [
    wallets.map((id) => ({ operation: "CreateWallet", walletId: id, counterpartyId: ownerId }) as const),
    wallets.map((id) => ({ operation: "ActivateWallet", walletId: id }) as const),
    [{ operation: "Credit", walletId, amountMinor: 1_000 } as const],
    [{ operation: "Transfer", id: transferId, walletId, counterpartyId: otherId, amountMinor: 250 } as const],
    [{ operation: "PlaceHold", id: holdId, walletId, amountMinor: 300 } as const],
    Array.from({ length: 7 }, () => ({ operation: "Debit", walletId, amountMinor: 1 }) as const),
  ]) {
    const results = await client.commands(commands.map((command) => ({ id: ids.next(), ...command })));
    expect(results.map(({ code }) => code)).toEqual(results.map(() => "ok"));
  }
});
afterAll(async () => {
  client.close();
  await ledger.dispose();
});

/** A Query frame, whatever its text. */
function queryFrame(requestId: number, text: Uint8Array): Buffer {
  const bytes = Buffer.alloc(32 + Math.ceil(text.byteLength / 8) * 8);
  bytes.writeUInt32LE(bytes.byteLength, 0);
  bytes[4] = FRAME_TYPE.Query;
  bytes.writeUInt32LE(requestId, 8);
  bytes.writeUInt32LE(1, 12);
  bytes.writeUInt32LE(text.byteLength, 16);
  bytes.set(text, 32);
  return bytes;
}

/** Sends queries in one message, and gives the type and code of each one's answer by its request id, from 1 on. */
async function askTogether(texts: readonly Uint8Array[]): Promise<(readonly [type: number, code: number])[]> {
  const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, "mizan.binary.v1", {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  await once(socket, "open");
  const answers: (readonly [number, number])[] = [];
  const answered = new Promise<void>((resolve, reject) => {
    let left = texts.length;
    socket.on("close", () => reject(new Error("closed")));
    socket.on("message", (message: Buffer) => {
      for (let at = 0; at < message.byteLength; at += message.readUInt32LE(at)) {
        const requestId = message.readUInt32LE(at + 8);
        if (requestId === 0) continue;
        expect(answers[requestId]).toBeUndefined();
        answers[requestId] = [message[at + 4], message.readUInt16LE(at + 6)];
        left -= 1;
        if (left === 0) resolve();
      }
    });
  });
  socket.send(Buffer.concat(texts.map((text, index) => queryFrame(index + 1, text))));
  await answered;
  socket.removeAllListeners("close");
  socket.terminate();
  return answers.slice(1);
}

const YEARS = { from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" };

/** A cursor of the wallet's statement: its newest record that counts, and a line. */
function statementCursor(sequence: number, line: number): string {
  return Buffer.from(`${shardOfUuid(walletId, SHARDS)}:${sequence}:${line}`).toString("base64url");
}

const QUERIES = [
  { type: "GetWallet", walletId },
  { type: "GetBalance", walletId: otherId },
  { type: "GetWallets", walletIds: [otherId, ids.next(), walletId] },
  { type: "GetHold", holdId },
  { type: "GetHolds", walletId },
  { type: "ListTransactions", walletId, limit: 5, from: "2020-01-01T00:00:00+02:00" },
  { type: "GetBalanceAt", walletId, at: "2100-01-01T00:00:00Z" },
  { type: "GetStatement", walletId, ...YEARS, limit: 7 },
  { type: "GetTransfer", id: transferId },
  { type: "GetTrialBalance" },
] as const;

describe("a query", () => {
  test.each(QUERIES)("$type gets what the JSON protocol answers", async (query) => {
    const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, "mizan.json.v1", {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    await once(socket, "message");
    socket.send(JSON.stringify({ ...query, requestId: 1 }));
    const [data] = (await once(socket, "message")) as [Buffer];
    expect(JSON.parse(data.toString())).toEqual({ requestId: 1, ok: true, result: await client.query(query) });
    socket.terminate();
  });

  test("tells what happened", async () => {
    expect(await client.query({ type: "GetHolds", walletId })).toMatchObject({
      holds: [{ id: holdId, walletId, amountMinor: 300, remainingMinor: 300 }],
    });
    const found = await client.query({ type: "ListTransactions", walletId, movement: "Transfer" });
    expect(found).toMatchObject({
      transactions: [{ id: transferId, direction: "debit", counterpartyId: otherId }],
      nextCursor: null,
    });
    const [{ position }] = found.transactions as readonly { readonly position: string }[];
    const then = { postedMinor: 750, position };
    expect(await client.query({ type: "GetBalanceAt", walletId, at: position })).toMatchObject(then);
  });

  test("is followed from page to page by the cursor", async () => {
    const whole = await client.query({ type: "ListTransactions", walletId, limit: 200 });
    const lines: unknown[] = [];
    for (let cursor: unknown; cursor !== null; ) {
      const page = await client.query({ type: "ListTransactions", walletId, limit: 3, cursor });
      lines.push(...(page.transactions as unknown[]));
      cursor = page.nextCursor;
    }
    expect(lines).toHaveLength(12);
    expect(lines).toEqual(whole.transactions);
  });

  test("of a statement gives, part by part, what REST gives whole, whatever happens meanwhile", async () => {
    const response = await fetch(`${ledger.url}/api/v1/wallets/${otherId}/statement?${new URLSearchParams(YEARS)}`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    const whole = (await response.json()) as { readonly lines: readonly unknown[] };
    expect(whole.lines).toHaveLength(3);
    const lines: unknown[] = [];
    for (let cursor: unknown; cursor !== null; ) {
      const {
        lines: some,
        nextCursor,
        ...ends
      } = await client.query({
        type: "GetStatement",
        walletId: otherId,
        ...YEARS,
        limit: 2,
        cursor,
      });
      lines.push(...(some as unknown[]));
      expect({ ...ends, lines: whole.lines }).toEqual(whole);
      await client.commands([{ id: ids.next(), operation: "Credit", walletId: otherId, amountMinor: 1 }]);
      cursor = nextCursor;
    }
    expect(lines).toEqual(whole.lines);
  });

  test("of a statement does not go on from a record of another wallet", async () => {
    let neighbour = ids.next();
    while (shardOfUuid(neighbour, SHARDS) !== shardOfUuid(walletId, SHARDS)) neighbour = ids.next();
    const created = {
      operation: "CreateWallet",
      id: ids.next(),
      walletId: neighbour,
      counterpartyId: ownerId,
    } as const;
    const [{ position }] = await client.commands([created]);
    await client.commands([{ id: ids.next(), operation: "Credit", walletId, amountMinor: 1 }]);
    const asked = { type: "GetStatement", walletId, ...YEARS };
    const own = (await client.query({ type: "GetWallet", walletId })).position as string;
    const sequenceOf = (text: string): number => Number(text.split(":")[1]);
    expect((await client.query({ ...asked, cursor: statementCursor(sequenceOf(own), 1) })).lines).not.toEqual([]);
    const other = client.query({ ...asked, cursor: statementCursor(sequenceOf(position), 1) });
    await expect(other).rejects.toThrow("cursor_invalid");
  });

  test("is as free as JSON in how it is written, up to the limit", async () => {
    const text = `\n ${JSON.stringify({ walletId, type: "GetBalance" })}`;
    expect(await client.query(text.padEnd(QUERY_BYTES_MAX))).toMatchObject({ walletId });
    await expect(client.query(text.padEnd(QUERY_BYTES_MAX + 1))).rejects.toThrow("message_too_large");
    const walletIds = Array.from({ length: 1_024 }, () => otherId);
    const { wallets } = await client.query(JSON.stringify({ type: "GetWallets", walletIds }, null, 4));
    expect(wallets).toHaveLength(1_024);
  });

  test("of merchants and users reaches only what they own", async () => {
    const keyOf = async (owner: string): Promise<string> => {
      const response = await fetch(`${ledger.url}/api/v1/api-keys`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          "idempotency-key": ids.next(),
          "content-type": "application/json",
        },
        body: JSON.stringify({ name: "user", role: "user", ownerId: owner }),
      });
      return ((await response.json()) as { readonly key: string }).key;
    };
    const owner = await WireClient.connect(ledger.port, await keyOf(ownerId));
    const stranger = await WireClient.connect(ledger.port, await keyOf(ids.next()));
    for (const query of QUERIES.filter(({ type }) => type !== "GetTrialBalance")) {
      expect(await owner.query(query)).toEqual(await client.query(query));
    }
    for (const query of QUERIES.filter((query) => "walletId" in query || query.type === "GetTrialBalance")) {
      await expect(stranger.query(query), query.type).rejects.toThrow("forbidden");
    }
    await expect(stranger.query({ type: "GetTransfer", id: transferId })).rejects.toThrow("transfer_not_found");
    await expect(stranger.query({ type: "GetHold", holdId })).rejects.toThrow("hold_not_found");
    owner.close();
    stranger.close();
  });
});

describe("what is refused", () => {
  test.each([
    ["malformed_json", "an open brace", "{"],
    ["malformed_json", "a query and a half", '{"type":"GetTrialBalance"}{'],
    ["malformed_json", "bytes that are no UTF-8", Uint8Array.of(0x22, 0xff, 0x22)],
    ["malformed_json", "a byte order mark", '\ufeff{"type":"GetTrialBalance"}'],
    ["malformed_json", "brackets without end", "[".repeat(60_000)],
    ["invalid_request", "brackets that end", "[".repeat(30_000) + "]".repeat(30_000)],
    ["invalid_request", "null", "null"],
    ["invalid_request", "an array", [{ type: "GetTrialBalance" }]],
    ["invalid_request", "no type", { walletId }],
    ["unknown_operation", "a query that does not exist", { type: "GetEverything" }],
    ["unknown_operation", "a command", { type: "Debit", id: ids.next(), walletId, amountMinor: 1 }],
    ["unknown_operation", "a batch", { type: "Batch", commands: [] }],
    ["unknown_operation", "a subscription", { type: "Subscribe", topic: "wallet", walletId }],
    ["unknown_operation", "a ping", { type: "Ping" }],
    ["invalid_request", "a request id of its own", { type: "GetTrialBalance", requestId: 1 }],
    ["invalid_request", "a field of another query", { type: "GetHolds", walletId, limit: 1 }],
    ["invalid_request", "an id that is none", { type: "GetHolds", walletId: "me" }],
    ["invalid_request", "a page of nothing", { type: "ListTransactions", walletId, limit: 0 }],
    ["invalid_request", "a page that is too long", { type: "ListTransactions", walletId, limit: 201 }],
    ["invalid_request", "a moment that is none", { type: "GetBalanceAt", walletId, at: "yesterday" }],
    ["invalid_request", "a shard that does not exist", { type: "GetBalanceAt", walletId, at: "63:1" }],
    ["too_many_commands", "too many wallets", { type: "GetWallets", walletIds: Array(1_025).fill(walletId) }],
    ["cursor_invalid", "a cursor that is none", { type: "ListTransactions", walletId, cursor: "nonsense" }],
    ["invalid_request", "a statement without end", { type: "GetStatement", walletId, from: "2020-01-01T00:00:00Z" }],
    ["invalid_request", "too long a part", { type: "GetStatement", walletId, ...YEARS, limit: 201 }],
    ["cursor_invalid", "a part that is none", { type: "GetStatement", walletId, ...YEARS, cursor: "nonsense" }],
    [
      "cursor_invalid",
      "a record of nobody",
      { type: "GetStatement", walletId, ...YEARS, cursor: statementCursor(9_999, 1) },
    ],
    ["wallet_not_found", "no such wallet", { type: "GetWallet", walletId: ids.next() }],
    ["wallet_not_found", "no holds", { type: "GetHolds", walletId: ids.next() }],
    ["wallet_not_found", "no history", { type: "ListTransactions", walletId: ids.next() }],
    ["wallet_not_found", "not yet", { type: "GetBalanceAt", walletId, at: "2001-01-01T00:00:00Z" }],
    ["hold_not_found", "no such hold", { type: "GetHold", holdId: ids.next() }],
    ["transfer_not_found", "no such transfer", { type: "GetTransfer", id: ids.next() }],
  ])("%s: %s, and the connection goes on", async (code, _, query) => {
    await expect(client.query(query)).rejects.toThrow(new RegExp(`^${code}$`));
    expect(await client.query({ type: "GetBalance", walletId })).toMatchObject({ walletId });
  });

  test("names the field", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, "mizan.binary.v1", {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    await once(socket, "message");
    socket.send(queryFrame(9, Buffer.from(JSON.stringify({ type: "ListTransactions", walletId, limit: 201 }))));
    const [answer] = (await once(socket, "message")) as [Buffer];
    expect([answer[4], answer.readUInt32LE(8)]).toEqual([FRAME_TYPE.Error, 9]);
    expect(answer.subarray(32, 32 + answer.readUInt32LE(16)).toString()).toMatch(/^limit: /);
    socket.terminate();
  });
});

describe("more than there is room for", () => {
  test.each([
    { type: "GetWallet", walletId },
    { type: "ListTransactions", walletId },
  ])("of $type: each is answered once, and what goes beyond is told so", async (query) => {
    const text = Buffer.from(JSON.stringify(query));
    const asked = INFLIGHT_PER_CONNECTION_MAX + 900;
    const answers = await askTogether(Array.from({ length: asked }, () => text));
    expect(answers).toHaveLength(asked);
    const kinds = new Set(answers.map(String));
    const [found, overloaded] = [`${FRAME_TYPE.QueryResult},0`, `${FRAME_TYPE.Error},${CODE.overloaded}`];
    expect(kinds).toEqual(new Set([found, overloaded]));
    expect(answers.slice(INFLIGHT_PER_CONNECTION_MAX).map(String)).toEqual(Array(900).fill(overloaded));
    expect(await client.query(query)).toBeDefined();
  });
});

describe("whatever text comes", () => {
  test("gets one answer each, and the ledger goes on serving", async () => {
    const before = await client.query({ type: "GetTrialBalance" });
    const field = fc.oneof(
      fc.constantFrom<unknown>(walletId, otherId, transferId, "", 0, 1, -1, null, [], {}, "0:1", "MDoxMg", 2 ** 53),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc.jsonValue(),
    );
    const names = [
      "walletId",
      "walletIds",
      "id",
      "holdId",
      "limit",
      "cursor",
      "from",
      "to",
      "movement",
      "reference",
      "at",
    ];
    const spoilt = fc
      .tuple(
        fc.constantFrom<object>(...QUERIES),
        fc.dictionary(fc.constantFrom(...names, "__proto__", "toJSON"), field, { maxKeys: 2 }),
      )
      .map(([query, fields]) => Buffer.from(JSON.stringify({ ...query, ...fields })));
    const text = fc.oneof(
      { weight: 6, arbitrary: spoilt },
      { weight: 1, arbitrary: fc.json().map((json) => Buffer.from(json)) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    );
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 20, maxLength: 60 }), async (texts) => {
        for (const [type, code] of await askTogether(texts)) {
          seen.add(type);
          expect(type).toBe(code === CODE.ok ? FRAME_TYPE.QueryResult : FRAME_TYPE.Error);
          expect(code).not.toBe(CODE.internal_error);
        }
      }),
      { numRuns: 100 },
    );
    expect(seen).toEqual(new Set([FRAME_TYPE.QueryResult, FRAME_TYPE.Error]));
    expect(await client.query({ type: "GetTrialBalance" })).toEqual(before);
  }, 60_000);
});
