import type { ShardState } from "../engine/shard/shard-state.ts";
import { availableMinor } from "../engine/wallet/decide.ts";
import { NO_SLOT } from "../engine/wallet/owners.ts";
import { WALLET_FLAG } from "../engine/wallet/wallet-columns.ts";
import { WALLET_STATUS_NAMES, WALLET_TYPE_NAMES } from "../protocol/command-record.ts";
import { currencyOf } from "../protocol/currencies.ts";
import { formatUuid } from "../protocol/ids.ts";

/** A wallet as people read it. */
export function viewWallet(state: ShardState, slot: number): object {
  const { wallets, shard } = state;
  const owner = wallets.owner[slot];
  const ownerIds = wallets.owners.ids;
  return {
    id: state.walletId(slot),
    ownerId: owner === NO_SLOT ? null : formatUuid(new Uint8Array(ownerIds.buffer, ownerIds.byteOffset), owner * 16),
    isAccount: (wallets.flags[slot] & WALLET_FLAG.account) !== 0,
    type: WALLET_TYPE_NAMES[wallets.type[slot]],
    status: WALLET_STATUS_NAMES[wallets.status[slot]],
    currency: currencyOf(wallets.currency[slot]) ?? wallets.currency[slot],
    postedMinor: wallets.postedMinor[slot],
    availableMinor: availableMinor(wallets, slot),
    overdraftLimitMinor: wallets.overdraftLimitMinor[slot],
    version: wallets.version[slot],
    position: `${shard}:${wallets.head[slot]}`,
    slot,
  };
}
