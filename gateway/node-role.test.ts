/** What a node does as a standby, over real sockets; the test says who leads. */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { pack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { REQUEST_KIND } from "../engine/port/entries.ts";
import { CODE } from "../protocol/codes.ts";
import { UuidV7 } from "../protocol/ids.ts";
import { WIRE_HEADER_BYTES } from "../protocol/limits.ts";
import { WELCOME, WELCOME_BYTES, WELCOME_ROLE } from "../protocol/welcome.ts";
import { FRAME, FRAME_TYPE } from "../protocol/wire-frame.ts";
import { JsonSocket } from "../test/json-socket.ts";
import { ADMIN_KEY } from "../test/ledger-process.ts";
import { ReplicatedLedger } from "../test/replicated-ledger.ts";
import { WireClient } from "../test/wire-client.ts";

const LEADER = "http://leader.test:7070";
const ids = new UuidV7();
const walletId = ids.next();
let ledger: ReplicatedLedger;
let socket: JsonSocket;

beforeAll(async () => {
  ledger = await ReplicatedLedger.start({ MIZAN_SHARDS: "2" });
  socket = await JsonSocket.open(ledger.url);
  await socket.ask({ type: "CreateWallet", id: ids.next(), walletId, ownerId: ids.next(), currency: "EGP" });
  await socket.ask({ type: "ActivateWallet", id: ids.next(), walletId });
  ledger.role.follow({ nodeUrl: LEADER, epoch: 7 });
  ledger.role.behindRecords = 12;
});
afterAll(async () => {
  socket.close();
  await ledger.stop();
});

function rest(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${ledger.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      "content-type": "application/json",
      "idempotency-key": ids.next(),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

describe("a standby", () => {
  test("refuses every command and names the leader", async () => {
    const refused = { code: "not_leader", leader: LEADER };
    const credit = { type: "Credit", id: ids.next(), walletId, amountMinor: 1 };
    expect(await socket.ask(credit)).toMatchObject({ ok: false, error: refused });
    const { requestId: _, ...inBatch } = { requestId: 0, ...credit };
    expect(await socket.ask({ type: "Batch", commands: [inBatch] })).toMatchObject({ ok: false, error: refused });
    for (const [method, path, body] of [
      ["POST", `/api/v1/wallets/${walletId}/credit`, { amountMinor: 1 }],
      ["POST", "/api/v1/api-keys", { name: "k", role: "admin" }],
      ["PUT", "/api/v1/limits/customer/EGP", {}],
      ["POST", "/api/v1/batches", { commands: [inBatch] }],
    ] as const) {
      const answer = await rest(method, path, body);
      expect(answer.status).toBe(421);
      expect(await answer.json()).toMatchObject(refused);
    }
    const wire = await WireClient.connect(Number(new URL(ledger.url).port), ADMIN_KEY);
    const command = { operation: "Credit", id: ids.next(), walletId, amountMinor: 1 } as const;
    await expect(wire.commands([command])).rejects.toThrow("not_leader");
    wire.close();
  });

  test("says so in the first frame of a binary connection, and where the leader is", async () => {
    const raw = new WebSocket(`${ledger.url.replace("http", "ws")}/v1/ws`, "mizan.binary.v1", {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    const [welcome] = (await once(raw, "message")) as [Buffer];
    const body = welcome.subarray(WIRE_HEADER_BYTES);
    expect(body[WELCOME.role]).toBe(WELCOME_ROLE.standby);
    const leaderBytes = body.readUInt16LE(WELCOME.leaderBytes);
    expect(body.subarray(WELCOME_BYTES, WELCOME_BYTES + leaderBytes).toString()).toBe(LEADER);
    const commands = Buffer.alloc(WIRE_HEADER_BYTES + 64);
    commands.writeUInt32LE(commands.byteLength, FRAME.frameBytes);
    commands[FRAME.type] = FRAME_TYPE.Commands;
    commands.writeUInt32LE(1, FRAME.requestId);
    commands.writeUInt32LE(1, FRAME.count);
    raw.send(commands);
    const [error] = (await once(raw, "message")) as [Buffer];
    expect(error.readUInt16LE(FRAME.code)).toBe(CODE.not_leader);
    const textBytes = Number(error.readBigUInt64LE(FRAME.argument));
    expect(error.subarray(WIRE_HEADER_BYTES, WIRE_HEADER_BYTES + textBytes).toString()).toBe(LEADER);
    raw.terminate();
  });

  test("serves reads with the positions that they show, and streams", async () => {
    const answer = await rest("GET", `/api/v1/wallets/${walletId}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("mizan-position")).toBe(`0:${ledger.sequence(0)}, 1:${ledger.sequence(1)}`);
    expect(await socket.ask({ type: "GetWallet", walletId })).toMatchObject({ ok: true });
    const reader = await JsonSocket.open(ledger.url);
    expect(reader.messages[0]).toMatchObject({ role: "standby", leader: LEADER });
    expect(await reader.ask({ type: "Subscribe", topic: "wallet", walletId })).toMatchObject({ ok: true });
    await expect.poll(() => reader.versions()).toEqual([2]);
    reader.close();
  });

  test("shows role, epoch and lag", async () => {
    const status = { role: "standby", epoch: 7, lagRecords: 12 };
    expect(await (await rest("GET", "/readyz")).json()).toEqual({ status: "ready", ...status });
    expect(await (await rest("GET", "/healthz")).json()).toEqual({ status: "alive", ...status });
    expect(await (await rest("GET", "/api/v1/replication")).json()).toMatchObject({
      role: "standby",
      leader: LEADER,
      epoch: 7,
      behindRecords: 12,
      shards: [{ shard: 0, position: `0:${ledger.sequence(0)}`, lagRecords: 0 }, { shard: 1 }],
    });
    const metrics = await (await rest("GET", "/metrics")).text();
    expect(metrics).toContain('mizan_role{role="standby"} 1');
    expect(metrics).toContain('mizan_role{role="leader"} 0');
    expect(metrics).toContain("mizan_replication_epoch 7");
    expect(metrics).toContain("mizan_standby_behind_records 12");
    expect(metrics).toContain(`mizan_replicated_sequence{shard="0"} ${ledger.sequence(0)}`);
    expect(metrics).toContain('mizan_replication_lag_records{shard="1"} 0');
  });

  test("learns of keys that come with the journal, and of their end", async () => {
    const [id, key] = [ids.next(), "mizan_key-of-the-other-node"];
    const keyHash = createHash("sha256").update(key).digest("hex");
    const create = { type: "CreateApiKey", id, name: "other", role: "admin", ownerId: "", keyHash };
    const statusOf = async (): Promise<number> =>
      (await fetch(`${ledger.url}/api/v1/replication`, { headers: { authorization: `Bearer ${key}` } })).status;
    const apply = (command: object): void => {
      const port = ledger.engine.ports[0];
      const payload = pack({ aggregate: "ApiKey", id, commandId: ids.next(), command });
      port.send(REQUEST_KIND.ObjectCommand, 0, 1, 0, { role: "admin", ownerId: new Uint32Array(4) }, payload);
      port.flush();
    };
    expect(await statusOf()).toBe(401);
    apply(create);
    await expect.poll(statusOf, { timeout: 10_000 }).toBe(200);
    apply({ type: "RevokeApiKey", id });
    await expect.poll(statusOf, { timeout: 10_000 }).toBe(401);
  });

  test("takes commands once it leads, on the connections that it has", async () => {
    ledger.role.lead({ nodeUrl: ledger.url, epoch: 8 });
    const credit = { type: "Credit", id: ids.next(), walletId, amountMinor: 1 };
    expect(await socket.ask(credit)).toMatchObject({ ok: true });
    ledger.role.drain(true);
    expect(await socket.ask({ ...credit, id: ids.next() })).toMatchObject({ error: { code: "overloaded" } });
    ledger.role.drain(false);
    expect(await socket.ask({ ...credit, id: ids.next() })).toMatchObject({ ok: true });
  });
});
