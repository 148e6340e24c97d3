import { unreachable } from "../../protocol/unreachable.ts";
import type { Profile } from "../profiles/profile.ts";
import { SeededRandom } from "./seeded-random.ts";

const AMOUNT_MINOR_MIN = 100;
const AMOUNT_MINOR_MAX = 999;
/** Draws for a second wallet on the shard wanted, before any other is taken. */
const DRAWS_MAX = 64;

/** Draws the wallets and amounts of commands as a profile wants them spread. */
export class WalletDraw {
  readonly #wallets: Profile["wallets"];
  readonly #shards: Uint8Array;
  readonly #random: SeededRandom;
  /** Zipf: what share of the draws falls on this wallet or one before it. */
  readonly #cumulative: Float64Array;
  /** Index of the wallet to debit or read, and of the one to credit. */
  from = 0;
  to = 0;
  amountMinor = 0;

  /** `shards` holds the shard of each wallet. */
  constructor(wallets: Profile["wallets"], shards: Uint8Array, seed: number) {
    this.#wallets = wallets;
    this.#shards = shards;
    this.#random = new SeededRandom(seed);
    this.#cumulative =
      wallets.pick.kind === "zipf" ? cumulativeZipf(wallets.count, wallets.pick.exponent) : new Float64Array(0);
  }

  /** Draws two different wallets and an amount. */
  next(): void {
    const { pick, crossShardShare } = this.#wallets;
    this.amountMinor = AMOUNT_MINOR_MIN + this.#random.below(AMOUNT_MINOR_MAX - AMOUNT_MINOR_MIN + 1);
    const paysMerchant = pick.kind === "merchant" && this.#random.next() < pick.share;
    this.to = paysMerchant ? 0 : this.one();
    const crosses = crossShardShare === undefined ? null : this.#random.next() < crossShardShare;
    for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
      this.from = this.one();
      if (this.from === this.to) continue;
      if (crosses === null || (this.#shards[this.from] !== this.#shards[this.to]) === crosses) return;
    }
    if (this.from === this.to) this.from = (this.to + 1) % this.#wallets.count;
  }

  /** Draws one wallet. */
  one(): number {
    const { pick, count } = this.#wallets;
    switch (pick.kind) {
      case "uniform":
      case "merchant":
        return this.#random.below(count);
      case "zipf":
        return this.#rankOf(this.#random.next());
      default:
        return unreachable(pick);
    }
  }

  #rankOf(share: number): number {
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#cumulative[middle] > share) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function cumulativeZipf(count: number, exponent: number): Float64Array {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += 1 / (rank + 1) ** exponent;
    cumulative[rank] = sum;
  }
  return cumulative.map((value) => value / sum);
}
