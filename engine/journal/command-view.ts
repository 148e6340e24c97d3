import { OPERATION, type OperationName, operationName, RECORD, RECORD_FLAG } from "../../protocol/command-record.ts";
import { formatUuid, isNil } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { AMOUNT_MINOR_MAX, RECORD_BYTES } from "../../protocol/limits.ts";

/** A whole number of a command; as text where it is too large for a number, which only a refused command can say. */
export type Uint64View = number | string;

/** What a command said beyond its first 64 bytes. What is zero in the record is absent. */
export interface CommandExtensionView {
  readonly reference?: string;
  readonly expectedVersion?: Uint64View;
  /** JSON text, as it came. */
  readonly metadata?: string;
  readonly options?: number;
  readonly expiresAtMs?: Uint64View;
  readonly targetId?: string;
  readonly rateNumerator?: Uint64View;
  readonly rateDenominator?: Uint64View;
}

/** A command as the journal keeps it, with nothing left out. What is zero in the record is absent. */
export interface CommandView {
  readonly id: string;
  /** The name, or the number of an operation that was refused because there is none. */
  readonly operation: OperationName | number;
  readonly walletId: string;
  readonly counterpartyId?: string;
  readonly amountMinor?: Uint64View;
  readonly currency?: number;
  readonly walletType?: number;
  /** Present where the record has one, even one in which everything is zero. */
  readonly extension?: CommandExtensionView;
}

const decoder = new TextDecoder();

/** Reads the command record at a lane. */
export function readCommand(lanes: Uint32Array, bytes: Uint8Array, at: number): CommandView {
  const lane = (byte: number): number => at + (byte >>> 2);
  const id = (byte: number): string => formatUuid(bytes, at * 4 + byte);
  const operation = bytes[at * 4 + RECORD.operation];
  const currency = lanes[lane(RECORD.operation)] >>> 16;
  const amountMinor = readWhole(lanes, lane(RECORD.amountMinor));
  const walletType = bytes[at * 4 + RECORD.walletType];
  const isExtended = (bytes[at * 4 + RECORD.flags] & RECORD_FLAG.extended) !== 0;
  return {
    id: id(RECORD.id),
    operation: operationName(operation) ?? operation,
    walletId: id(RECORD.wallet),
    ...(isNil(lanes, lane(RECORD.counterparty)) ? {} : { counterpartyId: id(RECORD.counterparty) }),
    ...(amountMinor === 0 ? {} : { amountMinor }),
    ...(currency === 0 ? {} : { currency }),
    ...(walletType === 0 ? {} : { walletType }),
    ...(isExtended ? { extension: readExtension(lanes, bytes, at, operation) } : {}),
  };
}

function readExtension(lanes: Uint32Array, bytes: Uint8Array, at: number, operation: number): CommandExtensionView {
  const start = at * 4;
  const number = (byte: number): Uint64View => readWhole(lanes, at + (byte >>> 2));
  const expectedVersion = number(RECORD.expectedVersion);
  const expiresAtMs = number(RECORD.expiresAtMs);
  const options = bytes[start + RECORD.options];
  const metadataBytes = bytes[start + RECORD.metadataBytes] | (bytes[start + RECORD.metadataBytes + 1] << 8);
  const metadataAt = start + 2 * RECORD_BYTES;
  const isExchange = operation === OPERATION.ExchangeCurrency;
  return {
    ...(isNil(lanes, at + (RECORD.reference >>> 2)) ? {} : { reference: formatUuid(bytes, start + RECORD.reference) }),
    ...(expectedVersion === 0 ? {} : { expectedVersion }),
    ...(options === 0 ? {} : { options }),
    ...(expiresAtMs === 0 ? {} : { expiresAtMs }),
    ...(isExchange
      ? { rateNumerator: number(RECORD.rateNumerator), rateDenominator: number(RECORD.rateDenominator) }
      : isNil(lanes, at + (RECORD.targetId >>> 2))
        ? {}
        : { targetId: formatUuid(bytes, start + RECORD.targetId) }),
    ...(metadataBytes === 0
      ? {}
      : { metadata: decoder.decode(bytes.subarray(metadataAt, metadataAt + metadataBytes)) }),
  };
}

function readWhole(lanes: Uint32Array, at: number): Uint64View {
  const value = readUint64(lanes, at);
  return value <= AMOUNT_MINOR_MAX ? value : String((BigInt(lanes[at + 1]) << 32n) | BigInt(lanes[at]));
}
