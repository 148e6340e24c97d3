import { deepStrictEqual, strictEqual } from "node:assert";
import { HOLD_VALUES } from "../engine/holds/hold-table.ts";
import { LIMIT_ROW_VALUES, type LimitTable } from "../engine/limits/limit-table.ts";
import type { ShardState } from "../engine/shard/shard-state.ts";
import { WALLET_FLAG } from "../engine/wallet/wallet-columns.ts";

/**
 * Expects that two states of a shard know the same, with these command ids looked up at a time.
 *
 * **Errors**: throws an AssertionError that shows the difference.
 */
export function expectSameState(live: ShardState, other: ShardState, ids: readonly Uint32Array[], nowMs: number): void {
  expectSameFacts(live, other);
  // The live shard has let the clock forget what the journal's last frame was too early for.
  other.ids.advance(nowMs);
  live.ids.advance(nowMs);
  strictEqual(other.ids.floorMs, live.ids.floorMs);
  deepStrictEqual(
    ids.map((id) => other.ids.find(id, 0)),
    ids.map((id) => live.ids.find(id, 0)),
  );
}

function limitsOf(limits: LimitTable): unknown {
  const rows = Array.from({ length: limits.count }, (_, row) => {
    const values = new Float64Array(LIMIT_ROW_VALUES);
    limits.copyRow(row, values, 0);
    return values;
  });
  return { rows, types: limits.copyTypes() };
}

/** Expects that two states of a shard know the same but for their command ids. */
export function expectSameFacts(live: ShardState, other: ShardState): void {
  deepStrictEqual(factsOf(other), factsOf(live));
}

function factsOf(state: ShardState): unknown {
  const { wallets } = state;
  const { owners, count } = wallets;
  return {
    sequence: state.sequence,
    clockMs: state.clockMs,
    hash: Buffer.from(state.hash).toString("hex"),
    columns: {
      ids: wallets.ids.slice(0, count * 4),
      postedMinor: wallets.postedMinor.slice(0, count),
      heldMinor: wallets.heldMinor.slice(0, count),
      overdraftLimitMinor: wallets.overdraftLimitMinor.slice(0, count),
      version: wallets.version.slice(0, count),
      head: wallets.head.slice(0, count),
      owner: wallets.owner.slice(0, count),
      nextOfOwner: wallets.nextOfOwner.slice(0, count),
      currency: wallets.currency.slice(0, count),
      status: wallets.status.slice(0, count),
      type: wallets.type.slice(0, count),
      // Who watches belongs to the run.
      flags: wallets.flags.slice(0, count).map((flags) => flags & ~WALLET_FLAG.watched),
    },
    owners: { ids: owners.ids.slice(0, owners.count * 4), newestWallet: owners.newestWallet.slice(0, owners.count) },
    currencies: wallets.currencies(),
    limits: limitsOf(wallets.limits),
    holds: holdsOf(state),
    // The order in which objects came is no part of what is known.
    transfers: sorted(state.transfers.states(), ({ id }) => id),
    receipts: sorted(state.receipts.states(), ({ fromShard, number }) => `${fromShard}:${number}`),
    apiKeys: sorted(state.apiKeys.states(), ({ id }) => id),
    actors: state.actors.rows(),
    stripes: sorted(state.stripes.states(), ({ walletId }) => walletId),
    openTransfersOfSlot: sorted(state.openTransfersOfSlot, ([slot]) => String(slot)),
    channels: sorted(state.channels, ([shard]) => String(shard)),
    servedThrough: sorted(state.servedThrough, ([shard]) => String(shard)),
    knownThrough: sorted(state.knownThrough, ([shard]) => String(shard)),
  };
}

function holdsOf({ holds }: ShardState): readonly (readonly number[])[] {
  return Array.from({ length: holds.count }, (_, row) => {
    const values = new Float64Array(HOLD_VALUES);
    holds.copyRow(row, values, 0);
    return [...values, holds.capturing[row], holds.isEnding[row]];
  });
}

function sorted<T>(all: Iterable<T>, key: (one: T) => string): readonly T[] {
  return [...all].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
