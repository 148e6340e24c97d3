import { unpack } from "../object/object-record.ts";
import { ENTRY_HEADER_BYTES, REQUEST } from "./entries.ts";
import type { RingReader } from "./ring.ts";

/** The MessagePack value behind the header of the request at an offset. */
export function unpackPayload(ring: RingReader, offset: number): unknown {
  const start = offset + ENTRY_HEADER_BYTES;
  return unpack(ring.bytes, start, start + ring.lanes[(offset >>> 2) + REQUEST.payloadBytes]);
}
