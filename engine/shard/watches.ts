import { formatUuid } from "../../protocol/ids.ts";
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
  /** Owners watched before they had a wallet on this shard. */
  readonly #expectedOwners = new Set<string>();

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

  /** Watches the wallets of an owner, later ones included, and returns the slots of those there are. */
  watchOwner(lanes: Uint32Array, bytes: Uint8Array, at: number): number[] {
    const owner = this.#wallets.owners.find(lanes, at);
    if (owner < 0) {
      this.#expectedOwners.add(formatUuid(bytes, at * 4));
      return [];
    }
    this.#wallets.owners.watched[owner] = 1;
    const slots = this.#slotsOf(owner);
    for (const slot of slots) this.#wallets.flags[slot] |= WALLET_FLAG.watched;
    return slots;
  }

  unwatchOwner(lanes: Uint32Array, bytes: Uint8Array, at: number): void {
    this.#expectedOwners.delete(formatUuid(bytes, at * 4));
    const owner = this.#wallets.owners.find(lanes, at);
    if (owner < 0) return;
    this.#wallets.owners.watched[owner] = 0;
    for (const slot of this.#slotsOf(owner)) {
      if (!this.#watchedSlots.has(slot)) this.#wallets.flags[slot] &= ~WALLET_FLAG.watched;
    }
  }

  /** Called when a wallet was opened: its owner may have been waited for. */
  opened(slot: number): void {
    if (this.#expectedOwners.size === 0) return;
    const owner = this.#wallets.owner[slot];
    const { ids } = this.#wallets.owners;
    const id = formatUuid(new Uint8Array(ids.buffer, ids.byteOffset + owner * 16, 16));
    if (!this.#expectedOwners.has(id)) return;
    this.#wallets.owners.watched[owner] = 1;
    this.#wallets.flags[slot] |= WALLET_FLAG.watched;
  }

  #slotsOf(owner: number): number[] {
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
