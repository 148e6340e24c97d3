import { NO_SLOT } from "../wallet/owners.ts";
import { WALLET_FLAG, type WalletColumns } from "../wallet/wallet-columns.ts";

/**
 * Which wallets the gateway wants to hear about.
 *
 * A watched wallet has a bit in its flags, so that a command finds out for nothing. The bit is set while the wallet, or
 * its owner, is watched. Watches belong to the run: they are not journaled.
 */
export class Watches {
  readonly #wallets: WalletColumns;
  readonly #watchedSlots = new Set<number>();

  constructor(wallets: WalletColumns) {
    this.#wallets = wallets;
  }

  watchWallet(slot: number): void {
    this.#watchedSlots.add(slot);
    this.#wallets.flags[slot] |= WALLET_FLAG.watched;
  }

  unwatchWallet(slot: number): void {
    this.#watchedSlots.delete(slot);
    const owner = this.#wallets.owner[slot];
    const ownerIsWatched = owner !== NO_SLOT && this.#wallets.owners.watched[owner] === 1;
    if (!ownerIsWatched) this.#wallets.flags[slot] &= ~WALLET_FLAG.watched;
  }

  /** Watches an owner's wallets, later ones included, and returns the owner's index, or NO_SLOT where there is no room. */
  watchOwner(lanes: Uint32Array, at: number): number {
    const { owners } = this.#wallets;
    if (owners.find(lanes, at) < 0 && !owners.hasRoom()) return NO_SLOT;
    const owner = owners.findOrAdd(lanes, at);
    owners.watched[owner] = 1;
    for (const slot of this.slotsOf(owner)) this.#wallets.flags[slot] |= WALLET_FLAG.watched;
    return owner;
  }

  unwatchOwner(lanes: Uint32Array, at: number): void {
    const owner = this.#wallets.owners.find(lanes, at);
    if (owner < 0) return;
    this.#wallets.owners.watched[owner] = 0;
    for (const slot of this.slotsOf(owner)) {
      if (!this.#watchedSlots.has(slot)) this.#wallets.flags[slot] &= ~WALLET_FLAG.watched;
    }
  }

  /** The wallets of an owner, newest first. */
  slotsOf(owner: number): number[] {
    const slots: number[] = [];
    for (
      let slot = this.#wallets.owners.newestWallet[owner];
      slot !== NO_SLOT;
      slot = this.#wallets.nextOfOwner[slot]
    ) {
      slots.push(slot);
    }
    return slots;
  }
}
