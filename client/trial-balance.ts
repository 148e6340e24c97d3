/** Books in one currency. Sums are decimal strings, since they may exceed 2^53. */
interface Books {
  readonly currency: string;
  /** The sum over every account: zero, or the books are broken. */
  readonly sumMinor: string;
  readonly walletsMinor: string;
  readonly fundingMinor: string;
  readonly payoutMinor: string;
  readonly feesMinor: string;
  readonly transitMinor: string;
  readonly liquidityMinor: string;
  readonly wallets: number;
}

export interface TrialBalance {
  /** Where in its journal each shard stood. */
  readonly shards: readonly { readonly shard: number; readonly position: string; readonly openTransfers: number }[];
  /** Per shard and currency. */
  readonly lines: readonly (Books & { readonly shard: number })[];
  /** Per currency over all shards. */
  readonly totals: readonly Books[];
}
