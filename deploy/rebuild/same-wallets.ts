import type { ShardState } from "../../engine/shard/shard-state.ts";
import { receiptKey } from "../../engine/transfer/receipt.ts";
import { WALLET_FLAG } from "../../engine/wallet/wallet-columns.ts";
import { shardOfUuid } from "../../protocol/ids.ts";

/**
 * Checks that every wallet has in the new ledger what it had in the old one; of a striped one the total.
 *
 * **Errors**: throws on the first that has not, and where there are more or fewer wallets.
 */
export function requireSameWallets(before: readonly ShardState[], after: readonly ShardState[]): void {
  const [awayBefore, awayAfter] = [before, after].map(awayFromHome);
  let count = 0;
  for (const state of before) {
    for (const slot of homesOf(state)) {
      const id = state.walletId(slot);
      const home = after[after.length === before.length ? state.shard : shardOfUuid(id, after.length)];
      const was = factsOf(state, slot, awayBefore);
      const is = factsOf(home, home.findWallet(id), awayAfter);
      if (was !== is) throw new Error(`wallet ${id} was ${was}, and would become ${is}`);
      count += 1;
    }
  }
  let rebuilt = 0;
  for (const state of after) for (const _ of homesOf(state)) rebuilt += 1;
  if (count !== rebuilt) throw new Error(`${count} wallets would become ${rebuilt}`);
}

function* homesOf({ wallets }: ShardState): Generator<number> {
  for (let slot = 0; slot < wallets.count; slot += 1) if (wallets.isHome(slot)) yield slot;
}

function factsOf(state: ShardState, slot: number, away: ReadonlyMap<string, number>): string {
  if (slot < 0) return "none";
  const { wallets } = state;
  const isStriped = (wallets.flags[slot] & WALLET_FLAG.striped) !== 0;
  const postedMinor = wallets.postedMinor[slot] + (isStriped ? (away.get(state.walletId(slot)) ?? 0) : 0);
  // The version of a striped wallet counts what its stripes sent home, so it depends on the number of shards.
  const version = isStriped ? "striped" : wallets.version[slot];
  const { heldMinor, overdraftLimitMinor, status, type, currency } = wallets;
  const rest = [heldMinor, overdraftLimitMinor, status, type, currency].map((column) => column[slot]);
  return [postedMinor, version, ...rest].join("/");
}

/** What stripes hold for each striped wallet, and what is on its way from a stripe to its home. */
function awayFromHome(states: readonly ShardState[]): Map<string, number> {
  const away = new Map<string, number>();
  const add = (walletId: string, amountMinor: number): void => {
    away.set(walletId, (away.get(walletId) ?? 0) + amountMinor);
  };
  for (const state of states) {
    for (const { walletId } of state.stripes.states())
      add(walletId, state.wallets.postedMinor[state.findWallet(walletId)]);
    for (const { operation, toWalletId, toShard, number, amountMinor } of state.transfers.states()) {
      const receipt = states[toShard].receipts.get(receiptKey({ fromShard: state.shard, number }));
      if (operation === "SweepStripe" && receipt?.code !== "ok") add(toWalletId, amountMinor);
    }
  }
  return away;
}
