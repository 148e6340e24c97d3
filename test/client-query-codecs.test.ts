/** The client's queries against the gateway's reader, and the answers to them: both encodings come to the same. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { binaryCodec } from "../client/binary-codec.ts";
import { jsonCodec } from "../client/json-codec.ts";
import type { Query } from "../client/wallet-history.ts";
import { readRequestFrame } from "../gateway/binary-frames.ts";
import { answerFields, readQuery } from "../gateway/json-queries.ts";
import { OutgoingFrames } from "../gateway/outgoing-frames.ts";
import { formatUuid } from "../protocol/ids.ts";
import { check } from "../protocol/json-fault.ts";
import { jsonRequest } from "../protocol/json-requests.ts";
import { FRAME_TYPE } from "../protocol/wire-frame.ts";

const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatUuid(bytes));
const moment = fc.integer({ min: 0, max: 253_402_300_799_999 }).map((timeMs) => new Date(timeMs).toISOString());
const query: fc.Arbitrary<Query> = fc.oneof(
  fc.record({ type: fc.constant("GetHold" as const), holdId: uuid }),
  fc.record({ type: fc.constant("GetHolds" as const), walletId: uuid }),
  fc.record({ type: fc.constant("GetBalanceAt" as const), walletId: uuid, at: fc.oneof(moment, fc.constant("0:42")) }),
  fc.record(
    {
      type: fc.constant("GetStatement" as const),
      walletId: uuid,
      from: moment,
      to: moment,
      limit: fc.integer({ min: 1, max: 200 }),
      cursor: fc.string({ maxLength: 64 }),
    },
    { requiredKeys: ["type", "walletId", "from", "to"] },
  ),
  fc.record(
    {
      type: fc.constant("ListTransactions" as const),
      walletId: uuid,
      movement: fc.option(fc.string({ maxLength: 64 }), { nil: undefined }),
      limit: fc.integer({ min: 1, max: 200 }),
      cursor: fc.string({ maxLength: 64 }),
      from: moment,
      to: moment,
      reference: uuid,
    },
    { requiredKeys: ["type", "walletId", "movement"] },
  ),
);

test("the gateway reads the same query out of both encodings", () => {
  fc.assert(
    fc.property(query, fc.integer({ min: 1, max: 0xffff_ffff }), (asked, requestId) => {
      const bytes = binaryCodec.encodeQuery(requestId, asked);
      if (typeof bytes === "string") throw new Error("not binary");
      const frame = readRequestFrame(bytes, 0);
      if (frame === undefined) throw new Error("no frame");
      expect(frame).toMatchObject({ code: "ok", type: FRAME_TYPE.Query, requestId, end: bytes.length });
      const read = readQuery(frame.payload.subarray(0, Number(frame.argument)));
      if (!read.ok) throw new Error(`${read.fault.code} at ${read.fault.field}`);
      expect(check(jsonRequest, JSON.parse(String(jsonCodec.encodeQuery(requestId, asked))))).toEqual({
        ok: true,
        value: { ...read.value, requestId },
      });
    }),
    { numRuns: 2_000 },
  );
});

describe("a result", () => {
  test("is the same in both encodings", () => {
    const result = fc.dictionary(fc.constantFrom("holds", "transactions", "postedMinor", "è"), fc.jsonValue(), {
      minKeys: 1,
    });
    fc.assert(
      fc.property(result, (found) => {
        const text = JSON.stringify(found);
        const frames = new OutgoingFrames();
        const bytes = new TextEncoder().encode(text);
        frames.add({ type: FRAME_TYPE.QueryResult, requestId: 5, count: 1, argument: bytes.length }, bytes);
        const expected = [{ type: "found", requestId: 5, found: JSON.parse(text) }];
        expect(binaryCodec.decode(frames.take().slice().buffer)).toEqual(expected);
        expect(jsonCodec.decode(`{"requestId":5,${answerFields({ text })}}`)).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each(["1", "null", '"holds"', "{"])("that is %s is a violation", (text) => {
    const frames = new OutgoingFrames();
    const bytes = new TextEncoder().encode(text);
    frames.add({ type: FRAME_TYPE.QueryResult, requestId: 5, count: 1, argument: bytes.length }, bytes);
    expect(() => binaryCodec.decode(frames.take().slice().buffer)).toThrow();
  });
});
