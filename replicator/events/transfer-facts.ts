import type { Frame } from "../../engine/journal/frame.ts";
import { RECORD_KIND, type RecordKind, recordKind } from "../../engine/journal/record.ts";
import { type ObjectRecord, readObjectRecord } from "../../engine/object/object-record.ts";
import type { ReceiptEvent } from "../../engine/transfer/receipt.ts";
import { receiptAggregate } from "../../engine/transfer/receipt.ts";
import { type TransferEvent, transferAggregate } from "../../engine/transfer/transfer.ts";
import type { TransferBody } from "../../engine/transfer/transfer-body.ts";
import { currencyOf } from "../../protocol/currencies.ts";
import { type CommandFacts, commandFacts } from "./command-facts.ts";

/** The wallet on another shard, and what moves the amount. */
export interface FarSide {
  readonly walletId: string;
  readonly operation: string;
}

/** The object record at a lane; undefined where there is none, or it is of another kind. */
function objectAt({ lanes, bytes }: Frame, at: number): ObjectRecord | undefined {
  return at >= 0 && recordKind(lanes, at) === RECORD_KIND.ObjectChanged
    ? readObjectRecord(lanes, bytes, at)
    : undefined;
}

/**
 * The other side of a posting between shards, from the record beside it in its frame.
 *
 * The shard of the command journals that the transfer began right before it debits the wallet, and how it ended right
 * after it has brought an amount back; the other shard keeps its receipt right after its posting.
 */
export function farSideOf(
  kind: RecordKind,
  id: string,
  frame: Frame,
  before: number,
  behind: number,
): FarSide | undefined {
  if (kind === RECORD_KIND.TransferSent || kind === RECORD_KIND.CaptureSent) {
    const begun = transferEvents(objectAt(frame, before), id).find((event) => event.type === "TransferInitiated");
    // The wallet that a reversal takes from was not debited by the shard where it began.
    if (begun !== undefined && begun.body.operation !== "ReverseTransfer") return sideOf(begun.body);
  }
  const object = objectAt(frame, behind);
  const ended = transferEvents(object, id).find((event) => event.type === "TransferEnded");
  if (ended !== undefined) {
    const isRefund = kind === RECORD_KIND.TransferRefunded || kind === RECORD_KIND.CaptureRefunded;
    return isRefund ? { walletId: ended.body.toWalletId, operation: "TransferRefund" } : sideOf(ended.body);
  }
  if (object?.aggregate !== receiptAggregate.name || object.id !== id) return undefined;
  const [{ receipt }] = object.events as readonly ReceiptEvent[];
  const { fromWalletId, operation = "Transfer" } = receipt;
  return fromWalletId === undefined ? undefined : { walletId: fromWalletId, operation };
}

function sideOf({ toWalletId, operation }: TransferBody): FarSide {
  return { walletId: toWalletId, operation: operation ?? "Transfer" };
}

/** What happened to the transfer with an id, or to whichever the record is about. */
export function transferEvents(object: ObjectRecord | undefined, id?: string): readonly TransferEvent[] {
  if (object?.aggregate !== transferAggregate.name) return [];
  return id === undefined || object.id === id ? (object.events as readonly TransferEvent[]) : [];
}

/** The facts of a transfer between shards that each of its events tells, as JSON members. */
export function transferMembers(body: TransferBody, position: string): CommandFacts {
  const { id, operation = "Transfer", fromWalletId, toWalletId, amountMinor, currency, targetId } = body;
  const isReversal = operation === "ReverseTransfer";
  const { members, ...trace } = commandFacts(body.reference, body.metadata);
  return {
    ...trace,
    members:
      `"transferId":"${id}","position":"${position}","operation":"${operation}"` +
      `,"fromWalletId":"${isReversal ? toWalletId : fromWalletId}","toWalletId":"${isReversal ? fromWalletId : toWalletId}"` +
      `,"amountMinor":${amountMinor},"currency":"${currencyOf(currency) ?? ""}"${targetMember(targetId)}${members}`,
  };
}

/** The member that names a hold or a movement. */
export function targetMember(targetId: string | undefined): string {
  return targetId === undefined ? "" : `,"targetId":"${targetId}"`;
}
