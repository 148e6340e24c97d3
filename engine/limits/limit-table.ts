import type { WalletLimits } from "../../protocol/wallet-limits.ts";
import { RowGuard } from "../snapshot/row-guard.ts";
import { Calendar } from "./calendar.ts";
import {
  NO_LIMIT,
  ROW_VALUES,
  readLimits,
  SIDE,
  SIDE_VALUES,
  SIDES,
  type Side,
  VALUE,
  writeLimits,
} from "./limit-values.ts";
import {
  addAmount,
  addMovement,
  ROW_USAGE,
  SCOPE,
  SCOPES,
  SIDE_USAGE,
  takeBackAmount,
  takeBackMovement,
} from "./usage.ts";

/** The limit that refused a movement. */
export interface LimitRefusal {
  /** See `LIMIT` and `LIMIT_OF_TYPE`. */
  readonly limit: number;
  /** **Units**: minor, or a count. */
  readonly value: number;
  readonly left: number;
  /** 0 where it never resets, or where no window runs. */
  readonly resetsAtMs: number;
}

/** What the table needs of the wallets that it is for. */
interface LimitedWallets {
  readonly capacity: number;
  readonly currency: Uint16Array;
  readonly type: Uint8Array;
  isHome(slot: number): boolean;
  takesCreditsHereOnly(slot: number): boolean;
  markLimited(slot: number): void;
}

/** Rows that are kept together. */
const PAGE_ROWS = 4_096;

/** The rows of a page, a column per field. */
interface LimitPage {
  readonly slot: Uint32Array;
  /** Sequence of the record from which on the wallet's movements are counted. */
  readonly since: Float64Array;
  /** The wallet's own limits. */
  readonly values: Float64Array;
  readonly usage: Float64Array;
}

/** A wallet's row as numbers: its slot, since when it counts, its own limits, and its usage. */
export const LIMIT_ROW_VALUES = 2 + ROW_VALUES + ROW_USAGE;
/** The limits of a type as numbers: its key, and the limits. */
export const TYPE_ROW_VALUES = 1 + ROW_VALUES;

/** A wallet's row, outside the table. */
export interface LimitRowImage {
  readonly row: number;
  readonly values: Float64Array;
}

/** Types are numbered per currency, `currency * TYPES + type`. */
const TYPES = 4;
const TYPE_KEYS = 1_000 * TYPES;
/** The key of no type: its limits are never set. */
const NO_TYPE = 0;

/**
 * Where the limits and the usage of one wallet and side stand; index 0 of `values` and `valuesAt` is the wallet's own
 * limits, index 1 those of its type.
 */
export interface LimitPlace {
  readonly values: [Float64Array, Float64Array];
  readonly valuesAt: [number, number];
  usage: Float64Array;
  usageAt: number;
}

/**
 * Limits of wallets and of wallet types, and what of them is used.
 *
 * A wallet has a row from when it first gets limits of its own, or first moves while its type has some; from then on all
 * its movements are counted, whatever becomes of the limits. Other wallets cost nothing but the question.
 *
 * **Units**: 220 bytes a row, in pages of 4,096 that are made when needed, and 4 bytes a wallet to find its row.
 */
export class LimitTable {
  readonly calendar: Calendar;
  /** Asked before a row changes. */
  readonly guard = new RowGuard(LIMIT_ROW_VALUES, (row, to, at) => this.copyRow(row, to, at));
  /** The limit that refused a movement last. */
  refusal: LimitRefusal = { limit: 0, value: 0, left: 0, resetsAtMs: 0 };
  readonly #wallets: LimitedWallets;
  readonly #pages: LimitPage[] = [];
  /** Slot → row + 1. */
  readonly #rowOfSlot: Uint32Array;
  /** What is read for a wallet without a row. */
  readonly #noRow = newPage(1);
  readonly #types = new Float64Array(TYPE_KEYS * ROW_VALUES).fill(NO_LIMIT);
  readonly #isLimitedType = new Uint8Array(TYPE_KEYS);
  readonly #place: LimitPlace = {
    values: [this.#noRow.values, this.#types],
    valuesAt: [0, 0],
    usage: this.#noRow.usage,
    usageAt: 0,
  };
  #count = 0;
  #limitedTypes = 0;

  constructor(wallets: LimitedWallets, timeZone: string) {
    this.#wallets = wallets;
    this.calendar = new Calendar(timeZone);
    this.#rowOfSlot = new Uint32Array(wallets.capacity);
  }

  /** Rows in use. */
  get count(): number {
    return this.#count;
  }

  /** Whether any type of wallets has limits. */
  get hasTypeLimits(): boolean {
    return this.#limitedTypes > 0;
  }

  /** Whether no movement is refused by a limit, or counted. */
  get isUnused(): boolean {
    return this.#count === 0 && this.#limitedTypes === 0;
  }

  /** Whether the movements of a wallet are counted. */
  counts(slot: number): boolean {
    return this.#rowOfSlot[slot] !== 0 || this.#typeKey(slot) !== NO_TYPE;
  }

  /** Whether a movement that the record of a sequence made was counted. */
  hasCounted(slot: number, sequence: number): boolean {
    const row = this.#rowOfSlot[slot] - 1;
    return row >= 0 && sequence >= this.#page(row).since[row % PAGE_ROWS];
  }

  /** Where to read a wallet's limits for one side. Valid until the next call. */
  find(slot: number, side: Side): LimitPlace {
    const row = this.#rowOfSlot[slot] - 1;
    const page = row < 0 ? this.#noRow : this.#page(row);
    const at = row < 0 ? side : (row % PAGE_ROWS) * 2 + side;
    const place = this.#place;
    place.values[SCOPE.own] = page.values;
    place.valuesAt[SCOPE.own] = at * SIDE_VALUES;
    place.valuesAt[SCOPE.type] = this.#typeKey(slot) * ROW_VALUES + side * SIDE_VALUES;
    place.usage = page.usage;
    place.usageAt = at * SIDE_USAGE;
    return place;
  }

  /** Counts a movement of a wallet, made by the record of a sequence; gives the wallet a row where its type asks for one. */
  add(slot: number, side: Side, amountMinor: number, sequence: number): void {
    if (side === SIDE.credit && !this.#wallets.takesCreditsHereOnly(slot)) return;
    if (this.#rowOfSlot[slot] === 0) {
      if (this.#typeKey(slot) === NO_TYPE) return;
      this.#open(slot, sequence);
    }
    this.guard.touch(this.#rowOfSlot[slot] - 1);
    const { values, valuesAt, usage, usageAt } = this.find(slot, side);
    addAmount(usage, usageAt, amountMinor, this.calendar);
    for (const scope of SCOPES) {
      const at = valuesAt[scope];
      if (values[scope][at + VALUE.count] === NO_LIMIT) continue;
      addMovement(usage, usageAt, scope, values[scope][at + VALUE.windowMs], this.calendar);
    }
  }

  /**
   * Takes back what was counted for a wallet at a time, as far as day, month and windows of then are the current ones:
   * an amount, and with `isMovement` also that it was a movement.
   */
  takeBack(slot: number, side: Side, amountMinor: number, countedAtMs: number, isMovement: boolean): void {
    this.guard.touch(this.#rowOfSlot[slot] - 1);
    const { values, valuesAt, usage, usageAt } = this.find(slot, side);
    takeBackAmount(usage, usageAt, amountMinor, countedAtMs, this.calendar);
    if (!isMovement) return;
    for (const scope of SCOPES) {
      const windowMs = values[scope][valuesAt[scope] + VALUE.windowMs];
      takeBackMovement(usage, usageAt, scope, windowMs, countedAtMs, this.calendar);
    }
  }

  /** Sets the limits of a wallet itself, by the record of a sequence. */
  setOwn(slot: number, limits: WalletLimits, sequence: number): void {
    if (this.#rowOfSlot[slot] === 0) this.#open(slot, sequence);
    const row = this.#rowOfSlot[slot] - 1;
    this.guard.touch(row);
    writeLimits(this.#page(row).values, (row % PAGE_ROWS) * ROW_VALUES, limits);
  }

  /** Sets the limits of all wallets of a type in a currency. */
  setType(currency: number, type: number, limits: WalletLimits): void {
    const values = new Float64Array(ROW_VALUES);
    writeLimits(values, 0, limits);
    this.#setType(currency * TYPES + type, values);
  }

  /** The limits of a type in a currency as they were set. */
  ofType(currency: number, type: number): WalletLimits {
    return readLimits(this.#types, (currency * TYPES + type) * ROW_VALUES);
  }

  /** A copy of the limits of a type, for `restoreType`. */
  typeImage(currency: number, type: number): Float64Array {
    const at = (currency * TYPES + type) * ROW_VALUES;
    return this.#types.slice(at, at + ROW_VALUES);
  }

  restoreType(currency: number, type: number, image: Float64Array): void {
    this.#setType(currency * TYPES + type, image);
  }

  /** A copy of a wallet's row, for `restore`; undefined where it has none. */
  image(slot: number): LimitRowImage | undefined {
    const row = this.#rowOfSlot[slot] - 1;
    if (row < 0) return undefined;
    const values = new Float64Array(LIMIT_ROW_VALUES);
    this.copyRow(row, values, 0);
    return { row, values };
  }

  /** Puts a row back as it was. */
  restore({ row, values }: LimitRowImage): void {
    this.guard.touch(row);
    this.#writeRow(row, values, 0);
  }

  /** Writes LIMIT_ROW_VALUES numbers. */
  copyRow(row: number, to: Float64Array, at: number): void {
    const { slot, since, values, usage } = this.#page(row);
    const from = row % PAGE_ROWS;
    to[at] = slot[from];
    to[at + 1] = since[from];
    to.set(values.subarray(from * ROW_VALUES, (from + 1) * ROW_VALUES), at + 2);
    to.set(usage.subarray(from * ROW_USAGE, (from + 1) * ROW_USAGE), at + 2 + ROW_VALUES);
  }

  /** Adds a row from a snapshot; that the wallet has one is among the flags of the wallet already. */
  adoptRow(from: Float64Array, at: number): void {
    const row = this.#count;
    this.#makePage(row);
    this.#writeRow(row, from, at);
    this.#rowOfSlot[from[at]] = row + 1;
    this.#count += 1;
  }

  /** The types that have limits, TYPE_ROW_VALUES numbers each, in the order of their keys. */
  copyTypes(): Float64Array<ArrayBuffer> {
    const keys = Array.from(this.#isLimitedType.keys()).filter((key) => this.#isLimitedType[key] === 1);
    const copy = new Float64Array(keys.length * TYPE_ROW_VALUES);
    for (const [index, key] of keys.entries()) {
      copy[index * TYPE_ROW_VALUES] = key;
      copy.set(this.#types.subarray(key * ROW_VALUES, (key + 1) * ROW_VALUES), index * TYPE_ROW_VALUES + 1);
    }
    return copy;
  }

  /** Sets the limits of a type from a snapshot. */
  adoptType(from: Float64Array, at: number): void {
    this.#setType(from[at], from.subarray(at + 1, at + TYPE_ROW_VALUES));
  }

  /** Takes back every row from `count` on. */
  truncate(count: number): void {
    while (this.#count > count) {
      this.#count -= 1;
      this.#rowOfSlot[this.#page(this.#count).slot[this.#count % PAGE_ROWS]] = 0;
    }
  }

  #open(slot: number, sequence: number): void {
    const row = this.#count;
    const at = row % PAGE_ROWS;
    this.#makePage(row);
    const page = this.#page(row);
    page.slot[at] = slot;
    page.since[at] = sequence;
    page.values.fill(NO_LIMIT, at * ROW_VALUES, (at + 1) * ROW_VALUES);
    page.usage.fill(0, at * ROW_USAGE, (at + 1) * ROW_USAGE);
    this.#rowOfSlot[slot] = row + 1;
    this.#count += 1;
    this.#wallets.markLimited(slot);
  }

  #page(row: number): LimitPage {
    return this.#pages[Math.floor(row / PAGE_ROWS)];
  }

  #typeKey(slot: number): number {
    if (this.#limitedTypes === 0 || !this.#wallets.isHome(slot)) return NO_TYPE;
    const key = this.#wallets.currency[slot] * TYPES + this.#wallets.type[slot];
    return this.#isLimitedType[key] === 1 ? key : NO_TYPE;
  }

  #setType(key: number, values: Float64Array): void {
    this.#types.set(values, key * ROW_VALUES);
    const hadLimits = this.#isLimitedType[key];
    this.#isLimitedType[key] = SIDES.some((side) => hasLimits(values, side * SIDE_VALUES)) ? 1 : 0;
    this.#limitedTypes += this.#isLimitedType[key] - hadLimits;
  }

  #makePage(row: number): void {
    if (this.#pages.length * PAGE_ROWS === row) this.#pages.push(newPage(PAGE_ROWS));
  }

  #writeRow(row: number, from: Float64Array, at: number): void {
    const { slot, since, values, usage } = this.#page(row);
    const to = row % PAGE_ROWS;
    slot[to] = from[at];
    since[to] = from[at + 1];
    values.set(from.subarray(at + 2, at + 2 + ROW_VALUES), to * ROW_VALUES);
    usage.set(from.subarray(at + 2 + ROW_VALUES, at + LIMIT_ROW_VALUES), to * ROW_USAGE);
  }
}

function newPage(rows: number): LimitPage {
  return {
    slot: new Uint32Array(rows),
    since: new Float64Array(rows),
    values: new Float64Array(rows * ROW_VALUES).fill(NO_LIMIT),
    usage: new Float64Array(rows * ROW_USAGE),
  };
}

function hasLimits(values: Float64Array, at: number): boolean {
  return values.subarray(at, at + VALUE.windowMs).some((value) => value !== NO_LIMIT);
}
