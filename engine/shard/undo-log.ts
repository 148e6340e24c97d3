import type { LimitRowImage } from "../limits/limit-table.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";

interface SavedWallet {
  readonly slot: number;
  readonly postedMinor: number;
  readonly overdraftLimitMinor: number;
  readonly version: number;
  readonly head: number;
  readonly status: number;
  readonly heldMinor: number;
  readonly flags: number;
  readonly limits: LimitRowImage | undefined;
}

/** What the commands of a linked run changed, so that all of it can be taken back when one of them fails. */
export class UndoLog {
  readonly #wallets: WalletColumns;
  readonly #saved: SavedWallet[] = [];
  readonly #reverts: (() => void)[] = [];
  #count = 0;
  #limitRows = 0;
  #isOpen = false;

  constructor(wallets: WalletColumns) {
    this.#wallets = wallets;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  begin(): void {
    this.#isOpen = true;
    this.#count = this.#wallets.count;
    this.#limitRows = this.#wallets.limits.count;
    this.#saved.length = 0;
    this.#reverts.length = 0;
  }

  /** Called before a wallet changes. */
  save(slot: number): void {
    const { postedMinor, overdraftLimitMinor, version, head, status, heldMinor, flags } = this.#wallets;
    this.#saved.push({
      slot,
      postedMinor: postedMinor[slot],
      overdraftLimitMinor: overdraftLimitMinor[slot],
      version: version[slot],
      head: head[slot],
      status: status[slot],
      heldMinor: heldMinor[slot],
      flags: flags[slot],
      limits: this.#wallets.limits.image(slot),
    });
  }

  /** Called with what takes back a change of anything but a wallet, right after it was made. */
  add(revert: () => void): void {
    this.#reverts.push(revert);
  }

  keep(): void {
    this.#isOpen = false;
  }

  /** Puts everything back as it was at `begin`. */
  undo(): void {
    this.#isOpen = false;
    const wallets = this.#wallets;
    for (const revert of this.#reverts.reverse()) revert();
    for (let i = this.#saved.length - 1; i >= 0; i -= 1) {
      const saved = this.#saved[i];
      wallets.postedMinor[saved.slot] = saved.postedMinor;
      wallets.overdraftLimitMinor[saved.slot] = saved.overdraftLimitMinor;
      wallets.version[saved.slot] = saved.version;
      wallets.head[saved.slot] = saved.head;
      wallets.status[saved.slot] = saved.status;
      wallets.heldMinor[saved.slot] = saved.heldMinor;
      wallets.flags[saved.slot] = saved.flags;
      if (saved.limits !== undefined) wallets.limits.restore(saved.limits);
    }
    wallets.limits.truncate(this.#limitRows);
    wallets.truncate(this.#count);
  }
}
