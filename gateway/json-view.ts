/** Wallet and delta records, and the books, as JSON. */

import type { ApiKeyState, HoldView, SnapshotView, TrialBalanceView } from "../engine/views.ts";
import { type Code, codeName } from "../protocol/codes.ts";
import { WALLET_STATUS_NAMES, WALLET_TYPE_NAMES } from "../protocol/command-record.ts";
import { currencyOf } from "../protocol/currencies.ts";
import { formatUuid } from "../protocol/ids.ts";
import { readInt64, readUint64 } from "../protocol/int64.ts";
import { DELTA, DELTA_BYTES, DELTA_FLAG, WALLET, WALLET_BYTES } from "../protocol/result-record.ts";

/** A wallet as a look-up shows it; `heldMinor` to `ownerId` are what a balance leaves out. */
export interface WalletView {
  readonly id: string;
  readonly ownerId: string;
  readonly currency: string;
  readonly type: string;
  readonly status: string;
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly heldMinor: number;
  readonly overdraftLimitMinor: number;
  readonly version: number;
  readonly position: string;
}

/** Reads one wallet record: the wallet, or the code that says why there is none to show. */
export function readWallet(records: Uint8Array, index: number): WalletView | Exclude<Code, "ok"> {
  const start = records.byteOffset + index * WALLET_BYTES;
  const lanes = new Uint32Array(records.buffer, start, WALLET_BYTES / 4);
  const bytes = new Uint8Array(records.buffer, start, WALLET_BYTES);
  const code = codeName(lanes[WALLET.code >>> 2] & 0xffff);
  if (code !== "ok") return code;
  return {
    id: formatUuid(bytes, WALLET.id),
    ownerId: formatUuid(bytes, WALLET.owner),
    currency: currencyText(lanes[WALLET.code >>> 2] >>> 16),
    type: WALLET_TYPE_NAMES[bytes[WALLET.type]],
    status: WALLET_STATUS_NAMES[bytes[WALLET.status]],
    postedMinor: readInt64(lanes, WALLET.postedMinor >>> 2),
    availableMinor: readInt64(lanes, WALLET.availableMinor >>> 2),
    heldMinor: readInt64(lanes, WALLET.heldMinor >>> 2),
    overdraftLimitMinor: readUint64(lanes, WALLET.overdraftLimitMinor >>> 2),
    version: readUint64(lanes, WALLET.version >>> 2),
    position: `${bytes[WALLET.shard]}:${readUint64(lanes, WALLET.sequence >>> 2)}`,
  };
}

/** The part of a wallet that its balance endpoint shows. */
export function balanceView({ id, currency, postedMinor, availableMinor, version, position }: WalletView): object {
  return { walletId: id, currency, postedMinor, availableMinor, version, position };
}

/** The JSON of delta records, comma-separated. */
export function deltasText(deltas: Uint8Array, count: number): string {
  const aligned = deltas.byteOffset % 4 === 0 ? deltas : deltas.slice();
  const lanes = new Uint32Array(aligned.buffer, aligned.byteOffset, (count * DELTA_BYTES) >>> 2);
  let text = "";
  for (let index = 0; index < count; index += 1) {
    const at = (index * DELTA_BYTES) >>> 2;
    const names = lanes[at + (DELTA.currency >>> 2)];
    const flags = lanes[at + (DELTA.flags >>> 2)] & 0xff;
    const sequence = readUint64(lanes, at + (DELTA.sequence >>> 2));
    text +=
      `${index === 0 ? "" : ","}{"kind":"${(flags & DELTA_FLAG.state) === 0 ? "change" : "state"}",` +
      `"walletId":"${formatUuid(aligned, index * DELTA_BYTES)}","currency":"${currencyText(names & 0xffff)}",` +
      `"status":"${WALLET_STATUS_NAMES[names >>> 24]}",` +
      `"postedMinor":${readInt64(lanes, at + (DELTA.postedMinor >>> 2))},` +
      `"availableMinor":${readInt64(lanes, at + (DELTA.availableMinor >>> 2))},` +
      `"version":${readUint64(lanes, at + (DELTA.version >>> 2))},` +
      `"position":"${(names >>> 16) & 0xff}:${sequence}",` +
      `"timestampMs":${readUint64(lanes, at + (DELTA.timestampMs >>> 2))}` +
      `${(flags & DELTA_FLAG.reset) === 0 ? "" : ',"reset":true'}` +
      `${(flags & DELTA_FLAG.conflated) === 0 ? "" : ',"conflated":true'}}`;
  }
  return text;
}

const SUMS = [
  "sumMinor",
  "walletsMinor",
  "fundingMinor",
  "payoutMinor",
  "feesMinor",
  "transitMinor",
  "liquidityMinor",
] as const;

/** The books of all shards: where each stood, its lines, and the totals per currency. */
export function trialBalanceView(views: readonly TrialBalanceView[]): object {
  const lines = views.flatMap((view) => view.lines);
  const currencies = [...new Set(lines.map(({ currency }) => currency))].sort();
  const totals = currencies.map((currency) => {
    const own = lines.filter((line) => line.currency === currency);
    const sums = SUMS.map((name) => [name, String(own.reduce((sum, line) => sum + BigInt(line[name]), 0n))]);
    return { currency, ...Object.fromEntries(sums), wallets: own.reduce((sum, { wallets }) => sum + wallets, 0) };
  });
  const shards = views.map(({ shard, sequence, openTransfers }) => ({
    shard,
    position: `${shard}:${sequence}`,
    openTransfers,
  }));
  return { shards, lines, totals };
}

/** An API key without its hash. */
export function apiKeyView({ id, name, role, ownerId, createdAtMs, revokedAtMs }: ApiKeyState): object {
  return {
    id,
    name,
    role,
    ownerId: ownerId === "" ? null : ownerId,
    createdAt: new Date(createdAtMs).toISOString(),
    revokedAt: revokedAtMs === null ? null : new Date(revokedAtMs).toISOString(),
  };
}

function currencyText(number: number): string {
  return currencyOf(number) ?? "";
}

/** The snapshots of all shards, as JSON shows them. */
export function snapshotsView(views: readonly (SnapshotView | null)[]): { readonly snapshots: readonly unknown[] } {
  const taken = views.filter((view) => view !== null);
  return {
    snapshots: taken.map(({ shard, sequence, bytes, durationMs }) => ({
      shard,
      position: `${shard}:${sequence}`,
      bytes,
      durationMs,
    })),
  };
}

/** An open hold, as JSON shows it. */
export function holdView({ placedAtMs, expiresAtMs, ...hold }: HoldView): object {
  return {
    ...hold,
    placedAt: new Date(placedAtMs).toISOString(),
    ...(expiresAtMs === undefined ? {} : { expiresAt: momentText(expiresAtMs) }),
  };
}

/** A moment as text; the last one that a text can name stands for all later ones. */
function momentText(timeMs: number): string {
  return new Date(Math.min(timeMs, LAST_MOMENT_MS)).toISOString();
}

const LAST_MOMENT_MS = 253_402_300_799_999;
