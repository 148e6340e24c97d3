import { countActorRecords } from "../protocol/actor-record.ts";
import type { Code } from "../protocol/codes.ts";
import { countRecords } from "../protocol/command-record.ts";
import {
  ACTOR_COMMANDS_PER_FRAME_MAX,
  COMMANDS_PER_MESSAGE_MAX,
  LOOKUPS_PER_MESSAGE_MAX,
  QUERY_BYTES_MAX,
  WIRE_HEADER_BYTES,
} from "../protocol/limits.ts";
import { FRAME, FRAME_FLAG, FRAME_TYPE, SUBSCRIPTION_BYTES, TRACE_CONTEXT_BYTES } from "../protocol/wire-frame.ts";

/** Most subscriptions that one frame may ask for. */
const SUBSCRIPTIONS_PER_FRAME_MAX = 1_024;

const ID_BYTES = 16;
/** Flags that frames of a type may have. */
const FLAGS: Readonly<Record<number, number>> = {
  [FRAME_TYPE.Commands]: FRAME_FLAG.details | FRAME_FLAG.traced,
  [FRAME_TYPE.ActorCommands]: FRAME_FLAG.details,
};
const RESERVED = WIRE_HEADER_BYTES - 8;

/** A request frame whose length and count agree with its content. */
export interface RequestFrame {
  readonly type: number;
  readonly flags: number;
  readonly requestId: number;
  readonly count: number;
  /** What stands behind the header, and behind the trace context where there is one. */
  readonly payload: Uint8Array;
  /** The trace context of a Commands frame that has one. */
  readonly traceContext: Uint8Array | undefined;
  /** What a Ping carries, to be sent back as it came; the length of a Query's text; zero in every other frame. */
  readonly argument: bigint;
  /** Where the next frame of the message begins. */
  readonly end: number;
  /** Why the frame cannot be served, or `ok`. */
  readonly code: Code;
}

/**
 * Reads the request frame at an offset of a message.
 *
 * **Errors**: undefined where the framing is lost, because the length makes no sense. Otherwise `code` says whether the
 * frame can be served: `unknown_operation`, `too_many_commands`, `message_too_large`, `invalid_request`.
 */
export function readRequestFrame(message: Uint8Array, at: number): RequestFrame | undefined {
  const left = message.byteLength - at;
  if (left < WIRE_HEADER_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset + at, left);
  const frameBytes = view.getUint32(FRAME.frameBytes, true);
  if (frameBytes < WIRE_HEADER_BYTES || frameBytes > left || frameBytes % 8 !== 0) return undefined;
  const type = view.getUint8(FRAME.type);
  const count = view.getUint32(FRAME.count, true);
  const argument = hasArgument(type) ? view.getBigUint64(FRAME.argument, true) : 0n;
  const end = at + frameBytes;
  const headerEnd = at + WIRE_HEADER_BYTES;
  const isTraced = type === FRAME_TYPE.Commands && (view.getUint8(FRAME.flags) & FRAME_FLAG.traced) !== 0;
  const start = isTraced ? headerEnd + TRACE_CONTEXT_BYTES : headerEnd;
  return {
    type,
    flags: view.getUint8(FRAME.flags),
    requestId: view.getUint32(FRAME.requestId, true),
    count,
    payload: message.subarray(start, end),
    traceContext: isTraced ? message.subarray(headerEnd, start) : undefined,
    argument,
    end,
    code: isHeaderClean(view, type) ? checkPayload(type, count, argument, message, start, end) : "invalid_request",
  };
}

function hasArgument(type: number): boolean {
  return type === FRAME_TYPE.Ping || type === FRAME_TYPE.Query;
}

/** Whether everything is zero that a later version may give a meaning, so that no request is half understood. */
function isHeaderClean(view: DataView, type: number): boolean {
  const flags = view.getUint8(FRAME.flags) & ~(FLAGS[type] ?? 0);
  const argument = hasArgument(type)
    ? 0
    : view.getUint32(FRAME.argument, true) | view.getUint32(FRAME.argument + 4, true);
  const reserved = view.getUint32(RESERVED, true) | view.getUint32(RESERVED + 4, true);
  return (flags | view.getUint16(FRAME.code, true) | argument | reserved) === 0;
}

function checkPayload(
  type: number,
  count: number,
  argument: bigint,
  message: Uint8Array,
  start: number,
  end: number,
): Code {
  const payloadBytes = end - start;
  switch (type) {
    case FRAME_TYPE.Commands:
      if (count > COMMANDS_PER_MESSAGE_MAX) return "too_many_commands";
      return count > 0 && countRecords(message, start, end) === count ? "ok" : "invalid_request";
    case FRAME_TYPE.ActorCommands:
      if (count > ACTOR_COMMANDS_PER_FRAME_MAX) return "too_many_commands";
      return count > 0 && countActorRecords(message, start, end) === count ? "ok" : "invalid_request";
    case FRAME_TYPE.LookupWallets:
      if (count > LOOKUPS_PER_MESSAGE_MAX) return "too_many_commands";
      return count > 0 && payloadBytes === count * ID_BYTES ? "ok" : "invalid_request";
    case FRAME_TYPE.LookupTransfer:
      return count === 1 && payloadBytes === ID_BYTES ? "ok" : "invalid_request";
    case FRAME_TYPE.Subscribe:
    case FRAME_TYPE.Unsubscribe:
      if (count > SUBSCRIPTIONS_PER_FRAME_MAX) return "too_many_commands";
      return count > 0 && payloadBytes === count * SUBSCRIPTION_BYTES ? "ok" : "invalid_request";
    case FRAME_TYPE.Ping:
      return count === 0 && payloadBytes === 0 ? "ok" : "invalid_request";
    case FRAME_TYPE.Query:
      if (argument > QUERY_BYTES_MAX) return "message_too_large";
      return count === 1 && isPaddedText(message.subarray(start, end), Number(argument)) ? "ok" : "invalid_request";
    default:
      return "unknown_operation";
  }
}

/** Whether a payload is a text of this length and no more zeros than fill it up to a multiple of 8. */
function isPaddedText(payload: Uint8Array, textBytes: number): boolean {
  const padding = payload.subarray(textBytes);
  return payload.byteLength === ((textBytes + 7) & ~7) && padding.every((byte) => byte === 0);
}
