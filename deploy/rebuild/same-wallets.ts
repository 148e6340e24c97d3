import type { ShardState } from "../../engine/shard/shard-state.ts";
import { WALLET_FLAG } from "../../engine/wallet/wallet-columns.ts";

/**
 * Checks that every wallet has in the new ledger what it had in the old one.
 *
 * **Errors**: throws on the first that has not, and where there are more or fewer wallets.
 */
export function requireSameWallets(before: readonly ShardState[], after: readonly ShardState[]): void {
  const rebuilt = new Map<string, string>();
  for (const state of after) for (const [id, facts] of walletsOf(state)) rebuilt.set(id, facts);
  let count = 0;
  for (const state of before) {
    for (const [id, facts] of walletsOf(state)) {
      count += 1;
      if (rebuilt.get(id) !== facts) throw new Error(`wallet ${id} was ${facts}, and would become ${rebuilt.get(id)}`);
    }
  }
  if (count !== rebuilt.size) throw new Error(`${count} wallets would become ${rebuilt.size}`);
}

/** Id and state of each wallet; a striped one counts by shard. */
function* walletsOf(state: ShardState): Generator<[string, string]> {
  const { wallets } = state;
  for (let slot = 0; slot < wallets.count; slot += 1) {
    if ((wallets.flags[slot] & WALLET_FLAG.account) !== 0) continue;
    const facts = [
      wallets.postedMinor,
      wallets.heldMinor,
      wallets.overdraftLimitMinor,
      wallets.version,
      wallets.status,
      wallets.type,
      wallets.currency,
    ];
    const isStriped = (wallets.flags[slot] & WALLET_FLAG.striped) !== 0;
    yield [
      isStriped ? `${state.shard}/${state.walletId(slot)}` : state.walletId(slot),
      facts.map((column) => column[slot]).join("/"),
    ];
  }
}
