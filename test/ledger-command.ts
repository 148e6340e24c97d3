/**
 * Commands and answers as plain values, for tests that speak to the engine or to the reference ledger.
 */

import { CODE_DEFERRED, type Code, codeName } from "../protocol/codes.ts";
import { OPERATION, paddedMetadataBytes, RECORD, RECORD_FLAG, recordBytesAt } from "../protocol/command-record.ts";
import { formatUuid, uuidTimeMs, writeUuid } from "../protocol/ids.ts";
import { RECORD_BYTES } from "../protocol/limits.ts";
import { RESULT, RESULT_FLAG } from "../protocol/result-record.ts";

export const NIL_ID = "00000000-0000-0000-0000-000000000000";

export interface CommandExtension {
  readonly reference: string;
  readonly expectedVersion: bigint;
  /** JSON text, or empty for none. */
  readonly metadata: string;
  readonly options?: number;
  readonly expiresAtMs?: bigint;
  readonly targetId?: string;
  /** In place of the target. */
  readonly rate?: { readonly numerator: bigint; readonly denominator: bigint };
}

/** An extension of which only what matters is said. */
export function extension(fields: Partial<CommandExtension>): CommandExtension {
  return { reference: NIL_ID, expectedVersion: 0n, metadata: "", ...fields };
}

/** A command record field by field; what an operation does not use is zero. */
export interface LedgerCommand {
  readonly id: string;
  readonly operation: number;
  readonly walletId: string;
  readonly counterpartyId: string;
  readonly amountMinor: bigint;
  readonly currency: number;
  readonly walletType: number;
  readonly linked: boolean;
  readonly extension: CommandExtension | null;
}

/** A command of which only what matters is said. */
export function command(
  fields: Partial<LedgerCommand> & Pick<LedgerCommand, "id" | "operation" | "walletId">,
): LedgerCommand {
  return {
    counterpartyId: NIL_ID,
    amountMinor: 0n,
    currency: 0,
    walletType: 0,
    linked: false,
    extension: null,
    ...fields,
  };
}

/** The records of commands, back to back. */
export function encodeCommands(commands: readonly LedgerCommand[]): Uint8Array {
  return Buffer.concat(commands.map(encodeCommand));
}

function encodeCommand(command: LedgerCommand): Uint8Array {
  const { extension } = command;
  const metadata = new TextEncoder().encode(extension?.metadata ?? "");
  const extensionBytes = extension === null ? 0 : RECORD_BYTES + paddedMetadataBytes(metadata.byteLength);
  const bytes = new Uint8Array(RECORD_BYTES + extensionBytes);
  const view = new DataView(bytes.buffer);
  writeUuid(command.id, bytes, RECORD.id);
  writeUuid(command.walletId, bytes, RECORD.wallet);
  writeUuid(command.counterpartyId, bytes, RECORD.counterparty);
  view.setBigUint64(RECORD.amountMinor, command.amountMinor, true);
  bytes[RECORD.operation] = command.operation;
  bytes[RECORD.flags] = command.linked ? RECORD_FLAG.linked : 0;
  view.setUint16(RECORD.currency, command.currency, true);
  bytes[RECORD.walletType] = command.walletType;
  if (extension !== null) {
    bytes[RECORD.flags] |= RECORD_FLAG.extended | (metadata.byteLength === 0 ? 0 : RECORD_FLAG.metadata);
    writeUuid(extension.reference, bytes, RECORD.reference);
    view.setBigUint64(RECORD.expectedVersion, extension.expectedVersion, true);
    view.setUint16(RECORD.metadataBytes, metadata.byteLength, true);
    bytes[RECORD.options] = extension.options ?? 0;
    view.setBigUint64(RECORD.expiresAtMs, extension.expiresAtMs ?? 0n, true);
    if (extension.targetId !== undefined) writeUuid(extension.targetId, bytes, RECORD.targetId);
    if (extension.rate !== undefined) {
      view.setBigUint64(RECORD.rateNumerator, extension.rate.numerator, true);
      view.setBigUint64(RECORD.rateDenominator, extension.rate.denominator, true);
    }
    bytes.set(metadata, RECORD.metadata);
  }
  return bytes;
}

/** The commands of records that lie back to back. */
export function decodeCommands(records: Uint8Array, count: number): LedgerCommand[] {
  let at = 0;
  return Array.from({ length: count }, () => {
    const bytes = records.subarray(at, at + recordBytesAt(records, at, records.byteLength));
    at += bytes.byteLength;
    return decodeCommand(bytes);
  });
}

function decodeCommand(bytes: Uint8Array): LedgerCommand {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const uint = (offset: number): bigint => view.getBigUint64(offset, true);
  const metadataBytes = bytes.byteLength > RECORD_BYTES ? view.getUint16(RECORD.metadataBytes, true) : 0;
  return {
    id: formatUuid(bytes, RECORD.id),
    operation: bytes[RECORD.operation],
    walletId: formatUuid(bytes, RECORD.wallet),
    counterpartyId: formatUuid(bytes, RECORD.counterparty),
    amountMinor: view.getBigUint64(RECORD.amountMinor, true),
    currency: view.getUint16(RECORD.currency, true),
    walletType: bytes[RECORD.walletType],
    linked: (bytes[RECORD.flags] & RECORD_FLAG.linked) !== 0,
    extension:
      bytes.byteLength === RECORD_BYTES
        ? null
        : {
            reference: formatUuid(bytes, RECORD.reference),
            expectedVersion: view.getBigUint64(RECORD.expectedVersion, true),
            metadata: Buffer.from(bytes.subarray(RECORD.metadata, RECORD.metadata + metadataBytes)).toString(),
            options: bytes[RECORD.options],
            expiresAtMs: view.getBigUint64(RECORD.expiresAtMs, true),
            ...(bytes[RECORD.operation] === OPERATION.ExchangeCurrency
              ? { rate: { numerator: uint(RECORD.rateNumerator), denominator: uint(RECORD.rateDenominator) } }
              : { targetId: formatUuid(bytes, RECORD.targetId) }),
          },
  };
}

/** Milliseconds inside a UUIDv7 given as text, or -1. */
export function idTimeMs(id: string): number {
  const bytes = new Uint8Array(16);
  writeUuid(id, bytes);
  return uuidTimeMs(new Uint32Array(bytes.buffer), 0);
}

/** A UUIDv7 with a time and a number in it: the same arguments give the same id. */
export function timedId(timeMs: number, number: number): string {
  const time = timeMs.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

/** A UUID without a time. */
export function untimedId(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

/** What one side of a command holds after it. */
export interface Side {
  readonly postedMinor: bigint;
  readonly availableMinor: bigint;
  readonly version: bigint;
}

/** What a command came to; sides are null where they are not told. */
export interface Answer {
  readonly code: Code | "deferred";
  readonly replayed: boolean;
  readonly sequence: number;
  readonly wallet: Side | null;
  readonly counterparty: Side | null;
  /** Present where a limit refused, and the caller may know which. */
  readonly limit?: {
    readonly number: number;
    readonly value: bigint;
    readonly left: bigint;
    readonly resetsAtMs: bigint;
  };
}

/** Reads a result record. */
export function decodeAnswer(bytes: Uint8Array, at: number, isDetailed: boolean): Answer {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const code = view.getUint16(at + RESULT.code, true);
  const limit = view.getUint32(at + RESULT.limit, true);
  const side = (posted: number, available: number, version: number): Side | null =>
    !isDetailed || limit !== 0 || view.getBigUint64(at + version, true) === 0n
      ? null
      : {
          postedMinor: view.getBigInt64(at + posted, true),
          availableMinor: view.getBigInt64(at + available, true),
          version: view.getBigUint64(at + version, true),
        };
  return {
    code: code === CODE_DEFERRED ? "deferred" : codeName(code),
    replayed: (bytes[at + RESULT.flags] & RESULT_FLAG.replayed) !== 0,
    sequence: Number(view.getBigUint64(at + RESULT.sequence, true)),
    wallet: side(RESULT.postedMinor, RESULT.availableMinor, RESULT.version),
    counterparty: side(RESULT.counterpartyPostedMinor, RESULT.counterpartyAvailableMinor, RESULT.counterpartyVersion),
    ...(limit === 0
      ? {}
      : {
          limit: {
            number: limit,
            value: isDetailed ? view.getBigInt64(at + RESULT.limitValue, true) : 0n,
            left: isDetailed ? view.getBigInt64(at + RESULT.limitLeft, true) : 0n,
            resetsAtMs: isDetailed ? view.getBigUint64(at + RESULT.limitResetsAtMs, true) : 0n,
          },
        }),
  };
}
