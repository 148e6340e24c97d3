/** Reads the commands that set limits; their metadata holds the limits as JSON. */

import { CODE } from "../../protocol/codes.ts";
import { RECORD, RECORD_FLAG, WALLET_TYPE } from "../../protocol/command-record.ts";
import { currencyOf } from "../../protocol/currencies.ts";
import { writeSystemAccountId } from "../../protocol/ids.ts";
import { readWalletLimits, type WalletLimits } from "../../protocol/wallet-limits.ts";

/** What SetTypeLimits asks for. */
export interface TypeLimits {
  /** ISO 4217 number. */
  readonly currency: number;
  readonly type: number;
  readonly limits: WalletLimits;
}

/** The limits in the command at a byte offset; undefined where it does not describe any. */
export function readLimits(bytes: Uint8Array, offset: number): WalletLimits | undefined {
  if ((bytes[offset + RECORD.flags] & RECORD_FLAG.metadata) === 0) return undefined;
  const at = offset + RECORD.metadataBytes;
  const metadataBytes = bytes[at] | (bytes[at + 1] << 8);
  return readWalletLimits(bytes.slice(offset + RECORD.metadata, offset + RECORD.metadata + metadataBytes));
}

/** What the SetTypeLimits command at a byte offset asks of a shard, or the code that says why it cannot be meant. */
export function readTypeLimits(bytes: Uint8Array, offset: number, shard: number): TypeLimits | number {
  const limits = readLimits(bytes, offset);
  if (limits === undefined) return CODE.limits_invalid;
  const type = bytes[offset + RECORD.walletType];
  if (type < WALLET_TYPE.customer || type > WALLET_TYPE.system) return CODE.wallet_type_invalid;
  const wallet = offset + RECORD.wallet;
  const currency = (bytes[wallet + 12] << 8) | bytes[wallet + 13];
  const funding = new Uint8Array(16);
  writeSystemAccountId(funding, 0, shard, currency, "funding");
  if (funding.some((byte, index) => byte !== bytes[wallet + index])) return CODE.wallet_not_found;
  if (currencyOf(currency) === undefined) return CODE.currency_unknown;
  const named = bytes[offset + RECORD.currency] | (bytes[offset + RECORD.currency + 1] << 8);
  return named === 0 || named === currency ? { currency, type, limits } : CODE.currency_mismatch;
}
