import { formatUuid } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { type PostingView, type RecordView, viewRecord } from "../journal/record-view.ts";
import { positionText } from "../shard/position.ts";
import { ASKED } from "../shard/record-writer.ts";
import { receiptAggregate } from "../transfer/receipt.ts";
import { type TransferEvent, transferAggregate } from "../transfer/transfer.ts";
import type { RecordCursor, WalletPart } from "./record-cursor.ts";

/** One record of a wallet, as its history shows it. */
export interface Transaction {
  readonly position: string;
  readonly timestampMs: number;
  /** Name of the operation; TransferRefund, SweepStripe and HoldExpired are the ledger's own. */
  readonly type: string;
  /** Id of the command. */
  readonly id?: string;
  /** Absent for what moves no money. */
  readonly direction?: "debit" | "credit";
  readonly amountMinor?: number;
  /** The wallet or account at the other end. */
  readonly counterpartyId?: string;
  readonly postedMinor: number;
  /** Absent where it is the same as the balance. */
  readonly availableMinor?: number;
  readonly version: number;
  /** The hold captured, or the movement reversed. */
  readonly targetId?: string;
  readonly reference?: string;
  readonly metadata?: unknown;
  /** CaptureHold: the payment that asked for it, and not a client. */
  readonly actorId?: string;
}

/** A transaction as JSON shows it, with its time as text. */
export function transactionJson({ timestampMs, ...transaction }: Transaction): object {
  return { ...transaction, time: new Date(timestampMs).toISOString() };
}

/** The ids of a shard's wallets, which its thread goes on writing. */
export type WalletIds = Uint8Array;

/** The record at hand, as the history of one wallet shows it. */
export function viewTransaction(cursor: RecordCursor, part: WalletPart, walletIds: WalletIds): Transaction {
  const walletId = (slot: number): string => formatUuid(walletIds, slot * 16);
  const record = viewRecord(cursor.frame, cursor.at, cursor.sequence, walletId);
  const common = { position: positionText(cursor.shard, cursor.sequence), timestampMs: cursor.frame.clockMs };
  switch (record.type) {
    case "WalletChanged": {
      const { command, postedMinor, availableMinor, version } = record;
      const isHold = command.operation === "PlaceHold";
      return {
        ...common,
        type: String(command.operation),
        id: command.id,
        ...(isHold && typeof command.amountMinor === "number" ? { amountMinor: command.amountMinor } : {}),
        ...(command.operation === "VoidHold" ? optional("targetId", command.extension?.targetId) : {}),
        postedMinor,
        availableMinor,
        version,
        ...optional("reference", command.extension?.reference),
        ...metadataOf(command.extension?.metadata),
      };
    }
    case "HoldExpired": {
      const { holdId, releasedMinor, postedMinor, availableMinor, version } = record;
      return {
        ...common,
        type: "HoldExpired",
        targetId: holdId,
        amountMinor: releasedMinor,
        postedMinor,
        availableMinor,
        version,
      };
    }
    case "CommandRejected":
    case "LimitRejected":
    case "ObjectChanged":
      throw new Error(`record ${common.position} is no part of any wallet's history`);
    default: {
      const isDebit = part.side === "debit";
      const own = isDebit ? record.debit : record.credit;
      const other = isDebit ? record.credit : record.debit;
      const far = farSide(cursor, record, own.walletId, walletId);
      const reference = record.reference ?? far?.reference;
      const isAsked = ((record.options ?? 0) & ASKED.byActor) !== 0 || far?.isAsked === true;
      return {
        ...common,
        type: far?.type ?? TYPES[record.type],
        id: record.id,
        direction: isDebit ? "debit" : "credit",
        amountMinor: record.amountMinor,
        counterpartyId: far?.walletId ?? otherEnd(cursor, record, other.walletId, walletId),
        postedMinor: own.postedMinor,
        ...optional("availableMinor", own.availableMinor),
        version: own.version,
        ...(record.type === "Sold" ? {} : optional("targetId", record.targetId)),
        ...optional("reference", reference),
        ...metadataOf(record.metadata ?? far?.metadata),
        ...optional("actorId", isAsked ? reference : undefined),
      };
    }
  }
}

const TYPES: Readonly<Record<PostingView["type"], string>> = {
  Transferred: "Transfer",
  Credited: "Credit",
  Debited: "Debit",
  TransferSent: "Transfer",
  TransferReceived: "Transfer",
  TransferRefunded: "TransferRefund",
  HoldCaptured: "CaptureHold",
  Sold: "ExchangeCurrency",
  Bought: "ExchangeCurrency",
  Reversed: "ReverseTransfer",
  CaptureSent: "CaptureHold",
  CaptureRefunded: "TransferRefund",
};

/** An exchange goes through the liquidity accounts; its two records stand side by side and name one wallet each. */
function otherEnd(
  cursor: RecordCursor,
  record: PostingView,
  other: string,
  walletId: (slot: number) => string,
): string {
  if (record.type !== "Sold" && record.type !== "Bought") return other;
  const sequence = cursor.sequence + (record.type === "Sold" ? 1 : -1);
  const at = cursor.laneOf(sequence);
  if (at < 0) return other;
  const second = viewRecord(cursor.frame, at, sequence, walletId);
  if (second.type === "Bought") return second.credit.walletId;
  return second.type === "Sold" ? second.debit.walletId : other;
}

/** What the record beside a posting says of the other shard. */
interface FarSide {
  readonly walletId: string;
  readonly type: string;
  readonly reference?: string;
  readonly metadata?: string;
  readonly isAsked?: true;
}

/** The wallet on another shard, which the record right before a posting or behind it names; undefined for local ones. */
function farSide(
  cursor: RecordCursor,
  record: PostingView,
  ownWalletId: string,
  walletId: (slot: number) => string,
): FarSide | undefined {
  switch (record.type) {
    case "TransferSent":
    case "TransferReceived":
    case "TransferRefunded":
    case "CaptureSent":
    case "CaptureRefunded":
      break;
    case "Transferred":
    case "Credited":
    case "Debited":
    case "HoldCaptured":
    case "Sold":
    case "Bought":
    case "Reversed":
      return undefined;
    default:
      return unreachable(record.type);
  }
  const isRefund = record.type === "TransferRefunded" || record.type === "CaptureRefunded";
  for (const sequence of [cursor.sequence - 1, cursor.sequence + 1]) {
    const at = cursor.laneOf(sequence);
    if (at < 0) continue;
    const found = farWallet(viewRecord(cursor.frame, at, sequence, walletId), record.id);
    // Where both wallets have come to one shard, records of both sides stand there, and one of them names this wallet.
    if (found !== undefined && found.walletId !== ownWalletId)
      return isRefund ? { ...found, type: TYPES[record.type] } : found;
  }
  return undefined;
}

function farWallet(record: RecordView, id: string): FarSide | undefined {
  if (record.type !== "ObjectChanged" || record.id !== id) return undefined;
  if (record.aggregate === receiptAggregate.name) {
    const [event] = record.events as Parameters<typeof receiptAggregate.evolve>[1][];
    const { receipt, ...carried } = event;
    const { fromWalletId: walletId, operation: type = "Transfer" } = receipt;
    if (walletId === undefined) return undefined;
    return { walletId, type, ...carriedBy(carried) };
  }
  if (record.aggregate !== transferAggregate.name) return undefined;
  for (const event of record.events as readonly TransferEvent[]) {
    if (!("body" in event)) continue;
    const { toWalletId, operation: type = "Transfer" } = event.body;
    return { walletId: toWalletId, type, ...carriedBy(event.body) };
  }
  return undefined;
}

function carriedBy({
  reference,
  metadata,
  isAsked,
}: Omit<FarSide, "walletId" | "type">): Omit<FarSide, "walletId" | "type"> {
  return {
    ...optional("reference", reference),
    ...optional("metadata", metadata),
    ...optional("isAsked", isAsked),
  };
}

function optional<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [N in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [N in Name]?: Value };
}

function metadataOf(text: string | undefined): { readonly metadata?: unknown } {
  return text === undefined || text === "" ? {} : { metadata: JSON.parse(text) };
}
