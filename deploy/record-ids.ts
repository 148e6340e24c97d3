import { CHANGE, LIMIT_REJECTION, POSTING, RECORD_KIND, REJECTION, recordKind } from "../engine/journal/record.ts";
import { readObjectRecord } from "../engine/object/object-record.ts";
import { RESERVED_VARIANT, uuidBytes } from "../protocol/ids.ts";

/** Lane of the command id that the record at a lane brings, or -1 where it brings none or says it in another way. */
export function broughtIdAt(lanes: Uint32Array, at: number): number {
  switch (recordKind(lanes, at)) {
    case RECORD_KIND.Transferred:
    case RECORD_KIND.Credited:
    case RECORD_KIND.Debited:
    case RECORD_KIND.Sold:
    case RECORD_KIND.HoldCaptured:
    case RECORD_KIND.Reversed:
      return at + POSTING.id;
    case RECORD_KIND.WalletChanged:
      return at + CHANGE.command;
    case RECORD_KIND.CommandRejected:
      return at + REJECTION.command;
    case RECORD_KIND.LimitRejected:
      return at + LIMIT_REJECTION.command;
    default:
      return -1;
  }
}

/** All ids that may be remembered with the record at a lane: that of its command, and the link of a reversal. */
export function idsOfRecord(lanes: Uint32Array, bytes: Uint8Array, at: number): Uint32Array[] {
  const brought = broughtIdAt(lanes, at);
  const ids: Uint32Array[] = brought < 0 ? [] : [lanes.slice(brought, brought + 4)];
  if (recordKind(lanes, at) === RECORD_KIND.Reversed) {
    ids.push(linkOf(lanes.slice(at + POSTING.target, at + POSTING.target + 4)));
  } else if (recordKind(lanes, at) === RECORD_KIND.ObjectChanged) {
    const { id, command, events } = readObjectRecord(lanes, bytes, at);
    ids.push(lanesOf(id));
    if (command !== undefined) ids.push(lanesOf(command.id));
    for (const event of events as readonly { readonly body?: { readonly targetId?: string } }[]) {
      if (event.body?.targetId !== undefined) ids.push(linkOf(lanesOf(event.body.targetId)));
    }
  }
  return ids;
}

/** The key under which the newest reversal of a movement is remembered. */
function linkOf(id: Uint32Array): Uint32Array {
  id[2] |= RESERVED_VARIANT;
  return id;
}

function lanesOf(id: string): Uint32Array {
  return new Uint32Array(uuidBytes(id).buffer);
}
