import { SlotIndex } from "./slot-index.ts";

/** No slot: the end of a list of wallets. */
export const NO_SLOT = 0xffff_ffff;

/**
 * The owners of a shard's wallets: each has a dense index, the newest of its wallets, and whether somebody watches them.
 *
 * The wallets of an owner form a list through `WalletColumns.nextOfOwner`.
 */
export class Owners {
  readonly ids: Uint32Array;
  readonly newestWallet: Uint32Array;
  readonly watched: Uint8Array;
  readonly #index: SlotIndex;
  #count = 0;

  /** `ownersMax` is how many may have wallets; as many again may be watched before they have one. */
  constructor(ownersMax: number) {
    this.ids = new Uint32Array(2 * ownersMax * 4);
    this.newestWallet = new Uint32Array(2 * ownersMax);
    this.watched = new Uint8Array(2 * ownersMax);
    this.#index = new SlotIndex(this.ids);
  }

  get count(): number {
    return this.#count;
  }

  /** Whether one more owner fits, and every wallet that may still be opened can have an owner of its own. */
  hasRoom(): boolean {
    return this.#count < this.watched.length >>> 1;
  }

  /** The index of an owner, or -1. */
  find(lanes: Uint32Array, at: number): number {
    return this.#index.find(lanes, at);
  }

  /** The index of an owner, who is added if new. There is room, since `hasRoom` or `WalletColumns.hasRoom` was asked. */
  findOrAdd(lanes: Uint32Array, at: number): number {
    const found = this.#index.find(lanes, at);
    return found >= 0 ? found : this.add(lanes, at);
  }

  /** The index of an owner who is not known yet. */
  add(lanes: Uint32Array, at: number): number {
    const owner = this.#count;
    this.#count += 1;
    for (let lane = 0; lane < 4; lane += 1) this.ids[owner * 4 + lane] = lanes[at + lane];
    this.newestWallet[owner] = NO_SLOT;
    this.watched[owner] = 0;
    this.#index.add(owner);
    return owner;
  }

  /** Forgets the newest owner, when the wallet that brought it was not opened after all. */
  removeNewest(): void {
    this.#index.remove(this.#count - 1);
    this.#count -= 1;
  }
}
