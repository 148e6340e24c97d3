import type { SharedColumns } from "../../engine/wallet/wallet-columns.ts";
import { currencyOf } from "../../protocol/currencies.ts";
import { formatUuid, isSystemAccountId, shardOf } from "../../protocol/ids.ts";

/** Turns the slots of a shard's records into wallets. */
export class WalletDirectory {
  readonly #shard: number;
  readonly #shardCount: number;
  readonly #ids: Uint8Array;
  readonly #lanes: Uint32Array;
  readonly #currencies: Uint16Array;

  constructor(shard: number, shardCount: number, { ids, currencies }: SharedColumns) {
    this.#shard = shard;
    this.#shardCount = shardCount;
    this.#ids = new Uint8Array(ids);
    this.#lanes = new Uint32Array(ids);
    this.#currencies = new Uint16Array(currencies);
  }

  id(slot: number): string {
    return formatUuid(this.#ids, slot * 16);
  }

  /** ISO 4217 alphabetic code. */
  currency(slot: number): string {
    return currencyOf(this.#currencies[slot]) ?? "";
  }

  /** Whether the slot is a fixed account of the ledger. */
  isAccount(slot: number): boolean {
    return isSystemAccountId(this.#lanes, slot * 4);
  }

  /** Whether the slot gathers credits for a wallet whose home is another shard. */
  isStripe(slot: number): boolean {
    return shardOf(this.#lanes, slot * 4, this.#shardCount) !== this.#shard;
  }
}
