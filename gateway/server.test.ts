/** A ledger inside the test's own process: what one binary connection may ask of it, and that it ends without a trace. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import WebSocket from "ws";
import { CODE } from "../protocol/codes.ts";
import { OPERATION, RECORD } from "../protocol/command-record.ts";
import { formatUuid, UuidV7, writeUuid } from "../protocol/ids.ts";
import { INFLIGHT_PER_CONNECTION_MAX, RECORD_BYTES, WIRE_HEADER_BYTES } from "../protocol/limits.ts";
import { DELTA, DELTA_BYTES, DELTA_FLAG, RESULT_BYTES } from "../protocol/result-record.ts";
import { FRAME, FRAME_TYPE, SUBSCRIPTION_BYTES, TOPIC, writeFrameHeader } from "../protocol/wire-frame.ts";
import { loadConfig } from "./config.ts";
import { type RunningServer, startServer } from "./server.ts";

const ADMIN_KEY = "test-admin-key-0123456789";
const ids = new UuidV7();
const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

function newDataDir(): string {
  const dataDir = mkdtempSync(join(tmpdir(), "mizan-server-"));
  ended.push(() => rmSync(dataDir, { recursive: true, force: true }));
  return dataDir;
}

async function start(dataDir: string, shards = 2): Promise<RunningServer> {
  const config = loadConfig({
    MIZAN_PORT: "0",
    MIZAN_DATA_DIR: dataDir,
    MIZAN_SHARDS: String(shards),
    MIZAN_ADMIN_KEY: ADMIN_KEY,
    MIZAN_JOURNAL_SEGMENT_BYTES: String(16 << 20),
  });
  const failures: string[] = [];
  const server = await startServer(config, pino({ level: "silent" }), (message) => failures.push(message));
  ended.push(async () => {
    await server.stop();
    expect(failures).toEqual([]);
  });
  return server;
}

function frame(type: number, requestId: number, count: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(WIRE_HEADER_BYTES + payload.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  writeFrameHeader(view, 0, { frameBytes: bytes.byteLength, type, requestId, count });
  bytes.set(payload, WIRE_HEADER_BYTES);
  return bytes;
}

interface Answer {
  readonly type: number;
  readonly code: number;
  readonly requestId: number;
  readonly count: number;
  readonly argument: number;
  readonly payload: Buffer;
}

/** A binary connection that cuts what it gets into frames. */
class Frames {
  readonly socket: WebSocket;
  readonly answers: Answer[] = [];

  constructor(port: number) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, "mizan.binary.v1", {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    this.socket.on("message", (message: Buffer) => {
      for (let at = 0; at < message.byteLength; at += message.readUInt32LE(at)) {
        this.answers.push({
          type: message[at + FRAME.type],
          code: message.readUInt16LE(at + FRAME.code),
          requestId: message.readUInt32LE(at + FRAME.requestId),
          count: message.readUInt32LE(at + FRAME.count),
          argument: Number(message.readBigUInt64LE(at + FRAME.argument)),
          payload: message.subarray(at + WIRE_HEADER_BYTES, at + message.readUInt32LE(at)),
        });
      }
    });
  }

  static async open(server: RunningServer): Promise<Frames> {
    const frames = new Frames(server.port);
    await frames.next(1);
    frames.answers.length = 0;
    return frames;
  }

  /** Resolves when at least as many frames have come, with all of them. */
  async next(count: number): Promise<Answer[]> {
    while (this.answers.length < count) await once(this.socket, "message");
    return this.answers;
  }

  async ask(request: Uint8Array, count = 1): Promise<Answer[]> {
    this.answers.length = 0;
    this.socket.send(request);
    return this.next(count);
  }
}

function command(operation: keyof typeof OPERATION, walletId: string, fields: Partial<Record<number, number>> = {}) {
  const record = Buffer.alloc(RECORD_BYTES);
  writeUuid(ids.next(), record, RECORD.id);
  writeUuid(walletId, record, RECORD.wallet);
  record[RECORD.operation] = OPERATION[operation];
  for (const [at, value] of Object.entries(fields)) record.writeUInt16LE(value ?? 0, Number(at));
  return record;
}

async function openWallet(frames: Frames): Promise<string> {
  const walletId = ids.next();
  const create = command("CreateWallet", walletId, { [RECORD.currency]: 818, [RECORD.walletType]: 1 });
  writeUuid(ids.next(), create, RECORD.counterparty);
  const records = [
    create,
    command("ActivateWallet", walletId),
    command("Credit", walletId, { [RECORD.amountMinor]: 9 }),
  ];
  const [results] = await frames.ask(frame(FRAME_TYPE.Commands, 1, 3, Buffer.concat(records)));
  expect([0, 1, 2].map((i) => results.payload.readUInt16LE(i * RESULT_BYTES))).toEqual([0, 0, 0]);
  return walletId;
}

function subscription(topic: keyof typeof TOPIC, id: string): Buffer {
  const record = Buffer.alloc(SUBSCRIPTION_BYTES);
  writeUuid(id, record);
  record[24] = TOPIC[topic];
  return record;
}

test("each topic of a Subscribe is answered with its own code, before the first state", async () => {
  const frames = await Frames.open(await start(newDataDir()));
  const [one, two] = [await openWallet(frames), await openWallet(frames)];
  const records = [subscription("wallet", one), subscription("wallet", ids.next()), subscription("wallet", two)];
  const [subscribed, ...rest] = await frames.ask(frame(FRAME_TYPE.Subscribe, 7, 3, Buffer.concat(records)), 2);
  expect(subscribed).toMatchObject({ type: FRAME_TYPE.Subscribed, requestId: 7, count: 2, argument: 3 });
  expect(subscribed.code).toBe(CODE.wallet_not_found);
  expect([0, 2, 4, 6].map((at) => subscribed.payload.readUInt16LE(at))).toEqual([0, CODE.wallet_not_found, 0, 0]);
  while (rest.reduce((sum, { count }) => sum + count, 0) < 2) rest.push(...(await frames.next(3)).slice(2));
  const deltas = Buffer.concat(rest.map(({ payload }) => payload));
  expect(rest.every(({ type, requestId }) => type === FRAME_TYPE.Deltas && requestId === 0)).toBe(true);
  expect(new Set([formatUuid(deltas), formatUuid(deltas, DELTA_BYTES)])).toEqual(new Set([one, two]));
  for (const at of [0, DELTA_BYTES]) {
    expect(deltas.readBigInt64LE(at + DELTA.postedMinor)).toBe(9n);
    expect(deltas.readBigUInt64LE(at + DELTA.version)).toBe(3n);
    expect(deltas[at + DELTA.flags]).toBe(DELTA_FLAG.state);
  }
  const [refused] = await frames.ask(frame(FRAME_TYPE.Subscribe, 8, 1, subscription("wallet", ids.next())));
  expect(refused).toMatchObject({ type: FRAME_TYPE.Error, code: CODE.wallet_not_found, requestId: 8 });
  const [left] = await frames.ask(frame(FRAME_TYPE.Unsubscribe, 9, 1, subscription("wallet", one)));
  expect(left).toMatchObject({ type: FRAME_TYPE.Subscribed, code: 0, requestId: 9, count: 1 });
});

test("requests beyond the limit of one connection are refused, and not applied", async () => {
  const frames = await Frames.open(await start(newDataDir(), 1));
  const walletId = await openWallet(frames);
  const extra = 100;
  const requests = Array.from({ length: INFLIGHT_PER_CONNECTION_MAX + extra }, (_, i) =>
    frame(FRAME_TYPE.Commands, i + 1, 1, command("Credit", walletId, { [RECORD.amountMinor]: 1 })),
  );
  const answers = await frames.ask(Buffer.concat(requests), requests.length);
  const refused = answers.filter(({ type }) => type === FRAME_TYPE.Error);
  expect(refused.map(({ requestId }) => requestId)).toEqual(
    Array.from({ length: extra }, (_, i) => INFLIGHT_PER_CONNECTION_MAX + i + 1),
  );
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set([CODE.overloaded]));
  expect(new Set(answers.map(({ requestId }) => requestId)).size).toBe(requests.length);
  const id = Buffer.alloc(16);
  writeUuid(walletId, id);
  const [wallet] = await frames.ask(frame(FRAME_TYPE.LookupWallets, 1, 1, id));
  expect(wallet.payload.readBigInt64LE(32)).toBe(BigInt(9 + INFLIGHT_PER_CONNECTION_MAX));
});

test("a Ping comes back with its argument, to the last bit, and an id of 0 ends the connection", async () => {
  const frames = await Frames.open(await start(newDataDir(), 1));
  const ping = frame(FRAME_TYPE.Ping, 5, 0, Buffer.alloc(0));
  ping.writeBigUInt64LE(0xffff_ffff_ffff_fffen, FRAME.argument);
  const message = once(frames.socket, "message") as Promise<[Buffer]>;
  frames.socket.send(ping);
  expect((await message)[0].readBigUInt64LE(FRAME.argument)).toBe(0xffff_ffff_ffff_fffen);
  const closed = once(frames.socket, "close") as Promise<[number]>;
  const [error] = await frames.ask(frame(FRAME_TYPE.Ping, 0, 0, Buffer.alloc(0)));
  expect(error).toMatchObject({ type: FRAME_TYPE.Error, code: CODE.invalid_request, requestId: 0 });
  expect((await closed)[0]).toBe(1002);
});

test("a stop tells every connection, frees port and data, and a start finds what was there", async () => {
  const dataDir = newDataDir();
  const first = await start(dataDir);
  await expect(start(dataDir)).rejects.toMatchObject({ code: "data_dir_locked" });
  const frames = await Frames.open(first);
  const walletId = await openWallet(frames);
  // A connection that HTTP keeps alive must not keep the server from ending.
  expect((await fetch(`http://127.0.0.1:${first.port}/healthz`)).status).toBe(200);
  const closed = once(frames.socket, "close") as Promise<[number, Buffer]>;
  await first.stop();
  const [code, reason] = await closed;
  expect([code, reason.toString()]).toEqual([1001, "shutting_down"]);
  await expect(fetch(`http://127.0.0.1:${first.port}/healthz`)).rejects.toThrow();
  const again = await Frames.open(await start(dataDir));
  const id = Buffer.alloc(16);
  writeUuid(walletId, id);
  const [wallet] = await again.ask(frame(FRAME_TYPE.LookupWallets, 1, 1, id));
  expect(wallet.payload.readBigInt64LE(32)).toBe(9n);
});
