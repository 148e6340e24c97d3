import { getHeapStatistics } from "node:v8";
import type { ShardState } from "./shard-state.ts";
import { STAT, writeActorCounts } from "./shard-stats.ts";
import { trialBalance } from "./trial-balance.ts";

const INTERVAL_MS = 500;

/** What ARCHITECTURE.md reckons for a wallet's columns with its place in the index, for an owner, and for an id in memory. */
const WALLET_BYTES = 69;
const OWNER_BYTES = 33;
const ID_BYTES = 36;

/** Writes into a shard's statistics what is not worth a look at every frame. */
export class SelfReport {
  readonly #state: ShardState;
  readonly #stats: Float64Array;
  readonly #trialBalanceIntervalMs: number;
  #toldMs = Number.NEGATIVE_INFINITY;
  #balancedMs = Number.NEGATIVE_INFINITY;

  /** The books are added up once in an interval, during which the shard waits; 0 for never. */
  constructor(state: ShardState, stats: Float64Array, trialBalanceIntervalMs: number) {
    this.#state = state;
    this.#stats = stats;
    this.#trialBalanceIntervalMs = trialBalanceIntervalMs;
  }

  /** Called in every turn, between two frames; mostly does nothing. */
  tell(): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < INTERVAL_MS) return;
    this.#toldMs = nowMs;
    const { wallets, ids, transfers, actors } = this.#state;
    const stats = this.#stats;
    stats[STAT.heapBytes] = getHeapStatistics().used_heap_size;
    stats[STAT.walletBytes] = wallets.count * WALLET_BYTES + wallets.owners.count * OWNER_BYTES;
    stats[STAT.idempotencyBytes] = ids.size * ID_BYTES;
    // The store keeps them in the order in which they began.
    stats[STAT.oldestTransferAtMs] = transfers.states().next().value?.startedAtMs ?? 0;
    const { parked, oldestAtMs } = actors.openFacts();
    writeActorCounts(stats, (type) => actors.countOf(type));
    stats[STAT.actorsInMemory] = actors.inMemoryCount;
    stats[STAT.openSagas] = actors.openCount;
    stats[STAT.parkedSagas] = parked;
    stats[STAT.oldestSagaAtMs] = oldestAtMs;
    if (this.#trialBalanceIntervalMs === 0 || nowMs - this.#balancedMs < this.#trialBalanceIntervalMs) return;
    this.#balancedMs = nowMs;
    this.#balance();
  }

  #balance(): void {
    let offMinor = 0n;
    for (const { sumMinor } of trialBalance(this.#state.wallets)) {
      const sum = BigInt(sumMinor);
      offMinor += sum < 0n ? -sum : sum;
    }
    this.#stats[STAT.trialBalanceOffMinor] = Number(offMinor);
    this.#stats[STAT.trialBalanceAtMs] = Date.now();
  }
}
