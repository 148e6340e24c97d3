import { OPERATION, RECORD } from "../../protocol/command-record.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";
import type { CommandIds } from "./command-ids.ts";
import type { Pairs } from "./pairs.ts";

/** Writes plain transfers between the next pairs of wallets, back to back, all but their ids. */
export function writeTransfers(view: DataView, start: number, count: number, wallets: Uint8Array, pairs: Pairs): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  for (let record = start; record < start + count * RECORD_BYTES; record += RECORD_BYTES) {
    pairs.next();
    bytes.set(wallets.subarray(pairs.from * 16, pairs.from * 16 + 16), record + RECORD.wallet);
    bytes.set(wallets.subarray(pairs.to * 16, pairs.to * 16 + 16), record + RECORD.counterparty);
    view.setUint32(record + RECORD.amountMinor, pairs.amountMinor, true);
    view.setUint8(record + RECORD.operation, OPERATION.Transfer);
  }
}

/** Gives each of the transfers a fresh id. */
export function renewIds(view: DataView, start: number, count: number, ids: CommandIds): void {
  const end = start + count * RECORD_BYTES;
  for (let id = start + RECORD.id; id < end; id += RECORD_BYTES) ids.write(view, id);
}
