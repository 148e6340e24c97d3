import { type Code, codeName } from "../../protocol/codes.ts";
import { operationName, RECORD } from "../../protocol/command-record.ts";
import { currencyOf } from "../../protocol/currencies.ts";
import { formatUuid } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import {
  isWide,
  LIMIT_REJECTION,
  POSTING,
  postingAmountMinor,
  postingMetadataAt,
  RECORD_KIND,
  REJECTION,
  recordBytes,
  recordKind,
} from "../journal/record.ts";
import { readObjectRecord } from "../object/object-record.ts";
import { amountBoughtMinor } from "../transfer/exchange-rate.ts";
import { type TransferEvent, transferAggregate } from "../transfer/transfer.ts";
import { readTransferBody, type TransferBody } from "../transfer/transfer-body.ts";
import type { TransferView } from "../views.ts";
import { positionText } from "./position.ts";
import type { RequestPrincipal } from "./principal.ts";
import type { RecordReader } from "./record-reader.ts";
import type { ShardState } from "./shard-state.ts";

const TYPE_OF_KIND = {
  [RECORD_KIND.Transferred]: "Transfer",
  [RECORD_KIND.Credited]: "Credit",
  [RECORD_KIND.Debited]: "Debit",
  [RECORD_KIND.HoldCaptured]: "CaptureHold",
  [RECORD_KIND.Reversed]: "ReverseTransfer",
  [RECORD_KIND.Sold]: "ExchangeCurrency",
} as const;

/** The movement that a remembered id led to, for a principal who may touch one of its wallets; else null. */
export function viewTransfer(
  state: ShardState,
  records: RecordReader,
  sequence: number,
  principal: RequestPrincipal,
): TransferView | null {
  if (sequence === 0) return null;
  const at = records.locate(sequence);
  const kind = recordKind(records.lanes, at);
  const found = { position: positionText(state.shard, sequence), timestampMs: records.clockMs };
  switch (kind) {
    case RECORD_KIND.Transferred:
    case RECORD_KIND.Credited:
    case RECORD_KIND.Debited:
    case RECORD_KIND.HoldCaptured:
    case RECORD_KIND.Reversed:
    case RECORD_KIND.Sold: {
      const debit = records.lanes[at + POSTING.debitSlot];
      const credit = records.lanes[at + POSTING.creditSlot];
      if (!principal.mayTouch(debit) && !principal.mayTouch(credit)) return null;
      return {
        id: formatUuid(records.bytes, (at + POSTING.id) * 4),
        type: TYPE_OF_KIND[kind],
        status: "COMPLETED",
        fromWalletId: state.walletId(debit),
        toWalletId: state.walletId(credit),
        amountMinor: postingAmountMinor(records.lanes, at),
        currency: currencyText(state.wallets.currency[debit]),
        ...extensionView(records, at),
        ...targetView(records, at, kind),
        ...(kind === RECORD_KIND.Sold ? boughtView(state, records, sequence + 1) : {}),
        ...found,
      };
    }
    case RECORD_KIND.CommandRejected:
      return viewRejection(state, records, at, at + REJECTION.command, found, principal);
    case RECORD_KIND.LimitRejected:
      return viewRejection(state, records, at, at + LIMIT_REJECTION.command, found, principal);
    case RECORD_KIND.ObjectChanged: {
      const object = readObjectRecord(records.lanes, records.bytes, at);
      if (object.aggregate !== transferAggregate.name) return null;
      const open = state.transfers.get(object.id);
      const ended = (object.events as readonly TransferEvent[]).find((event) => event.type === "TransferEnded");
      const body = ended?.body ?? open;
      if (body === undefined || body.operation === "SweepStripe" || !mayTouchEither(state, body, principal))
        return null;
      const code: Code | undefined = ended?.code ?? open?.code;
      return {
        ...bodyView(body),
        ...(ended?.status === "COMPLETED" ? farBoughtView(body) : {}),
        status: ended?.status ?? open?.status ?? "INITIATED",
        ...(code === undefined || code === "ok" ? {} : { code }),
        ...found,
      };
    }
    default:
      return null;
  }
}

function viewRejection(
  state: ShardState,
  records: RecordReader,
  at: number,
  command: number,
  found: { readonly position: string; readonly timestampMs: number },
  principal: RequestPrincipal,
): TransferView | null {
  const type = operationName(records.lanes[command + (RECORD.operation >>> 2)] & 0xff);
  if (type === undefined || !isMovement(type)) return null;
  const body = readTransferBody(records.lanes, command, recordBytes(records.lanes, at) - (command - at) * 4);
  if (!mayTouchEither(state, body, principal)) return null;
  const slot = state.findWallet(body.fromWalletId);
  const currency = slot < 0 ? body.currency : state.wallets.currency[slot];
  return {
    ...bodyView({ ...body, currency }),
    ...sidesNotNamed(type, body),
    type,
    status: "FAILED",
    code: codeName(records.lanes[at + REJECTION.code] & 0xffff),
    ...found,
  };
}

/** A side that the command of a rejection did not name: an account, or what the ledger would have found. */
function sidesNotNamed(type: TransferView["type"], body: TransferBody): Partial<TransferView> {
  switch (type) {
    case "Credit":
      return { fromWalletId: "", toWalletId: body.fromWalletId };
    case "ReverseTransfer":
      return { fromWalletId: "" };
    case "Transfer":
    case "Debit":
    case "CaptureHold":
    case "ExchangeCurrency":
      return body.toWalletId === NIL_ID ? { toWalletId: "" } : {};
    default:
      return unreachable(type);
  }
}

function bodyView(body: TransferBody): Omit<TransferView, "position" | "timestampMs" | "status"> {
  const isReversal = body.operation === "ReverseTransfer";
  return {
    id: body.id,
    type: body.operation === undefined || body.operation === "SweepStripe" ? "Transfer" : body.operation,
    fromWalletId: isReversal ? body.toWalletId : body.fromWalletId,
    toWalletId: isReversal ? body.fromWalletId : body.toWalletId,
    amountMinor: body.amountMinor,
    currency: currencyText(body.currency),
    ...(body.targetId === undefined ? {} : { targetId: body.targetId }),
    ...(body.reference === undefined ? {} : { reference: body.reference }),
    ...(body.metadata === undefined ? {} : { metadata: JSON.parse(body.metadata) }),
  };
}

const NIL_ID = "00000000-0000-0000-0000-000000000000";

const MOVEMENTS = new Set<string>(Object.values(TYPE_OF_KIND));

function isMovement(type: string): type is TransferView["type"] {
  return MOVEMENTS.has(type);
}

function targetView(records: RecordReader, at: number, kind: number): Pick<TransferView, "targetId"> {
  if (kind !== RECORD_KIND.HoldCaptured && kind !== RECORD_KIND.Reversed) return {};
  return { targetId: formatUuid(records.bytes, (at + POSTING.target) * 4) };
}

/** What an exchange bought, from its second record. */
function boughtView(
  state: ShardState,
  records: RecordReader,
  sequence: number,
): Pick<TransferView, "toWalletId" | "boughtMinor" | "boughtCurrency"> {
  const at = records.locate(sequence);
  const credit = records.lanes[at + POSTING.creditSlot];
  return {
    toWalletId: state.walletId(credit),
    boughtMinor: postingAmountMinor(records.lanes, at),
    boughtCurrency: currencyText(state.wallets.currency[credit]),
  };
}

/** What an exchange with another shard bought; the currency is known to that shard alone. */
function farBoughtView({ amountMinor, rate }: TransferBody): Pick<TransferView, "boughtMinor"> {
  return rate === undefined ? {} : { boughtMinor: amountBoughtMinor(amountMinor, rate) };
}

function extensionView(records: RecordReader, at: number): Pick<TransferView, "reference" | "metadata"> {
  if (!isWide(records.lanes, at)) return {};
  const referenceAt = (at + POSTING.reference) * 4;
  const hasReference = records.bytes.subarray(referenceAt, referenceAt + 16).some((byte) => byte !== 0);
  const metadataAt = postingMetadataAt(records.lanes, at) * 4;
  const metadataBytes = records.lanes[at + POSTING.metadataBytes];
  const metadata = records.bytes.slice(metadataAt, metadataAt + metadataBytes);
  return {
    ...(hasReference ? { reference: formatUuid(records.bytes, referenceAt) } : {}),
    ...(metadataBytes === 0 ? {} : { metadata: JSON.parse(new TextDecoder().decode(metadata)) }),
  };
}

function mayTouchEither(state: ShardState, body: TransferBody, principal: RequestPrincipal): boolean {
  if (principal.isAdmin) return true;
  return [body.fromWalletId, body.toWalletId].some((id) => {
    const slot = state.findWallet(id);
    return slot >= 0 && principal.mayTouch(slot);
  });
}

function currencyText(currency: number): string {
  return currencyOf(currency) ?? "";
}
