import { ENTRY_HEADER_BYTES, REPLY, REPLY_FLAG, REPLY_KIND } from "../engine/port/entries.ts";
import type { RingReader } from "../engine/port/ring.ts";
import { RESULT_BYTES, RESULT_DETAIL_BYTES } from "../protocol/result-record.ts";
import type { Reply } from "./driven-ledger.ts";
import { type Answer, decodeAnswer } from "./ledger-command.ts";

/** An entry of a reply ring, copied out. */
export interface RawReply {
  readonly kind: number;
  readonly token: number;
  readonly count: number;
  readonly flags: number;
  readonly code: number;
  readonly index: number;
  readonly dependsOnSequence: number;
  readonly payload: Uint8Array;
}

/** Copies the entry at an offset of a reply ring. */
export function readReply({ lanes, bytes }: Pick<RingReader, "lanes" | "bytes">, offset: number): RawReply {
  const at = offset >>> 2;
  const start = offset + ENTRY_HEADER_BYTES;
  return {
    kind: lanes[at + REPLY.kind],
    token: lanes[at + REPLY.token],
    count: lanes[at + REPLY.count],
    flags: lanes[at + REPLY.flags],
    code: lanes[at + REPLY.code],
    index: lanes[at + REPLY.index],
    dependsOnSequence: new DataView(bytes.buffer, offset).getFloat64(REPLY.dependsOnSequence * 4, true),
    payload: bytes.slice(start, start + lanes[at + REPLY.payloadBytes]),
  };
}

/** What an entry answers to commands; undefined where it answers something else. */
export function replyOf(shard: number, raw: RawReply): Reply | undefined {
  const { kind, token, index, payload } = raw;
  if (kind === REPLY_KIND.Results) return { kind: "results", token, answers: decodeResults(shard, raw) };
  if (kind === REPLY_KIND.LateResult) return { kind: "late", token, index, answer: decodeAnswer(payload, 0, true) };
  return undefined;
}

function decodeResults(shard: number, { payload, count, flags }: RawReply): Answer[] {
  const isDetailed = (flags & REPLY_FLAG.details) !== 0;
  return Array.from({ length: count }, (_, index) => {
    const at = index * (isDetailed ? RESULT_DETAIL_BYTES : RESULT_BYTES);
    if (payload[at + 3] !== shard) throw new Error(`a result names shard ${payload[at + 3]} instead of ${shard}`);
    return decodeAnswer(payload, at, isDetailed);
  });
}
