/** SetTypeLimits for every shard, since each decides by its own limits: one command, the same id everywhere. */

import { type Code, codeName } from "../protocol/codes.ts";
import {
  OPERATION,
  paddedMetadataBytes,
  RECORD,
  RECORD_FLAG,
  WALLET_TYPE,
  type WalletType,
} from "../protocol/command-record.ts";
import { type Currency, currencyNumber } from "../protocol/currencies.ts";
import { writeSystemAccountId, writeUuid } from "../protocol/ids.ts";
import { readUint64 } from "../protocol/int64.ts";
import { limitsMetadata } from "../protocol/json-limits.ts";
import { RECORD_BYTES } from "../protocol/limits.ts";
import { RESULT, RESULT_DETAIL_BYTES, RESULT_FLAG } from "../protocol/result-record.ts";
import type { WalletLimits } from "../protocol/wallet-limits.ts";

export interface TypeLimits {
  readonly id: string;
  readonly type: WalletType;
  readonly currency: Currency;
  readonly limits: WalletLimits;
}

/** One record for each shard, in their order. */
export function encodeTypeLimits({ id, type, currency, limits }: TypeLimits, shardCount: number): Uint8Array {
  const metadata = limitsMetadata(limits);
  const recordBytes = 2 * RECORD_BYTES + paddedMetadataBytes(metadata.byteLength);
  const bytes = new Uint8Array(shardCount * recordBytes);
  const view = new DataView(bytes.buffer);
  for (let shard = 0; shard < shardCount; shard += 1) {
    const at = shard * recordBytes;
    writeUuid(id, bytes, at + RECORD.id);
    writeSystemAccountId(bytes, at + RECORD.wallet, shard, currencyNumber(currency), "funding");
    bytes[at + RECORD.operation] = OPERATION.SetTypeLimits;
    bytes[at + RECORD.flags] = RECORD_FLAG.extended | RECORD_FLAG.metadata;
    bytes[at + RECORD.walletType] = WALLET_TYPE[type];
    view.setUint16(at + RECORD.metadataBytes, metadata.byteLength, true);
    bytes.set(metadata, at + RECORD.metadata);
  }
  return bytes;
}

/** What the shards' results come to together: `ok` where all are, and then where each has it in its journal. */
export function readTypeLimitsResults(results: Uint8Array): {
  readonly code: Code;
  readonly replayed: boolean;
  readonly positions: readonly string[];
} {
  const lanes = new Uint32Array(results.buffer, results.byteOffset, results.byteLength >>> 2);
  const shards = Array.from({ length: results.byteLength / RESULT_DETAIL_BYTES }, (_, shard) => {
    const at = (shard * RESULT_DETAIL_BYTES) >>> 2;
    const head = lanes[at + (RESULT.code >>> 2)];
    return {
      code: codeName(head & 0xffff),
      replayed: ((head >>> 16) & RESULT_FLAG.replayed) !== 0,
      position: `${head >>> 24}:${readUint64(lanes, at + (RESULT.sequence >>> 2))}`,
    };
  });
  return {
    code: shards.find(({ code }) => code !== "ok")?.code ?? "ok",
    replayed: shards.every(({ replayed }) => replayed),
    positions: shards.map(({ position }) => position),
  };
}
