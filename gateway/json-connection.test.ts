/** The subprotocol mizan.json.v1 of a real ledger, over real sockets and without the SDK. */

import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { UuidV7 } from "../protocol/ids.ts";
import {
  balanceAnswer,
  batchAnswer,
  movementAnswer,
  overdraftLimitAnswer,
  transferAnswer,
  transferFoundAnswer,
  trialBalanceAnswer,
  walletAnswer,
  walletChangeAnswer,
} from "../protocol/json-answers.ts";
import { COMMANDS_PER_MESSAGE_MAX } from "../protocol/limits.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";

type Message = Readonly<Record<string, unknown>> & { readonly requestId?: number; readonly type?: string };

interface Delta {
  readonly kind: "state" | "change";
  readonly walletId: string;
  readonly postedMinor: number;
  readonly version: number;
  readonly reset?: true;
}

const ids = new UuidV7();
let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "2", MIZAN_HEARTBEAT_INTERVAL_MS: "100" });
  await ledger.start();
});
afterAll(() => ledger.dispose());

/** A socket that keeps what it gets until somebody asks for it. */
class JsonSocket {
  readonly socket: WebSocket;
  readonly #messages: Message[] = [];
  readonly #waiting: { matches: (message: Message) => boolean; resolve: (message: Message) => void }[] = [];
  #nextRequestId = 1;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      expect(isBinary).toBe(false);
      const message = JSON.parse(data.toString()) as Message;
      const waiting = this.#waiting.findIndex(({ matches }) => matches(message));
      if (waiting < 0) this.#messages.push(message);
      else this.#waiting.splice(waiting, 1)[0].resolve(message);
    });
  }

  static async open(key = ADMIN_KEY): Promise<JsonSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, "mizan.json.v1", {
      headers: { authorization: `Bearer ${key}` },
    });
    const opened = new JsonSocket(socket);
    await once(socket, "open");
    return opened;
  }

  /** The first message, kept or to come, that matches. */
  next(matches: (message: Message) => boolean): Promise<Message> {
    const kept = this.#messages.findIndex(matches);
    if (kept >= 0) return Promise.resolve(this.#messages.splice(kept, 1)[0]);
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  unasked(type: string): Promise<Message> {
    return this.next((message) => message.type === type);
  }

  request(fields: Readonly<Record<string, unknown>>): Promise<Message> {
    const requestId = this.#nextRequestId;
    this.#nextRequestId += 1;
    this.socket.send(JSON.stringify({ requestId, ...fields }));
    return this.next((message) => message.requestId === requestId);
  }

  /** Sends a command, which must succeed, and returns its result. */
  async command(type: string, fields: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const answer = await this.request({ type, id: ids.next(), ...fields });
    expect(answer).toMatchObject({ ok: true });
    return answer.result as Record<string, unknown>;
  }

  async openWallet(fundsMinor = 0, ownerId = ids.next()): Promise<string> {
    const walletId = ids.next();
    await this.command("CreateWallet", { walletId, ownerId, currency: "EGP" });
    await this.command("ActivateWallet", { walletId });
    if (fundsMinor > 0) await this.command("Credit", { walletId, amountMinor: fundsMinor });
    return walletId;
  }

  async deltas(): Promise<readonly Delta[]> {
    return (await this.unasked("Balances")).deltas as readonly Delta[];
  }
}

let admin: JsonSocket;
beforeEach(async () => {
  admin = await JsonSocket.open();
});
afterEach(() => admin.socket.terminate());

async function makeKey(role: "merchant" | "user", ownerId: string): Promise<string> {
  const response = await fetch(`${ledger.url}/api/v1/api-keys`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "idempotency-key": ids.next(),
      "content-type": "application/json",
    },
    body: JSON.stringify({ name: role, role, ownerId }),
  });
  return ((await response.json()) as { key: string }).key;
}

describe("a connection", () => {
  test("begins with the limits and is kept alive", async () => {
    expect(await admin.unasked("Welcome")).toMatchObject({
      minor: 1,
      commandsPerMessageMax: COMMANDS_PER_MESSAGE_MAX,
      heartbeatIntervalMs: 100,
    });
    expect(await admin.unasked("Heartbeat")).toEqual({ type: "Heartbeat", timestampMs: expect.any(Number) });
  });

  test("needs a key and a subprotocol that exists", async () => {
    for (const [key, subprotocol, status] of [
      ["nobody", "mizan.json.v1", 401],
      [ADMIN_KEY, "mizan.xml.v1", 400],
    ] as const) {
      const headers = { authorization: `Bearer ${key}` };
      const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, subprotocol, { headers });
      socket.on("error", () => {});
      const [, response] = await once(socket, "unexpected-response");
      expect(response.statusCode).toBe(status);
      socket.terminate();
    }
  });
});

describe("commands and questions", () => {
  test("of every type are answered in the shapes that are documented", async () => {
    const [ownerId, walletId] = [ids.next(), ids.next()];
    const opening = { walletId, ownerId, currency: "KWD", walletType: "merchant" };
    expect(walletAnswer.parse(await admin.command("CreateWallet", opening))).toMatchObject({
      id: walletId,
      type: "merchant",
      status: "pending",
    });
    for (const [type, status] of [
      ["ActivateWallet", "active"],
      ["FreezeWallet", "frozen"],
      ["UnfreezeWallet", "active"],
    ]) {
      expect(walletChangeAnswer.parse(await admin.command(type, { walletId }))).toMatchObject({ status });
    }
    const credit = { walletId, amountMinor: 70, currency: "KWD", expectedVersion: 4, metadata: { till: 3 } };
    expect(movementAnswer.parse(await admin.command("Credit", credit))).toMatchObject({ postedMinor: 70, version: 5 });
    expect(movementAnswer.parse(await admin.command("Debit", { walletId, amountMinor: 20 }))).toMatchObject({
      postedMinor: 50,
    });
    const limit = { walletId, overdraftLimitMinor: 10 };
    expect(overdraftLimitAnswer.parse(await admin.command("SetOverdraftLimit", limit))).toMatchObject({
      availableMinor: 60,
    });
    const toWalletId = ids.next();
    await admin.command("CreateWallet", { walletId: toWalletId, ownerId, currency: "KWD" });
    await admin.command("ActivateWallet", { walletId: toWalletId });
    const id = ids.next();
    const transfer = { id, fromWalletId: walletId, toWalletId, amountMinor: 60, reference: ids.next() };
    expect(transferAnswer.parse(await admin.command("Transfer", transfer))).toMatchObject({
      id,
      from: { postedMinor: -10 },
      to: { postedMinor: 60 },
    });
    const ask = async (type: string, fields: object) => (await admin.request({ type, ...fields })).result;
    expect(transferFoundAnswer.parse(await ask("GetTransfer", { id }))).toMatchObject({
      reference: transfer.reference,
    });
    expect(walletAnswer.parse(await ask("GetWallet", { walletId }))).toMatchObject({ ownerId, postedMinor: -10 });
    expect(balanceAnswer.parse(await ask("GetBalance", { walletId }))).toMatchObject({ currency: "KWD" });
    expect(await ask("GetWallets", { walletIds: [toWalletId, ids.next(), walletId] })).toEqual({
      wallets: [
        { ok: true, result: await ask("GetWallet", { walletId: toWalletId }) },
        { ok: false, error: { code: "wallet_not_found", message: expect.any(String) } },
        { ok: true, result: await ask("GetWallet", { walletId }) },
      ],
    });
    const { totals } = trialBalanceAnswer.parse(await ask("GetTrialBalance", {}));
    expect(totals.find(({ currency }) => currency === "KWD")).toMatchObject({ sumMinor: "0", walletsMinor: "50" });
    expect(await admin.request({ type: "Ping" })).toMatchObject({ ok: true });
  });

  test("many in flight are each answered once, under their own request id", async () => {
    const [fromWalletId, toWalletId] = [await admin.openWallet(10_000), await admin.openWallet()];
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        admin.request({ type: "Transfer", id: ids.next(), fromWalletId, toWalletId, amountMinor: 1 + (index % 10) }),
      ),
    );
    for (const [index, answer] of answers.entries()) {
      expect(answer).toMatchObject({ ok: true, result: { amountMinor: 1 + (index % 10) } });
    }
    const { result } = await admin.request({ type: "GetBalance", walletId: toWalletId });
    expect(result).toMatchObject({ postedMinor: 5_500 });
  });

  test("sent again under the same id are answered again, and with another body refused", async () => {
    const walletId = await admin.openWallet(10);
    const debit = { type: "Debit", id: ids.next(), walletId, amountMinor: 11 };
    const first = await admin.request(debit);
    expect(first).toMatchObject({ ok: false, error: { code: "insufficient_funds" }, position: expect.any(String) });
    await admin.command("Credit", { walletId, amountMinor: 90 });
    const { position } = first;
    expect(await admin.request(debit)).toMatchObject({
      ok: false,
      replayed: true,
      error: { code: "insufficient_funds" },
      position,
    });
    expect(await admin.request({ ...debit, amountMinor: 12 })).toMatchObject({ error: { code: "id_reused" } });
  });

  test("in a batch are answered in order, the largest batch included", async () => {
    const walletId = await admin.openWallet(COMMANDS_PER_MESSAGE_MAX);
    const commands = Array.from({ length: COMMANDS_PER_MESSAGE_MAX }, (_, index) => ({
      type: index % 2 === 0 ? "Debit" : "Credit",
      id: ids.next(),
      walletId,
      amountMinor: 1 + (index % 3),
    }));
    const answer = await admin.request({ type: "Batch", commands });
    const { results } = batchAnswer.parse(answer.result);
    expect(results.map((result) => result.ok && "walletId" in result.result && result.result.id)).toEqual(
      commands.map(({ id }) => id),
    );
  });

  test("of merchants and users reach only what they own", async () => {
    const ownerId = ids.next();
    const own = await admin.openWallet(5, ownerId);
    const strange = await admin.openWallet(5);
    const user = await JsonSocket.open(await makeKey("user", ownerId));
    const transfer = { fromWalletId: own, toWalletId: strange, amountMinor: 1 };
    expect(await user.command("Transfer", transfer)).not.toHaveProperty("to");
    for (const refused of [
      { type: "Transfer", id: ids.next(), fromWalletId: strange, toWalletId: own, amountMinor: 1 },
      { type: "Credit", id: ids.next(), walletId: own, amountMinor: 1 },
      { type: "GetWallet", walletId: strange },
      { type: "GetTrialBalance" },
      { type: "Subscribe", topic: "wallet", walletId: strange },
      { type: "Subscribe", topic: "owner", ownerId: ids.next() },
      { type: "Subscribe", topic: "all" },
    ]) {
      expect(await user.request(refused), JSON.stringify(refused)).toMatchObject({
        ok: false,
        error: { code: "forbidden" },
      });
    }
    user.socket.terminate();
  });
});

describe("what is wrong is answered with its code, and the connection goes on", () => {
  test.each([
    ["malformed_json", "{"],
    ["malformed_json", ""],
    ["malformed_json", Buffer.from('{"requestId":1,"type":"Ping"}')],
  ])("%s for %j", async (code, message) => {
    admin.socket.send(message);
    expect(await admin.unasked("Error")).toMatchObject({ error: { code } });
    expect(await admin.request({ type: "Ping" })).toMatchObject({ ok: true });
  });

  const id = ids.next();
  const transfer = { type: "Transfer", id, fromWalletId: ids.next(), toWalletId: ids.next(), amountMinor: 1 };
  test.each([
    ["unknown_operation", "type", { type: "Steal" }],
    ["invalid_request", "type", {}],
    ["invalid_request", "tip", { ...transfer, tip: 1 }],
    ["invalid_request", "amountMinor", { ...transfer, amountMinor: "1" }],
    ["amount_invalid", "amountMinor", { ...transfer, amountMinor: 0 }],
    ["amount_invalid", "amountMinor", { ...transfer, amountMinor: 0.5 }],
    ["amount_invalid", "amountMinor", { ...transfer, amountMinor: 2 ** 53 }],
    ["currency_unknown", "currency", { ...transfer, currency: "XXX" }],
    [
      "amount_invalid",
      "commands.1.amountMinor",
      { type: "Batch", commands: [transfer, { ...transfer, amountMinor: -1 }] },
    ],
  ])("%s for %s", async (code, field, request) => {
    expect(await admin.request(request)).toMatchObject({ ok: false, error: { code, field } });
    expect(await admin.request({ type: "Ping" })).toMatchObject({ ok: true });
  });

  test("a request without a usable id is answered under 0", async () => {
    admin.socket.send('{"type":"Ping"}');
    const answer = await admin.next(({ requestId }) => requestId === 0);
    expect(answer).toMatchObject({ ok: false, error: { code: "invalid_request", field: "requestId" } });
  });

  test("nothing of a message that was refused is applied", async () => {
    const walletId = await admin.openWallet(100);
    const debit = { type: "Debit", id: ids.next(), walletId, amountMinor: 40 };
    const commands = [debit, { ...debit, id: ids.next(), amountMinor: 1.5 }];
    expect(await admin.request({ type: "Batch", commands })).toMatchObject({ error: { code: "amount_invalid" } });
    const { result } = await admin.request({ type: "GetBalance", walletId });
    expect(result).toMatchObject({ postedMinor: 100 });
  });
});

describe("balances", () => {
  test("of a wallet begin with its state and follow every change, and are taken up where they were left", async () => {
    const walletId = await admin.openWallet(100);
    expect(await admin.request({ type: "Subscribe", topic: "wallet", walletId })).toMatchObject({ ok: true });
    expect(await admin.deltas()).toMatchObject([{ kind: "state", walletId, postedMinor: 100, version: 3 }]);
    const seen: Delta[] = [];
    for (let i = 0; i < 5; i += 1) admin.request({ type: "Debit", id: ids.next(), walletId, amountMinor: 1 });
    while (seen.length < 5) seen.push(...(await admin.deltas()));
    expect(seen.map(({ kind, version, postedMinor }) => [kind, version, postedMinor])).toEqual(
      [4, 5, 6, 7, 8].map((version) => ["change", version, 103 - version]),
    );
    expect(seen.every((delta) => !("reset" in delta) && !("conflated" in delta))).toBe(true);
    const again = await JsonSocket.open();
    await again.request({ type: "Subscribe", topic: "wallet", walletId, fromVersion: 6 });
    expect(await again.deltas()).toMatchObject([
      { kind: "change", version: 7 },
      { kind: "change", version: 8 },
    ]);
    const late = await JsonSocket.open();
    await late.request({ type: "Subscribe", topic: "wallet", walletId, fromVersion: 1 });
    expect(await late.deltas()).toMatchObject([{ kind: "state", version: 8, reset: true }]);
    again.socket.terminate();
    late.socket.terminate();
  });

  test("of an owner include wallets opened later, and end with the subscription", async () => {
    const ownerId = ids.next();
    const reader = await JsonSocket.open(await makeKey("merchant", ownerId));
    await reader.request({ type: "Subscribe", topic: "owner", ownerId });
    const walletId = await admin.openWallet(7, ownerId);
    const versions: number[] = [];
    while (versions.at(-1) !== 3) versions.push(...(await reader.deltas()).map(({ version }) => version));
    expect(versions).toEqual([1, 2, 3]);
    await reader.request({ type: "Unsubscribe", topic: "owner", ownerId });
    await reader.request({ type: "Subscribe", topic: "wallet", walletId });
    expect(await reader.deltas()).toMatchObject([{ kind: "state", version: 3 }]);
    reader.socket.terminate();
  });

  test("of a wallet that does not exist are refused", async () => {
    expect(await admin.request({ type: "Subscribe", topic: "wallet", walletId: ids.next() })).toMatchObject({
      ok: false,
      error: { code: "wallet_not_found" },
    });
  });
});
