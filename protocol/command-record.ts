/**
 * The command record: the same bytes on the wire, in the mailbox of a shard and, for rarer commands, in the journal.
 *
 * **Shape** (little-endian; ids in network order; a record starts at a multiple of 8):
 * ```
 *   0  id            16  chosen by the client; UUIDv7
 *  16  wallet        16  the wallet to debit, to credit (Credit), to hold, or to change; ReverseTransfer: the wallet that
 *                        the movement's own command named; SetTypeLimits: a funding account of the shard and currency
 *  32  counterparty  16  Transfer, ExchangeCurrency: the wallet to credit; CreateWallet: the owner;
 *                        PlaceHold: the only wallet that captures may credit, or zero;
 *                        CaptureHold: the wallet to credit, or zero: the one named by the hold, else out of the ledger
 *  48  amountMinor    8  u64; CreateWallet, SetOverdraftLimit: the overdraft limit; CaptureHold, ReverseTransfer: zero
 *                        means all that is left; ExchangeCurrency: what is sold; else zero
 *  56  operation      1
 *  57  flags          1  1 = linked to the next command, 2 = an extension follows, 4 = metadata follows the extension
 *  58  currency       2  ISO 4217 number; zero where optional and not given
 *  60  walletType     1  CreateWallet, SetTypeLimits only
 *  61  reserved       3  zero
 *  extension, where flagged:
 *  64  reference     16  zero = none
 *  80  expectedVersion 8 u64; zero = any
 *  88  metadataBytes  2  length of the metadata, unpadded
 *  90  options        1  CaptureHold: 1 = final, what is left of the hold is released
 *  91  reserved       5  zero
 *  96  expiresAtMs    8  u64; PlaceHold: when the hold lapses, zero = never; ExchangeCurrency: when the quote lapses
 * 104  targetId      16  CaptureHold, VoidHold: the hold; ReverseTransfer: the movement; each by its command id
 *                        ExchangeCurrency instead: `104 rateNumerator u64 | 112 rateDenominator u64`
 * 120  reserved       8  zero
 *  metadata, where flagged: UTF-8 JSON, padded with zeros to a multiple of 64
 * ```
 */

import { METADATA_BYTES_MAX, RECORD_BYTES } from "./limits.ts";

/** What a command does. Numbers are for ever. */
export const OPERATION = {
  Transfer: 1,
  Credit: 2,
  Debit: 3,
  CreateWallet: 4,
  ActivateWallet: 5,
  FreezeWallet: 6,
  UnfreezeWallet: 7,
  CloseWallet: 8,
  SetOverdraftLimit: 9,
  PlaceHold: 10,
  CaptureHold: 11,
  VoidHold: 12,
  ReverseTransfer: 13,
  ExchangeCurrency: 14,
  /** The metadata holds the limits as JSON, see protocol/wallet-limits.ts. */
  SetWalletLimits: 15,
  SetTypeLimits: 16,
  StripeWallet: 17,
} as const;
export type OperationName = keyof typeof OPERATION;

const OPERATION_NAMES: readonly (OperationName | undefined)[] = (() => {
  const names: (OperationName | undefined)[] = [];
  for (const [name, number] of Object.entries(OPERATION)) names[number] = name as OperationName;
  return names;
})();

/** The name of an operation number, or undefined for a number that is none. */
export function operationName(number: number): OperationName | undefined {
  return OPERATION_NAMES[number];
}

/** Bits of a record's flags byte. */
export const RECORD_FLAG = { linked: 1, extended: 2, metadata: 4 } as const;
const RECORD_FLAGS_ALL = 7;

/** Offsets in a record, in bytes. */
export const RECORD = {
  id: 0,
  wallet: 16,
  counterparty: 32,
  amountMinor: 48,
  operation: 56,
  flags: 57,
  currency: 58,
  walletType: 60,
  reference: 64,
  expectedVersion: 80,
  metadataBytes: 88,
  options: 90,
  expiresAtMs: 96,
  targetId: 104,
  rateNumerator: 104,
  rateDenominator: 112,
  metadata: 128,
} as const;

/** Bits of a record's options byte. */
export const RECORD_OPTION = {
  /** CaptureHold: the last capture; what is left of the hold becomes available again. */
  final: 1,
} as const;

/** Wallet types and their numbers; `system` wallets opened by command belong to the operator, not to the fixed accounts. */
export const WALLET_TYPE = { customer: 1, merchant: 2, system: 3 } as const;
export type WalletType = keyof typeof WALLET_TYPE;
export const WALLET_TYPE_NAMES: readonly WalletType[] = ["customer", "customer", "merchant", "system"];

/** Wallet statuses and their numbers. */
export const WALLET_STATUS = { pending: 1, active: 2, frozen: 3, closed: 4 } as const;
export type WalletStatus = keyof typeof WALLET_STATUS;
export const WALLET_STATUS_NAMES: readonly WalletStatus[] = ["pending", "pending", "active", "frozen", "closed"];

/**
 * Length of the record at an offset, or 0 if it does not fit before `end` or its flags contradict each other.
 *
 * **Units**: bytes.
 */
export function recordBytesAt(bytes: Uint8Array, offset: number, end: number): number {
  if (offset + RECORD_BYTES > end) return 0;
  const flags = bytes[offset + RECORD.flags] as number;
  if ((flags & ~RECORD_FLAG.linked) === 0) return RECORD_BYTES;
  if (flags > RECORD_FLAGS_ALL || (flags & RECORD_FLAG.extended) === 0) return 0;
  if (offset + 2 * RECORD_BYTES > end) return 0;
  const at = offset + RECORD.metadataBytes;
  const metadataBytes = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  if ((flags & RECORD_FLAG.metadata) === 0) return metadataBytes === 0 ? 2 * RECORD_BYTES : 0;
  if (metadataBytes === 0 || metadataBytes > METADATA_BYTES_MAX) return 0;
  const total = 2 * RECORD_BYTES + paddedMetadataBytes(metadataBytes);
  return offset + total > end ? 0 : total;
}

/** Room that metadata of a length takes in a record. */
export function paddedMetadataBytes(metadataBytes: number): number {
  return Math.ceil(metadataBytes / RECORD_BYTES) * RECORD_BYTES;
}

/**
 * Counts the records in a byte range, or returns -1 where it does not divide into whole records.
 */
export function countRecords(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; count += 1) {
    const length = recordBytesAt(bytes, at, end);
    if (length === 0) return -1;
    at += length;
  }
  return count;
}
