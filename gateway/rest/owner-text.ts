import type { Principal } from "../../engine/port/shard-port.ts";
import { formatUuid } from "../../protocol/ids.ts";

/** The owner id of a principal, as text. */
export function ownerText({ ownerId }: Principal): string {
  return formatUuid(new Uint8Array(ownerId.buffer, ownerId.byteOffset, 16));
}
