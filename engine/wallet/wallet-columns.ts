import { WALLET_STATUS } from "../../protocol/command-record.ts";
import {
  LIQUIDITY_ACCOUNT,
  SYSTEM_ACCOUNT_KINDS,
  type SystemAccountKind,
  writeSystemAccountId,
} from "../../protocol/ids.ts";
import { AMOUNT_MINOR_MAX } from "../../protocol/limits.ts";
import { LimitTable } from "../limits/limit-table.ts";
import { RowGuard } from "../snapshot/row-guard.ts";
import { NO_SLOT, Owners } from "./owners.ts";
import { SlotIndex } from "./slot-index.ts";

/** Bits of the `flags` column. */
export const WALLET_FLAG = {
  /** A fixed account of the ledger, which moves only as the other side of a command. */
  account: 1,
  /** Somebody watches this wallet, so its changes are published. Belongs to the run, not to the state. */
  watched: 2,
  /** Part of the balance is held. */
  held: 4,
  /** The wallet has an overdraft limit. */
  overdraft: 8,
  /** Every shard takes credits for this wallet; this is its home. */
  striped: 16,
  /** The slot gathers credits for a wallet whose home is another shard. */
  stripe: 32,
  /** The wallet has a row in the table of limits: what it moves is counted. */
  limited: 64,
} as const;

/** What is available differs from the balance, so a record of the wallet has to say both. */
const SHOWS_AVAILABLE = WALLET_FLAG.held | WALLET_FLAG.overdraft;

/** What of a slot may change after it was opened, as the guard keeps it. */
export const IMAGE = {
  postedMinor: 0,
  overdraftLimitMinor: 1,
  heldMinor: 2,
  version: 3,
  head: 4,
  status: 5,
  flags: 6,
} as const;
const IMAGE_VALUES = 7;

/** The columns of a shard's wallets that other threads read; a slot's row is written before any record names it, and stays. */
export interface SharedColumns {
  /** 16 bytes a slot. */
  readonly ids: SharedArrayBuffer;
  /** ISO 4217 number, 16 bits a slot. */
  readonly currencies: SharedArrayBuffer;
}

/**
 * The wallets of one shard, a slot each, a column per field.
 *
 * The columns have their full length from the start; the operating system gives memory to the parts that are written,
 * so growing costs a page fault and never a copy.
 *
 * **Units**: 60 bytes a wallet in columns, 8 in the index, and 29 for an owner of its own: about 100 bytes.
 */
export class WalletColumns {
  readonly shared: SharedColumns;
  readonly ids: Uint32Array;
  readonly postedMinor: Float64Array;
  readonly overdraftLimitMinor: Float64Array;
  /** What is left of all the wallet's open holds. */
  readonly heldMinor: Float64Array;
  /** Changes of the wallet so far, postings and others; 1 when it is opened. */
  readonly version: Float64Array;
  /** Sequence of the wallet's newest record: the head of its chain through the journal. */
  readonly head: Float64Array;
  readonly owner: Uint32Array;
  readonly nextOfOwner: Uint32Array;
  readonly currency: Uint16Array;
  readonly status: Uint8Array;
  readonly type: Uint8Array;
  readonly flags: Uint8Array;
  readonly owners: Owners;
  readonly limits: LimitTable;
  /** Asked before the balance, version, head, status or flags of a slot change. */
  readonly guard: RowGuard;
  readonly capacity: number;
  readonly shard: number;
  readonly #index: SlotIndex;
  /** Currency number → slot of its first account; the four accounts of a currency are neighbours. */
  readonly #accounts = new Int32Array(1_000).fill(-1);
  /** Currency number → slot of its liquidity account. */
  readonly #liquidity = new Int32Array(1_000).fill(-1);
  #count = 0;
  #mayShowAvailable = false;

  /** `calendarTimeZone` is where the days and months of limits begin. */
  constructor(shard: number, capacity: number, calendarTimeZone = "UTC") {
    this.shard = shard;
    this.capacity = capacity;
    // Whoever reads the journal turns its slots into ids.
    this.shared = { ids: new SharedArrayBuffer(capacity * 16), currencies: new SharedArrayBuffer(capacity * 2) };
    this.ids = new Uint32Array(this.shared.ids);
    this.postedMinor = new Float64Array(capacity);
    this.overdraftLimitMinor = new Float64Array(capacity);
    this.heldMinor = new Float64Array(capacity);
    this.version = new Float64Array(capacity);
    this.head = new Float64Array(capacity);
    this.owner = new Uint32Array(capacity);
    this.nextOfOwner = new Uint32Array(capacity);
    this.currency = new Uint16Array(this.shared.currencies);
    this.status = new Uint8Array(capacity);
    this.type = new Uint8Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.owners = new Owners(capacity);
    this.limits = new LimitTable(this, calendarTimeZone);
    this.guard = new RowGuard(IMAGE_VALUES, (slot, to, at) => this.#copyImage(slot, to, at));
    this.#index = new SlotIndex(this.ids);
  }

  /** Slots in use, the fixed accounts included. */
  get count(): number {
    return this.#count;
  }

  /** The slot of a wallet id, or -1. */
  find(lanes: Uint32Array, at: number): number {
    return this.#index.find(lanes, at);
  }

  /** Whether a record may have to say more than a movement: what is available, or the limit that refused it. */
  get mayWiden(): boolean {
    return this.#mayShowAvailable || !this.limits.isUnused;
  }

  /** Whether what is available in one of two slots may differ from its balance. */
  showsAvailable(slot: number, other: number): boolean {
    return ((this.flags[slot] | this.flags[other]) & SHOWS_AVAILABLE) !== 0;
  }

  /** Whether limits may refuse or count what moves between two slots. */
  mayHaveLimits(slot: number, other: number): boolean {
    return ((this.flags[slot] | this.flags[other]) & WALLET_FLAG.limited) !== 0 || this.limits.hasTypeLimits;
  }

  /** Notes that a wallet has a row in the table of limits. */
  markLimited(slot: number): void {
    this.guard.touch(slot);
    this.flags[slot] |= WALLET_FLAG.limited;
  }

  isAccount(slot: number): boolean {
    return (this.flags[slot] & WALLET_FLAG.account) !== 0;
  }

  /** Whether a slot is that of a wallet: neither an account nor the stripe of a wallet whose home is another shard. */
  isHome(slot: number): boolean {
    return (this.flags[slot] & (WALLET_FLAG.account | WALLET_FLAG.stripe)) === 0;
  }

  /** Whether no other shard takes credits for a wallet, so that what enters it can be counted here. */
  takesCreditsHereOnly(slot: number): boolean {
    return (this.flags[slot] & WALLET_FLAG.striped) === 0;
  }

  /** Whether a wallet of this currency may still be opened, with the accounts it may bring along. */
  hasRoom(): boolean {
    return this.#count + 1 + SYSTEM_ACCOUNT_KINDS.length <= this.capacity;
  }

  /** Whether the liquidity accounts that an exchange may bring along fit. */
  hasLiquidityRoom(): boolean {
    return this.#count + 2 <= this.capacity;
  }

  /** The slot of an account in a currency; the currency has wallets on this shard. */
  account(currency: number, kind: (typeof SYSTEM_ACCOUNT_KINDS)[number]): number {
    return this.#accounts[currency] + SYSTEM_ACCOUNT_KINDS.indexOf(kind);
  }

  /** The slot of the liquidity account of a currency, or -1 where nothing was exchanged in it yet. */
  liquidity(currency: number): number {
    return this.#liquidity[currency];
  }

  /** The slot of the liquidity account of a currency, which is opened where it is missing. */
  openLiquidity(currency: number): number {
    if (this.#liquidity[currency] < 0) {
      this.#liquidity[currency] = this.#count;
      this.#openAccount(currency, LIQUIDITY_ACCOUNT);
    }
    return this.#liquidity[currency];
  }

  /** Sets a wallet's overdraft limit. */
  setOverdraftLimit(slot: number, limitMinor: number): void {
    this.guard.touch(slot);
    this.overdraftLimitMinor[slot] = limitMinor;
    this.#mark(slot, WALLET_FLAG.overdraft, limitMinor !== 0);
  }

  /** Sets aside more of a wallet's balance, or with a negative amount less. */
  addHeld(slot: number, amountMinor: number): void {
    this.guard.touch(slot);
    this.heldMinor[slot] += amountMinor;
    this.#mark(slot, WALLET_FLAG.held, this.heldMinor[slot] !== 0);
  }

  #mark(slot: number, flag: number, isSet: boolean): void {
    if (isSet) {
      this.flags[slot] |= flag;
      this.#mayShowAvailable = true;
    } else {
      this.flags[slot] &= ~flag;
    }
  }

  /** The slot of the funding account of a currency; its accounts are opened where they are missing. */
  openCurrency(currency: number): number {
    if (this.#accounts[currency] < 0) this.#openAccounts(currency);
    return this.account(currency, "funding");
  }

  /** Currencies with accounts on this shard, as ISO 4217 numbers. */
  currencies(): number[] {
    return Array.from(this.#accounts.keys()).filter((currency) => this.#accounts[currency] >= 0);
  }

  /**
   * Opens a wallet in a new slot and returns it; the first one in a currency opens the accounts in that currency before.
   *
   * The id and owner are read from lanes; the version starts at 1.
   */
  open(
    idLanes: Uint32Array,
    idAt: number,
    ownerAt: number,
    currency: number,
    type: number,
    overdraftLimitMinor: number,
    sequence: number,
  ): number {
    this.openCurrency(currency);
    const slot = this.#take(idLanes, idAt, currency);
    const owner = this.owners.findOrAdd(idLanes, ownerAt);
    this.owner[slot] = owner;
    this.nextOfOwner[slot] = this.owners.newestWallet[owner];
    this.owners.newestWallet[owner] = slot;
    this.type[slot] = type;
    this.status[slot] = WALLET_STATUS.pending;
    this.version[slot] = 1;
    this.head[slot] = sequence;
    this.flags[slot] = this.owners.watched[owner] === 1 ? WALLET_FLAG.watched : 0;
    this.setOverdraftLimit(slot, overdraftLimitMinor);
    return slot;
  }

  /** Opens the slot in which credits are gathered for a wallet of another shard; nobody owns it here. */
  openStripe(idLanes: Uint32Array, currency: number, type: number, sequence: number): number {
    if (this.#accounts[currency] < 0) this.#openAccounts(currency);
    const slot = this.#take(idLanes, 0, currency);
    this.owner[slot] = NO_SLOT;
    this.nextOfOwner[slot] = NO_SLOT;
    this.type[slot] = type;
    this.overdraftLimitMinor[slot] = 0;
    this.version[slot] = 1;
    this.head[slot] = sequence;
    this.flags[slot] = WALLET_FLAG.stripe;
    return slot;
  }

  /** Takes back every slot from `count` on, newest first: how a linked run that fails undoes the wallets it opened. */
  truncate(count: number): void {
    while (this.#count > count) {
      const slot = this.#count - 1;
      if ((this.flags[slot] & WALLET_FLAG.account) !== 0) {
        if (this.#accounts[this.currency[slot]] === slot) this.#accounts[this.currency[slot]] = -1;
        if (this.#liquidity[this.currency[slot]] === slot) this.#liquidity[this.currency[slot]] = -1;
      } else {
        const owner = this.owner[slot];
        this.owners.newestWallet[owner] = this.nextOfOwner[slot];
        // An owner who was known before, because somebody watches him, is not the newest or stays known.
        const cameWithIt = this.nextOfOwner[slot] === NO_SLOT && owner === this.owners.count - 1;
        if (cameWithIt && this.owners.watched[owner] === 0) this.owners.removeNewest();
      }
      this.#index.remove(slot);
      this.#count -= 1;
    }
  }

  /**
   * Puts the next slots in use, whose columns were filled from outside: how a snapshot is loaded.
   *
   * The owners who come with them, each with a first wallet among them, are given in the order of those wallets.
   */
  adopt(count: number, newOwnerIds: Uint32Array): void {
    let ownerAt = 0;
    for (let slot = this.#count; slot < this.#count + count; slot += 1) {
      this.#index.add(slot);
      if ((this.flags[slot] & SHOWS_AVAILABLE) !== 0) this.#mayShowAvailable = true;
      if (!this.isHome(slot)) {
        this.owner[slot] = NO_SLOT;
        if (this.isAccount(slot)) this.#adoptAccount(slot);
        continue;
      }
      const previous = this.nextOfOwner[slot];
      let owner = previous === NO_SLOT ? NO_SLOT : this.owner[previous];
      if (owner === NO_SLOT) {
        owner = this.owners.add(newOwnerIds, ownerAt);
        ownerAt += 4;
      }
      this.owner[slot] = owner;
      this.owners.newestWallet[owner] = slot;
    }
    this.#count += count;
  }

  /** The accounts of a currency begin with the first kind; the liquidity account stands apart. */
  #adoptAccount(slot: number): void {
    const kind = this.ids[slot * 4 + 3] >>> 24;
    if (kind === 0) this.#accounts[this.currency[slot]] = slot;
    else if (kind === SYSTEM_ACCOUNT_KINDS.length) this.#liquidity[this.currency[slot]] = slot;
  }

  #copyImage(slot: number, to: Float64Array, at: number): void {
    to[at + IMAGE.postedMinor] = this.postedMinor[slot];
    to[at + IMAGE.overdraftLimitMinor] = this.overdraftLimitMinor[slot];
    to[at + IMAGE.heldMinor] = this.heldMinor[slot];
    to[at + IMAGE.version] = this.version[slot];
    to[at + IMAGE.head] = this.head[slot];
    to[at + IMAGE.status] = this.status[slot];
    to[at + IMAGE.flags] = this.flags[slot];
  }

  #openAccounts(currency: number): void {
    this.#accounts[currency] = this.#count;
    for (const kind of SYSTEM_ACCOUNT_KINDS) this.#openAccount(currency, kind);
  }

  #openAccount(currency: number, kind: SystemAccountKind): void {
    const id = new Uint32Array(4);
    writeSystemAccountId(new Uint8Array(id.buffer), 0, this.shard, currency, kind);
    const slot = this.#take(id, 0, currency);
    this.owner[slot] = NO_SLOT;
    this.nextOfOwner[slot] = NO_SLOT;
    this.type[slot] = 3;
    this.status[slot] = WALLET_STATUS.active;
    this.overdraftLimitMinor[slot] = AMOUNT_MINOR_MAX;
    this.version[slot] = 0;
    this.head[slot] = 0;
    this.flags[slot] = WALLET_FLAG.account;
  }

  #take(idLanes: Uint32Array, idAt: number, currency: number): number {
    if (this.#count >= this.capacity) throw new Error("wallet columns are full; hasRoom was not asked");
    const slot = this.#count;
    this.#count += 1;
    for (let lane = 0; lane < 4; lane += 1) this.ids[slot * 4 + lane] = idLanes[idAt + lane];
    this.postedMinor[slot] = 0;
    this.heldMinor[slot] = 0;
    this.currency[slot] = currency;
    this.#index.add(slot);
    return slot;
  }
}
