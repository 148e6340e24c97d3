import { operationName, RECORD, RECORD_OPTION } from "../../protocol/command-record.ts";
import { formatUuid, isNil } from "../../protocol/ids.ts";
import { readUint64 } from "../../protocol/int64.ts";
import { RECORD_BYTES } from "../../protocol/limits.ts";

/**
 * The operations besides Transfer that may move money between two shards. SweepStripe is the ledger's own: from a stripe
 * of a wallet to its home.
 */
export type RemoteOperation = "CaptureHold" | "ReverseTransfer" | "ExchangeCurrency" | "SweepStripe";

/** What a movement between two wallets was asked for with: the body of its command. */
export interface TransferBody {
  readonly id: string;
  /** Absent for a Transfer. */
  readonly operation?: RemoteOperation;
  /** The wallet that the command names; a reversal brings money back to it. */
  readonly fromWalletId: string;
  readonly toWalletId: string;
  readonly amountMinor: number;
  /** ISO 4217 number of the wallet that the command names. */
  readonly currency: number;
  readonly reference?: string;
  readonly expectedVersion?: number;
  /** JSON text, as it came. */
  readonly metadata?: string;
  /** CaptureHold: the hold. ReverseTransfer: the movement. */
  readonly targetId?: string;
  /** CaptureHold: what is left of the hold was released with it. */
  readonly isFinal?: boolean;
  /** CaptureHold: the hold stays open until the transfer has ended. Absent in older data, where a capture of all ended it. */
  readonly keepsHold?: true;
  /** ExchangeCurrency: what of the other currency one unit buys. */
  readonly rate?: { readonly numerator: number; readonly denominator: number };
  readonly quoteExpiresAtMs?: number;
  /** The amount in the command, where the ledger put in another one: zero for all that is left. */
  readonly askedAmountMinor?: number;
  /** ReverseTransfer: the owner who asks for it; absent for an admin. */
  readonly takenForOwnerId?: string;
  /** Whether the command left it to the ledger to find the wallet to credit. */
  readonly isToWalletFound?: boolean;
  /** CaptureHold: an actor asked for it, which the reference names. */
  readonly isAsked?: true;
  /** When the amount counted on the limits of the wallet that the command names; absent where it did not. */
  readonly countedAtMs?: number;
}

/** The body of the command at a lane; `currency` is 0 where the command does not name one. */
export function readTransferBody(lanes: Uint32Array, at: number, commandBytes: number): TransferBody {
  const bytes = new Uint8Array(lanes.buffer, lanes.byteOffset + at * 4, commandBytes);
  const operation = operationName(bytes[RECORD.operation]);
  const isExtended = commandBytes > RECORD_BYTES;
  const isRemote =
    operation === "CaptureHold" || operation === "ReverseTransfer" || operation === "ExchangeCurrency"
      ? { operation }
      : {};
  const common = {
    id: formatUuid(bytes, RECORD.id),
    ...isRemote,
    fromWalletId: formatUuid(bytes, RECORD.wallet),
    toWalletId: formatUuid(bytes, RECORD.counterparty),
    amountMinor: readUint64(lanes, at + (RECORD.amountMinor >>> 2)),
    currency: lanes[at + (RECORD.operation >>> 2)] >>> 16,
  };
  if (!isExtended) return common;
  const expectedVersion = readUint64(lanes, at + (RECORD.expectedVersion >>> 2));
  const metadataBytes = lanes[at + (RECORD.metadataBytes >>> 2)] & 0xffff;
  const metadata = bytes.slice(RECORD.metadata, RECORD.metadata + metadataBytes);
  return {
    ...common,
    ...(isNil(lanes, at + (RECORD.reference >>> 2)) ? {} : { reference: formatUuid(bytes, RECORD.reference) }),
    ...(expectedVersion === 0 ? {} : { expectedVersion }),
    ...(metadataBytes === 0 ? {} : { metadata: new TextDecoder().decode(metadata) }),
    ...(operation === "CaptureHold" || operation === "ReverseTransfer"
      ? { targetId: formatUuid(bytes, RECORD.targetId) }
      : {}),
    ...(operation === "CaptureHold" ? { isFinal: (bytes[RECORD.options] & RECORD_OPTION.final) !== 0 } : {}),
    ...(operation === "ExchangeCurrency"
      ? {
          rate: {
            numerator: readUint64(lanes, at + (RECORD.rateNumerator >>> 2)),
            denominator: readUint64(lanes, at + (RECORD.rateDenominator >>> 2)),
          },
          quoteExpiresAtMs: readUint64(lanes, at + (RECORD.expiresAtMs >>> 2)),
        }
      : {}),
  };
}

const NIL = "00000000-0000-0000-0000-000000000000";

/** Whether a command that came again asks for what the kept one asked for. */
export function isSameTransfer(kept: TransferBody, sent: TransferBody): boolean {
  return (
    kept.id === sent.id &&
    kept.operation === sent.operation &&
    kept.fromWalletId === sent.fromWalletId &&
    (kept.isToWalletFound === true ? NIL : kept.toWalletId) === sent.toWalletId &&
    (kept.askedAmountMinor ?? kept.amountMinor) === sent.amountMinor &&
    (sent.currency === 0 || kept.currency === sent.currency) &&
    kept.reference === sent.reference &&
    kept.expectedVersion === sent.expectedVersion &&
    kept.metadata === sent.metadata &&
    kept.targetId === sent.targetId &&
    kept.isFinal === sent.isFinal &&
    kept.rate?.numerator === sent.rate?.numerator &&
    kept.rate?.denominator === sent.rate?.denominator &&
    kept.quoteExpiresAtMs === sent.quoteExpiresAtMs
  );
}
