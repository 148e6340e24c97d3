import { CODE } from "../../protocol/codes.ts";
import { writeInt64 } from "../../protocol/int64.ts";
import { WALLET, WALLET_BYTES } from "../../protocol/result-record.ts";
import { availableMinor } from "../wallet/decide.ts";
import { NO_SLOT } from "../wallet/owners.ts";
import { WALLET_FLAG, type WalletColumns } from "../wallet/wallet-columns.ts";

/** Writes the wallet record of a slot, as look-ups and subscriptions return it. */
export function writeWallet(lanes: Uint32Array, at: number, wallets: WalletColumns, slot: number): void {
  const owner = wallets.owner[slot];
  for (let lane = 0; lane < 4; lane += 1) {
    lanes[at + lane] = wallets.ids[slot * 4 + lane];
    lanes[at + 4 + lane] = owner === NO_SLOT ? 0 : wallets.owners.ids[owner * 4 + lane];
  }
  const isAccount = (wallets.flags[slot] & WALLET_FLAG.account) !== 0;
  writeInt64(lanes, at + (WALLET.postedMinor >>> 2), wallets.postedMinor[slot]);
  writeInt64(lanes, at + (WALLET.availableMinor >>> 2), availableMinor(wallets, slot));
  writeInt64(lanes, at + (WALLET.heldMinor >>> 2), wallets.heldMinor[slot]);
  writeInt64(lanes, at + (WALLET.overdraftLimitMinor >>> 2), isAccount ? 0 : wallets.overdraftLimitMinor[slot]);
  writeInt64(lanes, at + (WALLET.version >>> 2), wallets.version[slot]);
  writeInt64(lanes, at + (WALLET.sequence >>> 2), wallets.head[slot]);
  lanes[at + (WALLET.code >>> 2)] = CODE.ok | (wallets.currency[slot] << 16);
  lanes[at + (WALLET.status >>> 2)] = wallets.status[slot] | (wallets.type[slot] << 8) | (wallets.shard << 16);
  lanes[at + 22] = 0;
  lanes[at + 23] = 0;
}

/** Writes the wallet record of an id that cannot be shown. */
export function writeNoWallet(lanes: Uint32Array, at: number, id: Uint32Array, idAt: number, code: number): void {
  lanes.fill(0, at, at + (WALLET_BYTES >>> 2));
  for (let lane = 0; lane < 4; lane += 1) lanes[at + lane] = id[idAt + lane];
  lanes[at + (WALLET.code >>> 2)] = code;
}
