import { sameId } from "../../protocol/ids.ts";
import { REQUEST, ROLE } from "../port/entries.ts";
import { NO_SLOT } from "../wallet/owners.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";

/** On whose behalf the current request is decided: loaded once a request, asked once a wallet. */
export class RequestPrincipal {
  isAdmin = false;
  readonly ownerId = new Uint32Array(4);
  readonly #wallets: WalletColumns;
  #owner = NO_SLOT;

  constructor(wallets: WalletColumns) {
    this.#wallets = wallets;
  }

  /** Takes the principal from the header of a request. */
  load(lanes: Uint32Array, entryAt: number): void {
    this.isAdmin = lanes[entryAt + REQUEST.role] === ROLE.admin;
    for (let lane = 0; lane < 4; lane += 1) this.ownerId[lane] = lanes[entryAt + REQUEST.ownerId + lane];
    this.#findOwner();
  }

  /** Takes a principal whose request was put off. */
  assume(isAdmin: boolean, ownerId: Uint32Array): void {
    this.isAdmin = isAdmin;
    this.ownerId.set(ownerId);
    this.#findOwner();
  }

  #findOwner(): void {
    const owner = this.#wallets.owners.find(this.ownerId, 0);
    this.#owner = owner < 0 ? NO_SLOT - 1 : owner;
  }

  /** Whether a wallet may be seen and used. */
  mayTouch(slot: number): boolean {
    return this.isAdmin || this.#wallets.owner[slot] === this.#owner;
  }

  /** Whether wallets may be opened for the owner id at a lane. A first wallet makes its owner known. */
  isOwner(lanes: Uint32Array, at: number): boolean {
    return this.isAdmin || sameId(this.ownerId, 0, lanes, at);
  }

  /** Called after wallets were opened, which may have made the owner known. */
  refresh(): void {
    const owner = this.#wallets.owners.find(this.ownerId, 0);
    if (owner >= 0) this.#owner = owner;
  }
}
