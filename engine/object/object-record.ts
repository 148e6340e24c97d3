import { Packr } from "msgpackr";
import type { Code } from "../../protocol/codes.ts";
import type { Found, Sender } from "../actor/actor.ts";
import type { FrameBuilder } from "../journal/frame.ts";
import { isWide, OBJECT, OBJECT_CAUSE_BYTES, OBJECT_HEADER_BYTES, RECORD_KIND, WIDE } from "../journal/record.ts";
import type { Cause } from "./cause.ts";

/** The payload of an ObjectChanged record: what happened to an aggregate that is kept as an object. */
export interface ObjectRecord {
  readonly aggregate: string;
  readonly id: string;
  /** The command that an integrator sent; absent where the engine itself moved the aggregate on. */
  readonly command?: { readonly id: string; readonly body: unknown; readonly by?: Sender; readonly found?: Found };
  readonly code: Code;
  readonly events: readonly unknown[];
  /** Version of the events; absent for the first one. */
  readonly version?: number;
  /** The saga's record before this one, in the records of an actor's saga but its first. */
  readonly previous?: number;
}

/** In place of an aggregate: the record tells only that a shard was asked by another one, and what it follows from. */
export const ASKED = "Asked";

// Plain maps, so that each record can be read without any other.
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: false });

/** MessagePack of a value, as it stands in records and ring entries. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** The value in a range of MessagePack bytes. */
export function unpack(bytes: Uint8Array, start: number, end: number): unknown {
  return packr.unpack(bytes.subarray(start, end));
}

/** Adds an object record to a frame that has room for it, and says what on another shard it follows from. */
export function addObjectRecord(frame: FrameBuilder, payload: Uint8Array, cause?: Cause): void {
  const headerBytes = OBJECT_HEADER_BYTES + (cause === undefined ? 0 : OBJECT_CAUSE_BYTES);
  const length = headerBytes + Math.ceil(payload.byteLength / 8) * 8;
  const at = frame.add(length);
  frame.lanes.fill(0, at, at + (length >>> 2));
  frame.lanes[at] = (RECORD_KIND.ObjectChanged << 24) | length;
  frame.lanes[at + OBJECT.payloadBytes] = payload.byteLength;
  if (cause !== undefined) {
    frame.lanes[at] |= WIDE << 24;
    frame.floats[(at + OBJECT.causeSequence) >>> 1] = cause.sequence;
    frame.lanes[at + OBJECT.causeShard] = cause.shard;
  }
  frame.bytes.set(payload, at * 4 + headerBytes);
}

/** What on another shard the object record at a lane follows from. */
export function causeAt(lanes: Uint32Array, floats: Float64Array, at: number): Cause | undefined {
  if (!isWide(lanes, at)) return undefined;
  return { shard: lanes[at + OBJECT.causeShard], sequence: floats[(at + OBJECT.causeSequence) >>> 1] };
}

/** Reads the object record at a lane. */
export function readObjectRecord(lanes: Uint32Array, bytes: Uint8Array, at: number): ObjectRecord {
  const start = (at + OBJECT.payload) * 4 + (isWide(lanes, at) ? OBJECT_CAUSE_BYTES : 0);
  return unpack(bytes, start, start + lanes[at + OBJECT.payloadBytes]) as ObjectRecord;
}
