/** The client's two codecs against the gateway's readers and writers: both encodings say the same, and nothing gets lost. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { binaryCodec } from "../client/binary-codec.ts";
import type { ServerMessage } from "../client/codec.ts";
import { type Command, findFault, type NamedCommand } from "../client/commands.ts";
import { jsonCodec } from "../client/json-codec.ts";
import { resultOf } from "../client/results.ts";
import { readRequestFrame } from "../gateway/binary-frames.ts";
import { isWalletCommand } from "../gateway/json-actors.ts";
import { encodeCommands, readResult, resultFields } from "../gateway/json-command.ts";
import { deltasText, readWallet } from "../gateway/json-view.ts";
import { CODE, CODES, type Code } from "../protocol/codes.ts";
import { WALLET_STATUS, WALLET_TYPE, type WalletType } from "../protocol/command-record.ts";
import { CURRENCY_CODES, currencyNumber } from "../protocol/currencies.ts";
import { formatUuid } from "../protocol/ids.ts";
import { writeInt64 } from "../protocol/int64.ts";
import { check } from "../protocol/json-fault.ts";
import { type JsonRequest, jsonRequest } from "../protocol/json-requests.ts";
import { AMOUNT_MINOR_MAX, WIRE_HEADER_BYTES } from "../protocol/limits.ts";
import {
  DELTA,
  DELTA_BYTES,
  DELTA_FLAG,
  RESULT,
  RESULT_DETAIL_BYTES,
  RESULT_FLAG,
  WALLET,
  WALLET_BYTES,
} from "../protocol/result-record.ts";
import { FRAME_FLAG, FRAME_TYPE, writeFrameHeader } from "../protocol/wire-frame.ts";

const RUNS = { numRuns: 2_000 };

const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatUuid(bytes));
const amountMinor = fc.integer({ min: 1, max: AMOUNT_MINOR_MAX });
const limitMinor = fc.integer({ min: 0, max: AMOUNT_MINOR_MAX });
const currency = fc.constantFrom(...CURRENCY_CODES);
const walletType = fc.constantFrom(...(Object.keys(WALLET_TYPE) as WalletType[]));
const metadata = fc
  .dictionary(fc.string({ maxLength: 20 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 })
  .filter((value) => new TextEncoder().encode(JSON.stringify(value)).length <= 1_024);

/** Optional fields are left out or undefined, which must come to the same. */
function optional<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined });
}

const common = {
  commandId: uuid,
  linked: optional(fc.boolean()),
  reference: optional(uuid),
  expectedVersion: optional(fc.integer({ min: 1, max: AMOUNT_MINOR_MAX })),
  metadata: optional(metadata),
};
const nothing = fc.constant(undefined);
const sideLimits = optional(
  fc.record({
    perMonthMinor: optional(limitMinor),
    count: optional(fc.record({ windowMs: fc.integer({ min: 1_000, max: 1e9 }), max: fc.integer({ min: 1, max: 9 }) })),
    perDayMinor: optional(limitMinor),
  }),
);
const momentMs = fc.integer({ min: 1, max: 253_402_300_799_999 });
const fieldsOf = {
  Transfer: { fromWalletId: uuid, toWalletId: uuid, amountMinor, currency: optional(currency) },
  Credit: { walletId: uuid, amountMinor, currency: optional(currency) },
  Debit: { walletId: uuid, amountMinor, currency: optional(currency) },
  CreateWallet: {
    walletId: uuid,
    ownerId: uuid,
    currency,
    walletType: optional(walletType),
    overdraftLimitMinor: optional(limitMinor),
  },
  ActivateWallet: { walletId: uuid },
  FreezeWallet: { walletId: uuid },
  UnfreezeWallet: { walletId: uuid },
  CloseWallet: { walletId: uuid },
  SetOverdraftLimit: { walletId: uuid, overdraftLimitMinor: limitMinor },
  SetWalletLimits: { walletId: uuid, limits: fc.record({ credit: sideLimits, debit: sideLimits }), metadata: nothing },
  StripeWallet: { walletId: uuid },
  PlaceHold: {
    walletId: uuid,
    amountMinor,
    toWalletId: optional(uuid),
    currency: optional(currency),
    expiresAtMs: optional(momentMs),
  },
  CaptureHold: {
    walletId: uuid,
    holdId: uuid,
    amountMinor: optional(amountMinor),
    toWalletId: optional(uuid),
    final: optional(fc.boolean()),
    currency: optional(currency),
  },
  VoidHold: { walletId: uuid, holdId: uuid },
  ReverseTransfer: {
    walletId: uuid,
    transferId: uuid,
    amountMinor: optional(amountMinor),
    currency: optional(currency),
  },
  ExchangeCurrency: {
    fromWalletId: uuid,
    toWalletId: uuid,
    amountMinor,
    rate: fc.record({ numerator: amountMinor, denominator: amountMinor }),
    quoteExpiresAtMs: momentMs,
    currency: optional(currency),
  },
} as const satisfies Record<Command["type"], Record<string, fc.Arbitrary<unknown>>>;

/** Commands of every type; `wrap` may spoil their fields. */
function commands(wrap: <T>(field: fc.Arbitrary<T>) => fc.Arbitrary<T> = (field) => field): fc.Arbitrary<NamedCommand> {
  const ofType = Object.entries(fieldsOf).map(([type, fields]) => {
    const wrapped = Object.entries({ ...common, ...fields }).map(([name, field]) => [
      name,
      wrap(field as fc.Arbitrary<unknown>),
    ]);
    return fc.record({ type: fc.constant(type), ...Object.fromEntries(wrapped) });
  });
  return fc.oneof(...ofType) as fc.Arbitrary<unknown> as fc.Arbitrary<NamedCommand>;
}

function parseJson(payload: string | Uint8Array): JsonRequest {
  const checked = check(jsonRequest, JSON.parse(String(payload)));
  if (!checked.ok) throw new Error(`${checked.fault.code} at ${checked.fault.field}: ${checked.fault.message}`);
  return checked.value;
}

function bytesOf(payload: string | Uint8Array): Uint8Array {
  if (typeof payload === "string") throw new Error("not binary");
  return payload;
}

describe("requests", () => {
  test("commands: the gateway reads the same records out of both encodings, within the announced room", () => {
    fc.assert(
      fc.property(fc.array(commands(), { minLength: 1, maxLength: 20 }), fc.nat(0xffff_ffff), (batch, id) => {
        const requestId = id === 0 ? 1 : id;
        const binary = bytesOf(binaryCodec.encodeCommands(requestId, batch));
        const frame = readRequestFrame(binary, 0);
        expect(frame).toMatchObject({ code: "ok", type: FRAME_TYPE.Commands, requestId, count: batch.length });
        const text = jsonCodec.encodeCommands(requestId, batch);
        const request = parseJson(text);
        if (request.type !== "Batch") throw new Error(`not a batch: ${request.type}`);
        expect(request.requestId).toBe(requestId);
        expect(frame?.payload).toEqual(encodeCommands(request.commands.filter(isWalletCommand)));
        for (const [codec, bytes] of [
          [binaryCodec, binary.length],
          [jsonCodec, new TextEncoder().encode(String(text)).length],
        ] as const) {
          const room = batch.reduce((sum, command) => sum + codec.commandBytesMax(command), codec.messageOverheadBytes);
          expect(bytes).toBeLessThanOrEqual(room);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("whatever the client does not find fault with, the gateway does not either", () => {
    const junk = fc.oneof(fc.anything(), fc.constantFrom("", "me", -1, 0, 0.5, 2 ** 53, null, [], {}, Number.NaN));
    const spoilt = commands((field) =>
      fc.oneof({ weight: 12, arbitrary: field }, { weight: 1, arbitrary: junk as typeof field }),
    );
    let sound = 0;
    fc.assert(
      fc.property(spoilt, (command) => {
        if (findFault(command) !== undefined) return;
        sound += 1;
        const frame = readRequestFrame(bytesOf(binaryCodec.encodeCommands(1, [command])), 0);
        const request = parseJson(jsonCodec.encodeCommands(1, [command]));
        if (request.type !== "Batch") throw new Error(`not a batch: ${request.type}`);
        expect(frame?.code).toBe("ok");
        expect(frame?.payload).toEqual(encodeCommands(request.commands.filter(isWalletCommand)));
      }),
      { numRuns: 5_000 },
    );
    expect(sound).toBeGreaterThan(1_000);
  });

  test("questions and topics are ones that the gateway takes", () => {
    const topic = fc.oneof(
      fc.record({ topic: fc.constant("wallet" as const), id: uuid, fromVersion: optional(fc.nat()) }),
      fc.record({ topic: fc.constant("owner" as const), id: uuid, fromVersion: fc.constant(undefined) }),
      fc.record({ topic: fc.constant("all" as const), id: fc.constant(""), fromVersion: fc.constant(undefined) }),
    );
    fc.assert(
      fc.property(fc.array(uuid, { minLength: 1, maxLength: 50 }), topic, (ids, request) => {
        const [id = ""] = ids;
        for (const [binary, json] of [
          [binaryCodec.encodeLookupWallets(7, ids), jsonCodec.encodeLookupWallets(7, ids)],
          [binaryCodec.encodeLookupTransfer(7, id), jsonCodec.encodeLookupTransfer(7, id)],
          [binaryCodec.encodeSubscribe(7, request), jsonCodec.encodeSubscribe(7, request)],
          [binaryCodec.encodeUnsubscribe(7, request), jsonCodec.encodeUnsubscribe(7, request)],
        ] as const) {
          expect(readRequestFrame(bytesOf(binary), 0)).toMatchObject({ code: "ok", requestId: 7 });
          expect(parseJson(json)).toMatchObject({ requestId: 7 });
        }
      }),
      { numRuns: 300 },
    );
  });
});

const balanceMinor = fc.integer({ min: -AMOUNT_MINOR_MAX, max: AMOUNT_MINOR_MAX });
const version = fc.integer({ min: 1, max: AMOUNT_MINOR_MAX });
const side = fc.record({ postedMinor: balanceMinor, availableMinor: balanceMinor, version });
const codeName = fc.constantFrom(...(Object.keys(CODES) as Code[]));
const sequence = fc.nat(AMOUNT_MINOR_MAX);
const shard = fc.nat(63);

/** A record of zeros with its views. */
function record(length: number) {
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer), lanes: new Uint32Array(bytes.buffer) };
}

function frameOf(type: number, count: number, payload: Uint8Array): ArrayBuffer {
  const frameBytes = WIRE_HEADER_BYTES + payload.length;
  const buffer = new ArrayBuffer(frameBytes);
  writeFrameHeader(new DataView(buffer), 0, { frameBytes, type, requestId: 5, count, flags: FRAME_FLAG.details });
  new Uint8Array(buffer).set(payload, WIRE_HEADER_BYTES);
  return buffer;
}

function only(messages: ServerMessage[]): ServerMessage {
  expect(messages).toHaveLength(1);
  return messages[0] as ServerMessage;
}

describe("answers", () => {
  test("results: both encodings come to the same", () => {
    const result = fc.record({
      code: codeName,
      isReplayed: fc.boolean(),
      shard,
      sequence,
      side,
      other: optional(side),
    });
    fc.assert(
      fc.property(commands(), result, (command, { code, isReplayed, ...where }) => {
        // An applied command always has its place in the journal.
        if (code === "ok" && where.sequence === 0) return;
        const { bytes, view, lanes } = record(RESULT_DETAIL_BYTES);
        view.setUint16(RESULT.code, CODE[code], true);
        view.setUint8(RESULT.flags, isReplayed ? RESULT_FLAG.replayed : 0);
        view.setUint8(RESULT.shard, where.shard);
        writeInt64(lanes, RESULT.sequence >>> 2, where.sequence);
        const sides = [where.side, command.type === "Transfer" ? where.other : undefined];
        for (const [index, balance] of sides.entries()) {
          const at = (RESULT.postedMinor + index * 24) >>> 2;
          writeInt64(lanes, at, balance?.postedMinor ?? 0);
          writeInt64(lanes, at + 2, balance?.availableMinor ?? 0);
          writeInt64(lanes, at + 4, balance?.version ?? 0);
        }
        const request = parseJson(jsonCodec.encodeCommands(1, [command]));
        const [sent] = request.type === "Batch" ? request.commands.filter(isWalletCommand) : [];
        if (sent === undefined) throw new Error("not a batch");
        const text = `{"requestId":5,"ok":true,"result":{"results":[{${resultFields(readResult(sent, bytes, 0))}}]}}`;
        const [binary, json] = [
          only(binaryCodec.decode(frameOf(FRAME_TYPE.Results, 1, bytes))),
          only(jsonCodec.decode(text)),
        ].map((message) => {
          if (message.type !== "results" || message.answers[0] === undefined) throw new Error(message.type);
          return resultOf(command, message.answers[0]);
        });
        expect(binary).toEqual(json);
        expect(binary).toMatchObject(
          code === "ok" ? { ok: true, ...where.side, replayed: isReplayed } : { ok: false, code, replayed: isReplayed },
        );
        expect(binary?.position).toBe(where.sequence === 0 ? null : `${where.shard}:${where.sequence}`);
      }),
      RUNS,
    );
  });

  const wallet = fc.record({ code: codeName, id: uuid, side, currency, walletType, shard, sequence, limitMinor });
  test("wallets: both encodings come to the same", () => {
    fc.assert(
      fc.property(fc.array(wallet, { maxLength: 10 }), (wallets) => {
        const { bytes, view, lanes } = record(wallets.length * WALLET_BYTES);
        for (const [index, facts] of wallets.entries()) {
          const at = index * WALLET_BYTES;
          bytes.set(
            Uint8Array.from({ length: 32 }, (_, i) => i + index),
            at + WALLET.id,
          );
          writeInt64(lanes, (at + WALLET.postedMinor) >>> 2, facts.side.postedMinor);
          writeInt64(lanes, (at + WALLET.availableMinor) >>> 2, facts.side.availableMinor);
          writeInt64(lanes, (at + WALLET.version) >>> 2, facts.side.version);
          writeInt64(lanes, (at + WALLET.sequence) >>> 2, facts.sequence);
          writeInt64(lanes, (at + WALLET.overdraftLimitMinor) >>> 2, facts.limitMinor);
          view.setUint16(at + WALLET.code, CODE[facts.code], true);
          view.setUint16(at + WALLET.currency, currencyNumber(facts.currency), true);
          view.setUint8(at + WALLET.status, WALLET_STATUS.frozen);
          view.setUint8(at + WALLET.type, WALLET_TYPE[facts.walletType]);
          view.setUint8(at + WALLET.shard, facts.shard);
        }
        const found = wallets.map((_, index) => {
          const read = readWallet(bytes, index);
          return typeof read === "string"
            ? { ok: false, error: { code: read, message: "" } }
            : { ok: true, result: read };
        });
        const text = JSON.stringify({ requestId: 5, ok: true, result: { wallets: found } });
        expect(only(binaryCodec.decode(frameOf(FRAME_TYPE.Wallets, wallets.length, bytes)))).toEqual(
          only(jsonCodec.decode(text)),
        );
      }),
      { numRuns: 300 },
    );
  });

  const delta = fc.record({ side, currency, shard, sequence, timestampMs: fc.nat(2 ** 43), flags: fc.nat(7) });
  test("balance updates: both encodings come to the same", () => {
    fc.assert(
      fc.property(fc.array(delta, { maxLength: 10 }), (deltas) => {
        const { bytes, view, lanes } = record(deltas.length * DELTA_BYTES);
        for (const [index, facts] of deltas.entries()) {
          const at = index * DELTA_BYTES;
          bytes.set(
            Uint8Array.from({ length: 16 }, (_, i) => i + index),
            at + DELTA.walletId,
          );
          writeInt64(lanes, (at + DELTA.postedMinor) >>> 2, facts.side.postedMinor);
          writeInt64(lanes, (at + DELTA.availableMinor) >>> 2, facts.side.availableMinor);
          writeInt64(lanes, (at + DELTA.version) >>> 2, facts.side.version);
          writeInt64(lanes, (at + DELTA.sequence) >>> 2, facts.sequence);
          writeInt64(lanes, (at + DELTA.timestampMs) >>> 2, facts.timestampMs);
          view.setUint16(at + DELTA.currency, currencyNumber(facts.currency), true);
          view.setUint8(at + DELTA.shard, facts.shard);
          view.setUint8(at + DELTA.status, WALLET_STATUS.active);
          view.setUint8(at + DELTA.flags, facts.flags);
        }
        const binary = only(binaryCodec.decode(frameOf(FRAME_TYPE.Deltas, deltas.length, bytes)));
        const text = `{"type":"Balances","deltas":[${deltasText(bytes, deltas.length)}]}`;
        expect(binary).toEqual(only(jsonCodec.decode(text)));
        if (binary.type !== "updates") throw new Error(binary.type);
        expect(binary.updates.map(({ kind, reset, conflated }) => [kind === "state", reset, conflated])).toEqual(
          deltas.map(({ flags }) =>
            [DELTA_FLAG.state, DELTA_FLAG.reset, DELTA_FLAG.conflated].map((bit) => (flags & bit) !== 0),
          ),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("several frames in one message are read in order", () => {
    const heartbeat = new Uint8Array(frameOf(FRAME_TYPE.Heartbeat, 0, new Uint8Array(0)));
    const unknown = new Uint8Array(frameOf(250, 3, new Uint8Array(8)));
    const results = new Uint8Array(frameOf(FRAME_TYPE.Results, 0, new Uint8Array(0)));
    const message = new Uint8Array([...heartbeat, ...unknown, ...results]).buffer;
    expect(binaryCodec.decode(message).map(({ type }) => type)).toEqual(["heartbeat", "results"]);
  });

  test("bytes and texts at random are read or refused, and hold nothing up", () => {
    const frame = fc
      .tuple(fc.constantFrom(...Object.values(FRAME_TYPE)), fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 300 }))
      .map(([type, count, payload]) => {
        const padded = new Uint8Array(Math.ceil(payload.length / 8) * 8);
        padded.set(payload);
        return frameOf(type, count % 3 === 0 ? count : count % 8, padded);
      });
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => array.slice().buffer);
    fc.assert(
      fc.property(fc.oneof(frame, bytes), (message) => {
        try {
          expect(binaryCodec.decode(message).length).toBeLessThan(10);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 20_000 },
    );
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (message) => {
        try {
          expect(jsonCodec.decode(message).length).toBeLessThan(2);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
