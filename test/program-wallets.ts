/** The few wallets, owners and callers that random programs use, so that their commands meet. */

import { shardOfUuid } from "../protocol/ids.ts";
import type { Caller } from "./driven-ledger.ts";
import { NIL_ID, untimedId } from "./ledger-command.ts";

export const EGP = 818;
export const USD = 840;
export const BASE_MS = 1_700_000_000_000;
export const WINDOW_MS = 60_000;
export const SKEW_MS = 5_000;
const WALLETS_PER_SHARD = 3;

export const OWNERS: readonly string[] = [untimedId(0xa1), untimedId(0xa2)];
export const CALLERS: readonly Caller[] = [
  { role: "admin", ownerId: NIL_ID },
  { role: "merchant", ownerId: OWNERS[0] },
  { role: "user", ownerId: OWNERS[1] },
];

const known = new Map<string, readonly string[]>();

/** Wallet ids that lie on a shard, few enough that commands meet on them. */
export function walletsOf(shard: number, shardCount: number): readonly string[] {
  const key = `${shard} of ${shardCount}`;
  const ids = known.get(key) ?? findWallets(shard, shardCount);
  known.set(key, ids);
  return ids;
}

function findWallets(shard: number, shardCount: number): readonly string[] {
  const ids: string[] = [];
  for (let number = 0xb000; ids.length < WALLETS_PER_SHARD; number += 1) {
    const id = untimedId(number);
    if (shardOfUuid(id, shardCount) === shard) ids.push(id);
  }
  return ids;
}
