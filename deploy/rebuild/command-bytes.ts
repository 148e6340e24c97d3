import type { CommandView, Uint64View } from "../../engine/journal/command-view.ts";
import { OPERATION, paddedMetadataBytes, RECORD, RECORD_FLAG } from "../../protocol/command-record.ts";
import { writeUuid } from "../../protocol/ids.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";

const encoder = new TextEncoder();

/** The record of a command: what `readCommand` read, as bytes again. */
export function commandBytes(command: CommandView): Uint8Array {
  const { extension } = command;
  const metadata = encoder.encode(extension?.metadata ?? "");
  const bytes = new Uint8Array(
    extension === undefined ? RECORD_BYTES : 2 * RECORD_BYTES + paddedMetadataBytes(metadata.byteLength),
  );
  const view = new DataView(bytes.buffer);
  const whole = (offset: number, value: Uint64View | undefined): void =>
    view.setBigUint64(offset, BigInt(value ?? 0), true);
  writeUuid(command.id, bytes, RECORD.id);
  writeUuid(command.walletId, bytes, RECORD.wallet);
  if (command.counterpartyId !== undefined) writeUuid(command.counterpartyId, bytes, RECORD.counterparty);
  whole(RECORD.amountMinor, command.amountMinor);
  bytes[RECORD.operation] = typeof command.operation === "number" ? command.operation : OPERATION[command.operation];
  view.setUint16(RECORD.currency, command.currency ?? 0, true);
  bytes[RECORD.walletType] = command.walletType ?? 0;
  if (extension === undefined) return bytes;
  bytes[RECORD.flags] = RECORD_FLAG.extended | (metadata.byteLength === 0 ? 0 : RECORD_FLAG.metadata);
  if (extension.reference !== undefined) writeUuid(extension.reference, bytes, RECORD.reference);
  whole(RECORD.expectedVersion, extension.expectedVersion);
  view.setUint16(RECORD.metadataBytes, metadata.byteLength, true);
  bytes[RECORD.options] = extension.options ?? 0;
  whole(RECORD.expiresAtMs, extension.expiresAtMs);
  if (extension.targetId !== undefined) writeUuid(extension.targetId, bytes, RECORD.targetId);
  if (extension.rateNumerator !== undefined) {
    whole(RECORD.rateNumerator, extension.rateNumerator);
    whole(RECORD.rateDenominator, extension.rateDenominator);
  }
  bytes.set(metadata, RECORD.metadata);
  return bytes;
}
