/** The binary protocol of a real ledger, byte by byte over a real socket. */

import { once } from "node:events";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { CODE } from "../protocol/codes.ts";
import { UuidV7, uuidBytes } from "../protocol/ids.ts";
import { MESSAGE_BYTES_MAX } from "../protocol/limits.ts";
import { FRAME_TYPE } from "../protocol/wire-frame.ts";
import { ADMIN_KEY, LedgerProcess } from "../test/ledger-process.ts";
import { WireClient } from "../test/wire-client.ts";
import { checkBooks, openingBalances, openWallets } from "../test/writers.ts";
import { readRequestFrame } from "./binary-frames.ts";

const ids = new UuidV7();
let ledger: LedgerProcess;
beforeAll(async () => {
  ledger = await LedgerProcess.create({ MIZAN_SHARDS: "1" });
  await ledger.start();
});
afterAll(() => ledger.dispose());

/** A socket that keeps every message it gets. */
class RawSocket {
  readonly messages: Buffer[] = [];
  closeCode = 0;
  readonly socket: WebSocket;

  constructor(subprotocols: string | string[] = "mizan.binary.v1") {
    this.socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, subprotocols, {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
      perMessageDeflate: false,
    });
    this.socket.on("message", (data: Buffer) => this.messages.push(data));
    this.socket.on("close", (code: number) => {
      this.closeCode = code;
    });
    this.socket.on("error", () => {});
  }

  static async open(): Promise<RawSocket> {
    const raw = new RawSocket();
    await once(raw.socket, "message");
    return raw;
  }

  /** Sends bytes and resolves with the next message. */
  async ask(data: Uint8Array | string): Promise<Buffer> {
    const next = once(this.socket, "message") as Promise<[Buffer]>;
    this.socket.send(data);
    return (await next)[0];
  }
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/[\s|]/g, ""), "hex");
}

/** A frame of a type with a payload, and a count that may lie. */
function frame(type: number, requestId: number, count: number, payload: Uint8Array, flags = 0, argument = 0): Buffer {
  const bytes = Buffer.alloc(32 + payload.byteLength);
  bytes.writeUInt32LE(bytes.byteLength, 0);
  bytes[4] = type;
  bytes[5] = flags;
  bytes.writeUInt32LE(requestId, 8);
  bytes.writeUInt32LE(count, 12);
  bytes.writeBigUInt64LE(BigInt(argument), 16);
  bytes.set(payload, 32);
  return bytes;
}

describe("golden bytes", () => {
  test("the first frame of a connection", async () => {
    const raw = await RawSocket.open();
    expect(raw.messages[0].toString("hex")).toBe(
      hex(`
        40000000 80 00 0000 | 00000000 00000000 | 0100000000000000 0000000000000000
        fe1f0000 00401000 00100000 00040000 10270000 01000000 983a0000 00000000
      `).toString("hex"),
    );
    raw.socket.terminate();
  });

  test("a wallet is opened, and the answer has its first version", async () => {
    const raw = await RawSocket.open();
    const commandId = Buffer.from(uuidBytes(ids.next())).toString("hex");
    const walletId = Buffer.from(uuidBytes(ids.next())).toString("hex");
    const answer = await raw.ask(
      hex(`
        60000000 01 01 0000 | 07000000 01000000 | 0000000000000000 0000000000000000
        ${commandId}
        ${walletId}
        01900000000070008000000000000001
        f401000000000000 04 00 3203 01 000000
      `),
    );
    const sequence = answer.subarray(40, 48).toString("hex");
    expect(answer.toString("hex")).toBe(
      hex(`
        60000000 81 01 0000 | 07000000 01000000 | 0000000000000000 0000000000000000
        0000 00 00 00000000 ${sequence}
        0000000000000000 f401000000000000 0100000000000000
        0000000000000000 0000000000000000 0000000000000000
      `).toString("hex"),
    );
    raw.socket.terminate();
  });

  test("a question and its echo", async () => {
    const raw = await RawSocket.open();
    const ping = frame(FRAME_TYPE.Ping, 9, 0, new Uint8Array(0));
    ping.writeBigUInt64LE(77n, 16);
    const pong = Buffer.from(ping);
    pong[4] = FRAME_TYPE.Pong;
    expect((await raw.ask(ping)).equals(pong)).toBe(true);
    raw.socket.terminate();
  });

  test("several frames in one message get one answer each, in order", async () => {
    const raw = await RawSocket.open();
    const ping = (requestId: number) => frame(FRAME_TYPE.Ping, requestId, 0, new Uint8Array(0));
    const answer = await raw.ask(Buffer.concat([ping(1), ping(2), ping(3)]));
    expect([8, 40, 72].map((at) => answer.readUInt32LE(at))).toEqual([1, 2, 3]);
    raw.socket.terminate();
  });
});

describe("what is refused", () => {
  const record = Buffer.alloc(64);
  const zeros = Buffer.alloc(8);
  const books = Buffer.from('{"type":"GetTrialBalance"}'.padEnd(32, "\0"));

  test.each([
    ["an unknown type", frame(77, 5, 0, new Uint8Array(0)), CODE.unknown_operation],
    ["a count that is too low", frame(1, 5, 1, Buffer.concat([record, record])), CODE.invalid_request],
    ["a count that is too high", frame(1, 5, 3, Buffer.concat([record, record])), CODE.invalid_request],
    ["no records", frame(1, 5, 0, new Uint8Array(0)), CODE.invalid_request],
    ["a record cut short", frame(1, 5, 2, Buffer.alloc(120)), CODE.invalid_request],
    ["too many commands", frame(1, 5, 8_191, Buffer.alloc(8_191 * 64)), CODE.too_many_commands],
    ["an unknown flag", frame(1, 5, 1, record, 128), CODE.invalid_request],
    ["a topic that does not exist", frame(4, 5, 1, Buffer.alloc(32, 9)), CODE.invalid_request],
    ["a query with a text longer than its frame", frame(7, 5, 1, books, 0, 41), CODE.invalid_request],
    ["a query with a text shorter than its payload", frame(7, 5, 1, books, 0, 25), CODE.invalid_request],
    [
      "a query with a word of padding too many",
      frame(7, 5, 1, Buffer.concat([books, zeros]), 0, 30),
      CODE.invalid_request,
    ],
    ["a query without a length", frame(7, 5, 1, books), CODE.invalid_request],
    ["a query without anything", frame(7, 5, 1, Buffer.alloc(0)), CODE.malformed_json],
    ["no query", frame(7, 5, 0, books, 0, 26), CODE.invalid_request],
    ["two queries", frame(7, 5, 2, books, 0, 30), CODE.invalid_request],
    ["a query with a flag", frame(7, 5, 1, books, 1, 30), CODE.invalid_request],
    ["a query that is too long", frame(7, 5, 1, Buffer.alloc(65_544, 32), 0, 65_537), CODE.message_too_large],
    ["a query that says to be longer than anything", frame(7, 5, 1, books, 0, 2 ** 63), CODE.message_too_large],
  ])("%s: coded, the connection stays", async (_, message, code) => {
    const raw = await RawSocket.open();
    const answer = await raw.ask(message);
    expect([answer[4], answer.readUInt16LE(6), answer.readUInt32LE(8)]).toEqual([FRAME_TYPE.Error, code, 5]);
    const pong = await raw.ask(frame(FRAME_TYPE.Ping, 6, 0, new Uint8Array(0)));
    expect(pong[4]).toBe(FRAME_TYPE.Pong);
    raw.socket.terminate();
  });

  test.each([
    ["text", "hello", CODE.malformed_frame, 1003],
    ["less than a header", Buffer.alloc(31), CODE.malformed_frame, 1002],
    ["a length beyond the message", frame(6, 1, 0, new Uint8Array(0)).fill(0xf8, 0, 1), CODE.malformed_frame, 1002],
    ["more than a message may hold", Buffer.alloc(MESSAGE_BYTES_MAX + 8), CODE.message_too_large, 1009],
  ])("%s: coded, then the connection closes", async (_, message, code, closeCode) => {
    const raw = await RawSocket.open();
    const closed = once(raw.socket, "close");
    const answer = await raw.ask(message);
    expect([answer[4], answer.readUInt16LE(6), answer.readUInt32LE(8)]).toEqual([FRAME_TYPE.Error, code, 0]);
    await closed;
    expect(raw.closeCode).toBe(closeCode);
  });

  test("a message beyond every limit: the connection closes", async () => {
    const raw = await RawSocket.open();
    const closed = once(raw.socket, "close");
    raw.socket.send(Buffer.alloc(5 << 20));
    await closed;
    expect([1006, 1009]).toContain(raw.closeCode);
  });

  test("operations and ids that do not exist, each in its own result", async () => {
    const client = await WireClient.connect(ledger.port, ADMIN_KEY);
    const [walletId, counterpartyId] = [ids.next(), ids.next()];
    const transfer = { operation: "Transfer", walletId, counterpartyId, amountMinor: 1 } as const;
    const results = await client.commands([
      { ...transfer, id: "00000000-0000-0000-0000-000000000000" },
      { ...transfer, id: "8c6d6d3c-4f2a-4b7e-9d39-000000000001" },
      { ...transfer, id: new UuidV7().next(Date.now() + 3_600_000) },
      { ...transfer, id: new UuidV7().next(Date.now() - 3 * 86_400_000) },
      { ...transfer, id: new UuidV7().next(), amountMinor: 0 },
      { ...transfer, id: new UuidV7().next() },
    ]);
    expect(results.map(({ code }) => code)).toEqual([
      "id_required",
      "id_not_time_ordered",
      "id_in_future",
      "id_expired",
      "amount_invalid",
      "wallet_not_found",
    ]);
    client.close();
  });

  test("subprotocols that do not exist, and no key", async () => {
    const refusedWith = async (subprotocol: string[], authorization: string): Promise<number> => {
      const socket = new WebSocket(`ws://127.0.0.1:${ledger.port}/v1/ws`, subprotocol, { headers: { authorization } });
      socket.on("error", () => {});
      const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
      return response.statusCode;
    };
    expect(await refusedWith(["mizan.binary.v9"], `Bearer ${ADMIN_KEY}`)).toBe(400);
    expect(await refusedWith(["mizan.binary.v1"], "Bearer nobody")).toBe(401);
    const several = new RawSocket(["mizan.json.v1", "mizan.binary.v1", "other"]);
    await once(several.socket, "open");
    expect(several.socket.protocol).toBe("mizan.binary.v1");
    several.socket.terminate();
  });
});

describe("whatever bytes come", () => {
  test("the reader of frames stays inside the message and never accepts a count that is wrong", () => {
    const header = fc.record({
      type: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 128, 255),
      flags: fc.constantFrom(0, 1, 2),
      count: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 0xffff_ffff })),
      lengthError: fc.constantFrom(0, 0, 0, 0, 1, 8, -8, 1_000_000),
      payload: fc.uint8Array({ maxLength: 300 }),
      argument: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 2 ** 53 })),
    });
    fc.assert(
      fc.property(header, ({ type, flags, count, lengthError, payload, argument }) => {
        const padded = new Uint8Array(Math.ceil(payload.length / 8) * 8);
        padded.set(payload);
        const bytes = frame(type, 1, count, padded, flags, argument);
        bytes.writeUInt32LE(Math.max(0, bytes.byteLength + lengthError), 0);
        const read = readRequestFrame(bytes, 0);
        if (lengthError !== 0 && read !== undefined) expect(read.end).toBeLessThanOrEqual(bytes.byteLength);
        if (read?.code === "ok" && type === 1) expect(read.payload.byteLength).toBeGreaterThanOrEqual(64 * count);
        if (read?.code === "ok") expect(type).toBeLessThanOrEqual(7);
        if (read?.code === "ok" && type === 7) expect(Math.ceil(argument / 8) * 8).toBe(read.payload.byteLength);
      }),
      { numRuns: 200_000 },
    );
  }, 60_000);

  test("the ledger goes on serving, and nothing is applied", async () => {
    const wallets = await openWallets(ledger, ids);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 20, maxLength: 60 }),
        async (messages) => {
          const raw = await RawSocket.open();
          for (const message of messages) {
            const at = message.length > 12 ? message.length & 1 : 0;
            // Half of them look like a frame of commands at least from outside.
            const bytes =
              at === 0
                ? message
                : frame(1 + (message[0] % 7), 1, message[1] % 4, message.slice(0, message.length & ~7), 0, message[2]);
            if (raw.socket.readyState === WebSocket.OPEN) raw.socket.send(bytes);
          }
          raw.socket.close();
          await once(raw.socket, "close");
        },
      ),
      { numRuns: 100 },
    );
    await checkBooks(ledger, openingBalances(wallets));
  }, 60_000);
});
