import type { ShardState } from "../engine/shard/shard-state.ts";
import { trialBalance } from "../engine/shard/trial-balance.ts";
import type { Problem } from "./problem.ts";

/** The currencies in which a shard's books do not balance: they do after every record, so also after the last one. */
export function balanceProblems({ shard, sequence, wallets }: ShardState): Problem[] {
  return trialBalance(wallets)
    .filter(({ sumMinor }) => sumMinor !== "0")
    .map(({ currency, sumMinor }) => ({
      position: `${shard}:${sequence}`,
      problem: `all balances in ${currency} add up to ${sumMinor}, not to zero`,
    }));
}
