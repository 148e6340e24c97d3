import { OPERATION, paddedMetadataBytes, RECORD, RECORD_FLAG, RECORD_OPTION } from "../../protocol/command-record.ts";
import { writeUuid } from "../../protocol/ids.ts";
import { writeInt64 } from "../../protocol/int64.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";
import type { WalletAsk } from "./saga.ts";

/** What is asked of a wallet as a command record, with the actor that asks as its reference. */
export function askRecord(id: string, ask: WalletAsk, actorId: string): Uint8Array {
  const metadata = ask.metadata === undefined ? undefined : Buffer.from(JSON.stringify(ask.metadata));
  const bytes = new Uint8Array(2 * RECORD_BYTES + paddedMetadataBytes(metadata?.byteLength ?? 0));
  const lanes = new Uint32Array(bytes.buffer);
  writeUuid(id, bytes, RECORD.id);
  writeUuid(ask.walletId, bytes, RECORD.wallet);
  if (ask.toWalletId !== undefined) writeUuid(ask.toWalletId, bytes, RECORD.counterparty);
  writeInt64(lanes, RECORD.amountMinor >>> 2, ask.amountMinor);
  bytes[RECORD.operation] = operationOf(ask);
  bytes[RECORD.flags] = RECORD_FLAG.extended;
  bytes[RECORD.currency] = ask.currency;
  bytes[RECORD.currency + 1] = ask.currency >>> 8;
  writeUuid(actorId, bytes, RECORD.reference);
  bytes[RECORD.options] = ask.isFinal === true ? RECORD_OPTION.final : 0;
  if (ask.holdId !== undefined) writeUuid(ask.holdId, bytes, RECORD.targetId);
  if (metadata !== undefined) {
    bytes[RECORD.flags] |= RECORD_FLAG.metadata;
    bytes[RECORD.metadataBytes] = metadata.byteLength;
    bytes[RECORD.metadataBytes + 1] = metadata.byteLength >>> 8;
    bytes.set(metadata, RECORD.metadata);
  }
  return bytes;
}

function operationOf({ operation }: WalletAsk): number {
  switch (operation) {
    case "SweepBalance":
      return OPERATION.Transfer;
    case "CheckCredit":
      throw new Error("a check is no command");
    default:
      return OPERATION[operation];
  }
}
