import { limitStates } from "../engine/limits/limit-check.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { trialBalance } from "../engine/shard/trial-balance.ts";
import { NO_SLOT } from "../engine/wallet/owners.ts";
import { formatUuid } from "../protocol/ids.ts";
import type { WalletView } from "./driven-ledger.ts";
import type { LimitLeft } from "./reference-limits.ts";

/** Every wallet of a shard, the fixed accounts included, in order of ids. */
export function walletViews({ wallets }: ShardState): readonly WalletView[] {
  const ids = new Uint8Array(wallets.ids.buffer);
  const owners = new Uint8Array(wallets.owners.ids.buffer);
  return Array.from({ length: wallets.count }, (_, slot) => {
    const owner = wallets.owner[slot];
    return {
      id: formatUuid(ids, slot * 16),
      ownerId: owner === NO_SLOT ? "" : formatUuid(owners, owner * 16),
      currency: wallets.currency[slot],
      type: wallets.type[slot],
      status: wallets.status[slot],
      postedMinor: BigInt(wallets.postedMinor[slot]),
      heldMinor: BigInt(wallets.heldMinor[slot]),
      overdraftLimitMinor: BigInt(wallets.overdraftLimitMinor[slot]),
      version: BigInt(wallets.version[slot]),
    };
  }).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The limits that apply to a wallet of a shard, with what they leave. */
export function limitViews(state: ShardState, walletId: string): readonly LimitLeft[] {
  const { wallets } = state;
  return limitStates(wallets, state.findWallet(walletId)).map(({ limit, value, left, resetsAtMs }) => ({
    number: limit,
    value: BigInt(value),
    left: BigInt(left),
    resetsAtMs: BigInt(resetsAtMs),
  }));
}

/** Throws where the wallets of a shard do not sum to zero in a currency, counted here and by the ledger itself. */
export function assertBooks({ shard, wallets }: ShardState): void {
  const sums = new Map<number, bigint>();
  for (let slot = 0; slot < wallets.count; slot += 1) {
    const currency = wallets.currency[slot];
    sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(wallets.postedMinor[slot]));
  }
  for (const [currency, sum] of sums) {
    if (sum !== 0n) throw new Error(`the books of shard ${shard} in currency ${currency} sum to ${sum}`);
  }
  for (const { currency, sumMinor } of trialBalance(wallets)) {
    if (sumMinor !== "0") throw new Error(`the trial balance of shard ${shard} in ${currency} is ${sumMinor}`);
  }
}
