/** How messages are split over shards and their answers put together again, on real rings with scripted shards. */

import fc from "fast-check";
import { pack } from "msgpackr";
import { describe, expect, test } from "vitest";
import { ENTRY_HEADER_BYTES, REPLY, REPLY_KIND, REQUEST, REQUEST_FLAG, REQUEST_KIND } from "../engine/port/entries.ts";
import { RingReader, RingWriter } from "../engine/port/ring.ts";
import { createShardPortMemory, type Principal, ShardPort } from "../engine/port/shard-port.ts";
import type { TransferView, TrialBalanceView } from "../engine/views.ts";
import { CODE, CODE_DEFERRED } from "../protocol/codes.ts";
import { OPERATION, RECORD, RECORD_FLAG } from "../protocol/command-record.ts";
import { shardOf, UuidV7 } from "../protocol/ids.ts";
import { RESULT, RESULT_BYTES, RESULT_DETAIL_BYTES, WALLET, WALLET_BYTES } from "../protocol/result-record.ts";
import { Dispatcher } from "./dispatcher.ts";

const RING_BYTES = 1 << 22;
const ADMIN: Principal = { role: "admin", ownerId: new Uint32Array(4) };
const USER: Principal = { role: "user", ownerId: new Uint32Array([1, 2, 3, 4]) };
const ids = new UuidV7();

/** A request as it reached a shard. */
interface Received {
  readonly kind: number;
  readonly token: number;
  readonly count: number;
  readonly payload: Uint8Array;
}

/** The far end of a port, which answers what the test tells it to. */
class ScriptedShard {
  readonly port: ShardPort;
  readonly #requests: RingReader;
  readonly #replies: RingWriter;

  constructor(shard: number) {
    const memory = createShardPortMemory(RING_BYTES, RING_BYTES);
    this.port = new ShardPort(shard, memory);
    this.#requests = new RingReader(memory.requests);
    this.#replies = new RingWriter(memory.replies);
  }

  receive(): Received[] {
    const received: Received[] = [];
    for (let offset = this.#requests.next(); offset >= 0; offset = this.#requests.next()) {
      const { lanes, bytes } = this.#requests;
      const at = offset >>> 2;
      const start = offset + ENTRY_HEADER_BYTES;
      received.push({
        kind: lanes[at + REQUEST.kind],
        token: lanes[at + REQUEST.token],
        count: lanes[at + REQUEST.count],
        payload: bytes.slice(start, start + lanes[at + REQUEST.payloadBytes]),
      });
      this.#requests.release(offset);
    }
    return received;
  }

  receiveOne(): Received {
    const received = this.receive();
    expect(received).toHaveLength(1);
    return received[0];
  }

  answer(kind: number, token: number, payload: Uint8Array, facts: { index?: number; deferred?: number } = {}): void {
    const offset = this.#replies.reserve(ENTRY_HEADER_BYTES + payload.byteLength, kind);
    const { lanes } = this.#replies;
    const at = offset >>> 2;
    lanes[at + REPLY.token] = token;
    lanes[at + REPLY.flags] = 0;
    lanes[at + REPLY.code] = 0;
    lanes[at + REPLY.payloadBytes] = payload.byteLength;
    lanes[at + REPLY.index] = facts.index ?? 0;
    lanes[at + REPLY.deferred] = facts.deferred ?? 0;
    this.#replies.bytes.set(payload, offset + ENTRY_HEADER_BYTES);
    this.#replies.publish();
  }
}

function setUp(shardCount: number) {
  const shards = Array.from({ length: shardCount }, (_, shard) => new ScriptedShard(shard));
  const dispatcher = new Dispatcher(shards.map(({ port }) => port));
  const drain = (): void => {
    for (const { port } of shards) port.drain(dispatcher.onEntry, 1_000);
  };
  return { shards, dispatcher, drain };
}

/** An id of a wallet that a shard owns. */
function walletOn(shard: number, shardCount: number): Uint8Array {
  for (;;) {
    const id = new Uint8Array(16);
    ids.write(id, 0);
    if (shardOf(new Uint32Array(id.buffer), 0, shardCount) === shard) return id;
  }
}

interface Sketch {
  readonly shard: number;
  readonly counterpartyShard?: number;
  readonly linked?: boolean;
  readonly metadataBytes?: number;
}

/** The bytes of one command, with its place in the message as its amount. */
function record(sketch: Sketch, place: number, shardCount: number): Uint8Array {
  const { metadataBytes } = sketch;
  const bytes = new Uint8Array(metadataBytes === undefined ? 64 : 128 + Math.ceil(metadataBytes / 64) * 64);
  ids.write(bytes, RECORD.id);
  bytes.set(walletOn(sketch.shard, shardCount), RECORD.wallet);
  bytes.set(walletOn(sketch.counterpartyShard ?? sketch.shard, shardCount), RECORD.counterparty);
  new DataView(bytes.buffer).setUint32(RECORD.amountMinor, place, true);
  bytes[RECORD.operation] = OPERATION.Transfer;
  bytes[RECORD.flags] =
    (sketch.linked === true ? RECORD_FLAG.linked : 0) |
    (metadataBytes === undefined ? 0 : RECORD_FLAG.extended | RECORD_FLAG.metadata);
  if (metadataBytes !== undefined) new DataView(bytes.buffer).setUint16(RECORD.metadataBytes, metadataBytes, true);
  return bytes;
}

function message(sketches: readonly Sketch[], shardCount: number): Uint8Array {
  return Buffer.concat(sketches.map((sketch, place) => record(sketch, place, shardCount)));
}

/** The places in the message of the commands in a payload. */
function placesIn(payload: Uint8Array): number[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const places: number[] = [];
  for (let at = 0; at < payload.byteLength; ) {
    places.push(view.getUint32(at + RECORD.amountMinor, true));
    const hasMetadata = (payload[at + RECORD.flags] & RECORD_FLAG.metadata) !== 0;
    at += hasMetadata ? 128 + Math.ceil(view.getUint16(at + RECORD.metadataBytes, true) / 64) * 64 : 64;
  }
  return places;
}

/** Results whose sequences are the places of their commands, so that a mix-up shows. */
function resultsFor(places: readonly number[], stride: number, deferred: ReadonlySet<number> = new Set()): Uint8Array {
  const results = new Uint8Array(places.length * stride);
  const view = new DataView(results.buffer);
  for (const [i, place] of places.entries()) {
    view.setUint16(i * stride + RESULT.code, deferred.has(place) ? CODE_DEFERRED : CODE.ok, true);
    view.setUint32(i * stride + RESULT.sequence, place, true);
  }
  return results;
}

function decode(results: Uint8Array, stride: number): { code: number; place: number }[] {
  const view = new DataView(results.buffer, results.byteOffset, results.byteLength);
  return Array.from({ length: results.byteLength / stride }, (_, i) => ({
    code: view.getUint16(i * stride + RESULT.code, true),
    place: view.getUint32(i * stride + RESULT.sequence, true),
  }));
}

/** Collects what a dispatcher answers; results are copied, since they are valid during the call only. */
function collector() {
  const answers: Uint8Array[] = [];
  return { answers, done: (records: Uint8Array): void => void answers.push(records.slice()) };
}

describe("a ledger of one shard", () => {
  test("gets the message as it is, and its answer is passed on", () => {
    const { shards, dispatcher, drain } = setUp(1);
    const records = message([{ shard: 0 }, { shard: 0, metadataBytes: 70 }, { shard: 0, linked: true }], 1);
    const { answers, done } = collector();
    expect(dispatcher.commands(ADMIN, REQUEST_FLAG.details, records, 3, done)).toBe("ok");
    expect(shards[0].receive()).toEqual([]);
    dispatcher.flush();
    const received = shards[0].receiveOne();
    expect(received).toMatchObject({ kind: REQUEST_KIND.Commands, count: 3 });
    expect(Buffer.compare(received.payload, records)).toBe(0);
    expect(dispatcher.inflight).toBe(1);
    shards[0].answer(REPLY_KIND.Results, received.token, resultsFor([0, 1, 2], RESULT_DETAIL_BYTES));
    drain();
    expect(answers.map((answer) => decode(answer, RESULT_DETAIL_BYTES).map(({ place }) => place))).toEqual([[0, 1, 2]]);
    expect(dispatcher.inflight).toBe(0);
  });

  test("refuses a message as a whole while its queue is full, and nothing once it stops", () => {
    const { shards, dispatcher } = setUp(1);
    const records = message(
      Array.from({ length: 4_000 }, () => ({ shard: 0 })),
      1,
    );
    const codes = new Set(Array.from({ length: 20 }, () => dispatcher.commands(ADMIN, 0, records, 4_000, () => {})));
    expect([...codes]).toEqual(["ok", "overloaded"]);
    dispatcher.flush();
    expect(shards[0].receive()).toHaveLength(dispatcher.inflight);
    expect(dispatcher.commands(ADMIN, 0, records, 4_000, () => {})).toBe("ok");
    dispatcher.stopAccepting();
    expect(dispatcher.commands(ADMIN, 0, records, 4_000, () => {})).toBe("shutting_down");
    expect(dispatcher.lookupWallets(ADMIN, walletOn(0, 1), () => {})).toBe("shutting_down");
  });
});

describe("a message over several shards", () => {
  test("reaches each shard in the order of the message, and is answered in it", () => {
    const sketch = fc.record({
      shard: fc.nat(),
      metadataBytes: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
      isDeferred: fc.boolean(),
    });
    const scenario = fc.record({
      shardCount: fc.integer({ min: 2, max: 5 }),
      sketches: fc.array(sketch, { minLength: 1, maxLength: 60 }),
      details: fc.boolean(),
      lastFirst: fc.boolean(),
    });
    fc.assert(
      fc.property(scenario, ({ shardCount, sketches, details, lastFirst }) => {
        const { shards, dispatcher, drain } = setUp(shardCount);
        const onShards = sketches.map(({ shard, metadataBytes }) => ({
          shard: shard % shardCount,
          ...(metadataBytes === undefined ? {} : { metadataBytes }),
        }));
        const records = message(onShards, shardCount);
        const stride = details ? RESULT_DETAIL_BYTES : RESULT_BYTES;
        const { answers, done } = collector();
        const flags = details ? REQUEST_FLAG.details : 0;
        expect(dispatcher.commands(USER, flags, records, sketches.length, done)).toBe("ok");
        dispatcher.flush();
        const late: (() => void)[] = [];
        const deferredPlaces = new Set(sketches.flatMap(({ isDeferred }, place) => (isDeferred ? [place] : [])));
        for (const [shard, scripted] of shards.entries()) {
          const expected = onShards.flatMap((sketch, place) => (sketch.shard === shard ? [place] : []));
          const [received] = scripted.receive();
          expect(received === undefined ? [] : placesIn(received.payload)).toEqual(expected);
          if (received === undefined) continue;
          const deferred = expected.filter((place) => deferredPlaces.has(place)).length;
          const results = resultsFor(expected, stride, deferredPlaces);
          scripted.answer(REPLY_KIND.Results, received.token, results, { deferred });
          for (const [index, place] of expected.entries()) {
            if (!deferredPlaces.has(place)) continue;
            const result = resultsFor([place], RESULT_DETAIL_BYTES);
            late.push(() => scripted.answer(REPLY_KIND.LateResult, received.token, result, { index }));
          }
        }
        drain();
        expect(answers).toHaveLength(late.length === 0 ? 1 : 0);
        if (lastFirst) late.reverse();
        for (const answer of late) answer();
        drain();
        expect(answers.map((answer) => decode(answer, stride))).toEqual([
          sketches.map((_, place) => ({ code: CODE.ok, place })),
        ]);
        expect(dispatcher.inflight).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("keeps a linked run together, and refuses each command of one that crosses shards", () => {
    const { shards, dispatcher, drain } = setUp(2);
    const sketches: Sketch[] = [
      { shard: 0, linked: true },
      { shard: 0 },
      { shard: 1 },
      // Two wallets to debit on different shards.
      { shard: 0, linked: true },
      { shard: 1 },
      { shard: 1, linked: true },
      { shard: 1 },
      // A transfer between shards inside a run.
      { shard: 0, linked: true, counterpartyShard: 1 },
      { shard: 0 },
      // The same on its own is a saga, which runs.
      { shard: 0, counterpartyShard: 1 },
    ];
    const { answers, done } = collector();
    expect(dispatcher.commands(ADMIN, 0, message(sketches, 2), sketches.length, done)).toBe("ok");
    dispatcher.flush();
    for (const [shard, places] of [[0, 1, 9] as const, [2, 5, 6] as const].entries()) {
      const received = shards[shard].receiveOne();
      expect(placesIn(received.payload)).toEqual(places);
      shards[shard].answer(REPLY_KIND.Results, received.token, resultsFor(places, RESULT_BYTES));
    }
    drain();
    const codes = decode(answers[0], RESULT_BYTES).map(({ code }) => code);
    const across = CODE.linked_across_shards;
    expect(codes).toEqual([0, 0, 0, across, across, 0, 0, across, across, 0]);
  });

  test("answers a run that crosses shards and is open, or too long, as one shard would", async () => {
    const { shards, dispatcher } = setUp(2);
    const answered: number[][] = [];
    const send = (sketches: Sketch[]): void => {
      const done = (results: Uint8Array): void => {
        answered.push([...new Set(decode(results, RESULT_BYTES).map(({ code }) => code))]);
      };
      expect(dispatcher.commands(ADMIN, 0, message(sketches, 2), sketches.length, done)).toBe("ok");
    };
    send([
      { shard: 0, linked: true },
      { shard: 1, linked: true },
    ]);
    send([...Array.from({ length: 2_048 }, () => ({ shard: 0, linked: true })), { shard: 1 }]);
    expect(answered).toEqual([]);
    await new Promise(setImmediate);
    expect(answered).toEqual([[CODE.linked_run_open], [CODE.linked_run_too_long]]);
    for (const shard of shards) expect(shard.receive()).toEqual([]);
  });

  test("is applied where there is room, and overloaded where there is none", () => {
    const { shards, dispatcher, drain } = setUp(2);
    const big = message(
      Array.from({ length: 4_000 }, () => ({ shard: 1 })),
      2,
    );
    while (dispatcher.commands(ADMIN, 0, big, 4_000, () => {}) === "ok");
    const small = message([{ shard: 1 }], 2);
    while (dispatcher.commands(ADMIN, 0, small, 1, () => {}) === "ok");
    const { answers, done } = collector();
    expect(dispatcher.commands(ADMIN, 0, message([{ shard: 1 }, { shard: 0 }], 2), 2, done)).toBe("ok");
    dispatcher.flush();
    const received = shards[0].receiveOne();
    expect(placesIn(received.payload)).toEqual([1]);
    shards[0].answer(REPLY_KIND.Results, received.token, resultsFor([1], RESULT_BYTES));
    drain();
    expect(decode(answers[0], RESULT_BYTES).map(({ code }) => code)).toEqual([CODE.overloaded, CODE.ok]);
  });
});

describe("questions", () => {
  test("wallets come back in the order of their ids", () => {
    const { shards, dispatcher, drain } = setUp(3);
    const wallets = [2, 0, 1, 0, 2, 2].map((shard) => walletOn(shard, 3));
    const { answers, done } = collector();
    const take = (found: Uint8Array | string): void => done(found as Uint8Array);
    expect(dispatcher.lookupWallets(USER, Buffer.concat(wallets), take)).toBe("ok");
    dispatcher.flush();
    for (const shard of shards) {
      const { token, count, payload } = shard.receiveOne();
      const found = new Uint8Array(count * WALLET_BYTES);
      for (let i = 0; i < count; i += 1) found.set(payload.subarray(i * 16, i * 16 + 16), i * WALLET_BYTES + WALLET.id);
      shard.answer(REPLY_KIND.Wallets, token, found);
    }
    drain();
    const idsFound = wallets.map((_, i) => Buffer.from(answers[0].subarray(i * WALLET_BYTES, i * WALLET_BYTES + 16)));
    expect(idsFound).toEqual(wallets.map((id) => Buffer.from(id)));
  });

  test("a transfer that two shards know of is shown as the one that debits it sees it", () => {
    const { shards, dispatcher, drain } = setUp(2);
    const uuid = (id: Uint8Array): string =>
      Buffer.from(id)
        .toString("hex")
        .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    const view = { fromWalletId: uuid(walletOn(1, 2)), toWalletId: uuid(walletOn(0, 2)) };
    const seen: (TransferView | string)[] = [];
    const ask = (answers: unknown[]): void => {
      expect(dispatcher.lookupTransfer(ADMIN, walletOn(0, 2), (found) => seen.push(found))).toBe("ok");
      dispatcher.flush();
      for (const [shard, answer] of answers.entries()) {
        shards[shard].answer(REPLY_KIND.Object, shards[shard].receiveOne().token, pack(answer));
      }
      drain();
    };
    ask([
      { ...view, status: "COMPLETED" },
      { ...view, status: "DEBITED" },
    ]);
    ask([null, { ...view, status: "FAILED" }]);
    ask([null, null]);
    expect(seen.map((found) => (typeof found === "string" ? found : found.status))).toEqual([
      "DEBITED",
      "FAILED",
      "transfer_not_found",
    ]);
  });

  test("the books are for admins, and have one part a shard", () => {
    const { shards, dispatcher, drain } = setUp(2);
    expect(dispatcher.trialBalance(USER, () => {})).toBe("forbidden");
    const seen: (readonly TrialBalanceView[] | string)[] = [];
    expect(dispatcher.trialBalance(ADMIN, (views) => seen.push(views))).toBe("ok");
    dispatcher.flush();
    for (const shard of [1, 0]) {
      const answer = pack({ shard, sequence: 5, openTransfers: 0, lines: [] });
      shards[shard].answer(REPLY_KIND.Object, shards[shard].receiveOne().token, answer);
    }
    drain();
    expect(seen).toMatchObject([[{ shard: 0 }, { shard: 1 }]]);
  });
});
