import { uuidBytes } from "../../protocol/ids.ts";
import { CHANGE, LIMIT_REJECTION, POSTING, RECORD_KIND, REJECTION, recordKind } from "../journal/record.ts";
import { readObjectRecord } from "../object/object-record.ts";
import { type TransferEvent, transferAggregate } from "../transfer/transfer.ts";
import { linkOf } from "./reversal-links.ts";

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
    const { aggregate, id, command, events } = readObjectRecord(lanes, bytes, at);
    if (command !== undefined) ids.push(lanesOf(command.id));
    if (aggregate === transferAggregate.name) ids.push(lanesOf(id), ...linksOf(events as readonly TransferEvent[]));
  }
  return ids;
}

function linksOf(events: readonly TransferEvent[]): Uint32Array[] {
  return events
    .map((event) => ("reversedMinor" in event ? event.body.targetId : undefined))
    .filter((targetId) => targetId !== undefined)
    .map((targetId) => linkOf(lanesOf(targetId)));
}

function lanesOf(id: string): Uint32Array {
  return new Uint32Array(uuidBytes(id).buffer);
}
