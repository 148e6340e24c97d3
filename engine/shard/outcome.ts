import { CODE } from "../../protocol/codes.ts";
import { writeInt64 } from "../../protocol/int64.ts";
import { RESULT, RESULT_FLAG } from "../../protocol/result-record.ts";
import type { LimitRefusal } from "../limits/limit-table.ts";
import type { TransferResult } from "../transfer/transfer.ts";
import { availableMinor } from "../wallet/decide.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";

/**
 * What one command came to, in fields that are written anew for each command.
 *
 * The two sides are the wallet that the command names and, for a transfer, the wallet credited; version 0 means that
 * a side is absent or not for the caller to see.
 */
export class Outcome {
  sequence = 0;
  replayed = false;
  /** The result comes later, when the other shard has answered. */
  deferred = false;
  /** The slot that had too little, where that is not the wallet which the command names. */
  shortSlot = -1;
  postedMinor = 0;
  availableMinor = 0;
  version = 0;
  counterpartyPostedMinor = 0;
  counterpartyAvailableMinor = 0;
  counterpartyVersion = 0;
  /** Number of the limit that refused, see `LIMIT`; 0 where none did, or where the caller may not know. */
  limit = 0;
  limitValue = 0;
  limitLeft = 0;
  limitResetsAtMs = 0;

  clear(): void {
    this.sequence = 0;
    this.replayed = false;
    this.deferred = false;
    this.shortSlot = -1;
    this.version = 0;
    this.counterpartyVersion = 0;
    this.limit = 0;
  }

  /** Takes the named wallet's side from its columns. */
  takeWallet(wallets: WalletColumns, slot: number): void {
    this.postedMinor = wallets.postedMinor[slot];
    this.availableMinor = availableMinor(wallets, slot);
    this.version = wallets.version[slot];
  }

  /** Takes the credited wallet's side from its columns. */
  takeCounterparty(wallets: WalletColumns, slot: number): void {
    this.counterpartyPostedMinor = wallets.postedMinor[slot];
    this.counterpartyAvailableMinor = availableMinor(wallets, slot);
    this.counterpartyVersion = wallets.version[slot];
  }

  /** Takes the limit that refused; what a limit of the far wallet is concerns an admin only. */
  takeLimit(code: number, { limit, value, left, resetsAtMs }: LimitRefusal, isAdmin: boolean): void {
    if (code === CODE.destination_limit_exceeded && !isAdmin) return;
    this.limit = limit;
    this.limitValue = value;
    this.limitLeft = left;
    this.limitResetsAtMs = resetsAtMs;
  }

  /** Takes what a movement between shards came to, as far as the caller may see it. */
  takeTransfer(result: TransferResult, body: { readonly operation?: string }, isAdmin: boolean): void {
    const { limit, ...balances } = result;
    Object.assign(this, balances);
    if (limit !== undefined) this.takeLimit(CODE.destination_limit_exceeded, limit, isAdmin);
    this.#hideFarSide(body, isAdmin);
  }

  /** Hides the wallet of a finished movement that its caller may not see: whoever reverses owns the other one. */
  #hideFarSide({ operation }: { readonly operation?: string }, isAdmin: boolean): void {
    if (isAdmin) return;
    if (operation === "ReverseTransfer") this.version = 0;
    else this.counterpartyVersion = 0;
  }

  /** Writes the compact form of the result record. */
  writeCompact(lanes: Uint32Array, at: number, code: number, shard: number): void {
    lanes[at + (RESULT.code >>> 2)] = code | ((this.replayed ? RESULT_FLAG.replayed : 0) << 16) | (shard << 24);
    lanes[at + (RESULT.limit >>> 2)] = this.limit;
    writeInt64(lanes, at + (RESULT.sequence >>> 2), this.sequence);
  }

  /** Writes the long form of the result record. */
  writeDetails(lanes: Uint32Array, at: number, code: number, shard: number): void {
    this.writeCompact(lanes, at, code, shard);
    if (this.limit !== 0) {
      lanes.fill(0, at + 4, at + 16);
      writeInt64(lanes, at + (RESULT.limitValue >>> 2), this.limitValue);
      writeInt64(lanes, at + (RESULT.limitLeft >>> 2), this.limitLeft);
      writeInt64(lanes, at + (RESULT.limitResetsAtMs >>> 2), this.limitResetsAtMs);
      return;
    }
    if (this.version === 0) {
      lanes.fill(0, at + 4, at + 10);
    } else {
      writeInt64(lanes, at + (RESULT.postedMinor >>> 2), this.postedMinor);
      writeInt64(lanes, at + (RESULT.availableMinor >>> 2), this.availableMinor);
      writeInt64(lanes, at + (RESULT.version >>> 2), this.version);
    }
    if (this.counterpartyVersion === 0) {
      lanes.fill(0, at + 10, at + 16);
    } else {
      writeInt64(lanes, at + (RESULT.counterpartyPostedMinor >>> 2), this.counterpartyPostedMinor);
      writeInt64(lanes, at + (RESULT.counterpartyAvailableMinor >>> 2), this.counterpartyAvailableMinor);
      writeInt64(lanes, at + (RESULT.counterpartyVersion >>> 2), this.counterpartyVersion);
    }
  }
}
