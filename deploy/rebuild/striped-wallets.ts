import type { ShardState } from "../../engine/shard/shard-state.ts";
import { availableMinor } from "../../engine/wallet/decide.ts";
import { WALLET_FLAG } from "../../engine/wallet/wallet-columns.ts";
import { uuidBytes } from "../../protocol/ids.ts";
import type { RebuiltSide } from "./shard-writer.ts";

/** How the ids begin of the transfers by which stripes send home what they hold; no client may use the variant in them. */
const SWEEP = Buffer.from("736c69636500", "hex");
const SWEEP_VARIANT_OFFSET = 8;
const SWEEP_VARIANT = 0xc0;

const SHOWS_AVAILABLE = WALLET_FLAG.held | WALLET_FLAG.overdraft;

/** Whether an id is that of a transfer from a stripe of a wallet to its home. */
export function isSweepId(id: string): boolean {
  const bytes = Buffer.from(uuidBytes(id));
  return bytes.subarray(0, SWEEP.byteLength).equals(SWEEP) && bytes[SWEEP_VARIANT_OFFSET] === SWEEP_VARIANT;
}

/**
 * The striped wallets of a ledger whose number of shards changes.
 *
 * Which stripe takes a credit follows from the number of shards, so what the old stripes took is brought home: every credit
 * is written as one of the wallet itself, and the transfers that emptied stripes are left out. The wallet's total is the
 * same at each moment; its balance at home, versions and what was available then are told anew.
 */
export class StripedWallets {
  readonly #ids = new Set<string>();

  add(walletId: string): void {
    this.#ids.add(walletId);
  }

  has(walletId: string): boolean {
    return this.#ids.size > 0 && this.#ids.has(walletId);
  }

  /** A side of a posting as it is on the wallet's new home, where the posting has not been made yet. */
  side<Side extends RebuiltSide>(side: Side, changeMinor: number, state: ShardState, wasAtHome: boolean): Side {
    if (!this.has(side.walletId)) return side;
    const { wallets } = state;
    const slot = slotOf(state, side.walletId);
    const postedMinor = wallets.postedMinor[slot] + changeMinor;
    const restated = { ...side, postedMinor, version: wallets.version[slot] + 1 };
    // What a capture releases is known from the old home only; a stripe has no holds and takes no captures of its own.
    if (wasAtHome && side.availableMinor !== undefined) {
      return { ...restated, availableMinor: side.availableMinor + postedMinor - side.postedMinor };
    }
    const isShown = side.availableMinor !== undefined || (wallets.flags[slot] & SHOWS_AVAILABLE) !== 0;
    return isShown ? { ...restated, availableMinor: availableMinor(wallets, slot) + changeMinor } : restated;
  }

  /** What became of a wallet by a change that moved no money, on its new home. */
  change<
    Change extends {
      readonly walletId: string;
      readonly postedMinor: number;
      readonly availableMinor: number;
      readonly version: number;
    },
  >(change: Change, state: ShardState): Change {
    if (!this.has(change.walletId)) return change;
    const { wallets } = state;
    const slot = slotOf(state, change.walletId);
    const postedMinor = wallets.postedMinor[slot];
    return {
      ...change,
      postedMinor,
      availableMinor: change.availableMinor + postedMinor - change.postedMinor,
      version: wallets.version[slot] + 1,
    };
  }
}

function slotOf(state: ShardState, walletId: string): number {
  const slot = state.findWallet(walletId);
  if (slot < 0) throw new Error(`wallet ${walletId} was never opened`);
  return slot;
}
