import { RowGuard } from "../snapshot/row-guard.ts";
import { SlotIndex } from "../wallet/slot-index.ts";
import { ExpiryQueue } from "./expiry-queue.ts";

const NONE = 0xffff_ffff;

/** Numbers in a copy of a row. */
export const HOLD_VALUES = 14;

/** What a hold is opened with. */
export interface NewHold {
  readonly slot: number;
  readonly amountMinor: number;
  readonly placedAtMs: number;
  /** 0 = never. */
  readonly expiresAtMs: number;
  /** Sequence of the record that placed it. */
  readonly sequence: number;
}

/**
 * The open holds of a shard: a row each, rows without gaps, a column per field.
 *
 * A hold that ends gives its row to the last one, so the rows are a function of the journal alone.
 *
 * **Units**: about 110 bytes an open hold; columns have their full length from the start and cost memory once written.
 */
export class HoldTable {
  readonly ids: Uint32Array;
  readonly counterparties: Uint32Array;
  readonly slot: Uint32Array;
  readonly amountMinor: Float64Array;
  readonly remainingMinor: Float64Array;
  readonly placedAtMs: Float64Array;
  readonly expiresAtMs: Float64Array;
  readonly sequence: Float64Array;
  /** Captures of the hold that are under way between shards. They follow from the open transfers, so no snapshot has them. */
  readonly capturing: Uint32Array;
  /** Whether one of those is the final one. */
  readonly isEnding: Uint8Array;
  /** Asked before a row changes. */
  readonly guard: RowGuard;
  readonly #nextOfSlot: Uint32Array;
  readonly #previousOfSlot: Uint32Array;
  readonly #newestOfSlot = new Map<number, number>();
  readonly #index: SlotIndex;
  readonly #expiries: ExpiryQueue;
  readonly #capacity: number;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.ids = new Uint32Array(capacity * 4);
    this.counterparties = new Uint32Array(capacity * 4);
    this.slot = new Uint32Array(capacity);
    this.amountMinor = new Float64Array(capacity);
    this.remainingMinor = new Float64Array(capacity);
    this.placedAtMs = new Float64Array(capacity);
    this.expiresAtMs = new Float64Array(capacity);
    this.sequence = new Float64Array(capacity);
    this.capturing = new Uint32Array(capacity);
    this.isEnding = new Uint8Array(capacity);
    this.#nextOfSlot = new Uint32Array(capacity);
    this.#previousOfSlot = new Uint32Array(capacity);
    this.guard = new RowGuard(HOLD_VALUES, (row, to, at) => this.copyRow(row, to, at));
    this.#index = new SlotIndex(this.ids);
    this.#expiries = new ExpiryQueue(this.expiresAtMs);
  }

  get count(): number {
    return this.#count;
  }

  hasRoom(): boolean {
    return this.#count < this.#capacity;
  }

  /** The row of a hold id, or -1 where no open hold has it. */
  find(lanes: Uint32Array, at: number): number {
    return this.#index.find(lanes, at);
  }

  /** Opens a hold; its id and the wallet that captures may credit are read from lanes. */
  open(lanes: Uint32Array, idAt: number, counterpartyAt: number, hold: NewHold): void {
    const row = this.#count;
    this.guard.touch(row);
    this.#count += 1;
    for (let lane = 0; lane < 4; lane += 1) {
      this.ids[row * 4 + lane] = lanes[idAt + lane];
      this.counterparties[row * 4 + lane] = lanes[counterpartyAt + lane];
    }
    this.slot[row] = hold.slot;
    this.amountMinor[row] = hold.amountMinor;
    this.remainingMinor[row] = hold.amountMinor;
    this.placedAtMs[row] = hold.placedAtMs;
    this.expiresAtMs[row] = hold.expiresAtMs;
    this.sequence[row] = hold.sequence;
    this.capturing[row] = 0;
    this.isEnding[row] = 0;
    this.#enter(row);
  }

  /** Counts a capture that is under way between shards from now on. */
  beginCapture(row: number, isFinal: boolean): void {
    this.capturing[row] += 1;
    if (isFinal) this.isEnding[row] = 1;
  }

  /** Counts one less. */
  endCapture(row: number, isFinal: boolean): void {
    this.capturing[row] -= 1;
    if (isFinal) this.isEnding[row] = 0;
  }

  /** Ends a hold: its row goes to the last one. */
  close(row: number): void {
    const last = this.#count - 1;
    this.guard.touch(row);
    this.guard.touch(last);
    this.#leave(row);
    if (row !== last) {
      this.#leave(last);
      this.#copy(last, row);
      this.#enter(row);
    }
    this.#count = last;
  }

  /** Puts a hold back as it was: what was captured, and where it was closed also the row that it had. */
  restore(row: number, image: HoldImage): void {
    this.guard.touch(row);
    this.guard.touch(this.#count);
    if (row < this.#count && this.find(image.id, 0) === row) this.remainingMinor[row] = image.remainingMinor;
    else this.#reopen(row, image);
  }

  /** Takes back `close`: puts a hold into its row again, and the one that moved there behind the last. */
  #reopen(row: number, image: HoldImage): void {
    const last = this.#count;
    if (row !== last) {
      this.#leave(row);
      this.#copy(row, last);
      this.#enter(last);
    }
    this.#count += 1;
    this.ids.set(image.id, row * 4);
    this.counterparties.set(image.counterparty, row * 4);
    this.slot[row] = image.slot;
    this.amountMinor[row] = image.amountMinor;
    this.remainingMinor[row] = image.remainingMinor;
    this.placedAtMs[row] = image.placedAtMs;
    this.expiresAtMs[row] = image.expiresAtMs;
    this.sequence[row] = image.sequence;
    this.capturing[row] = image.capturing;
    this.isEnding[row] = image.isEnding;
    this.#enter(row);
  }

  /** A copy of a row, for `restore`. */
  image(row: number): HoldImage {
    return {
      id: this.ids.slice(row * 4, row * 4 + 4),
      counterparty: this.counterparties.slice(row * 4, row * 4 + 4),
      slot: this.slot[row],
      amountMinor: this.amountMinor[row],
      remainingMinor: this.remainingMinor[row],
      placedAtMs: this.placedAtMs[row],
      expiresAtMs: this.expiresAtMs[row],
      sequence: this.sequence[row],
      capturing: this.capturing[row],
      isEnding: this.isEnding[row],
    };
  }

  /** Whether captures of a hold may credit one wallet only. */
  hasCounterparty(row: number): boolean {
    const at = row * 4;
    const ids = this.counterparties;
    return (ids[at] | ids[at + 1] | ids[at + 2] | ids[at + 3]) !== 0;
  }

  /** The hold that lapses first, if it has lapsed by a time; else -1. */
  lapsed(clockMs: number): number {
    const row = this.#expiries.first();
    return row >= 0 && this.expiresAtMs[row] <= clockMs ? row : -1;
  }

  /** When the next hold lapses, or infinity. **Units**: milliseconds since the epoch. */
  nextExpiryMs(): number {
    const row = this.#expiries.first();
    return row < 0 ? Number.POSITIVE_INFINITY : this.expiresAtMs[row];
  }

  /** The open holds of a wallet, in no particular order. */
  *ofSlot(slot: number): Generator<number> {
    for (let row = this.#newestOfSlot.get(slot) ?? NONE; row !== NONE; row = this.#nextOfSlot[row]) yield row;
  }

  /** Changes what is left of a hold. */
  addRemaining(row: number, amountMinor: number): void {
    this.guard.touch(row);
    this.remainingMinor[row] += amountMinor;
  }

  /** Writes a row as numbers: id and wallet to credit (4 lanes each), slot, amount, what is left, placed, expires, sequence. */
  copyRow(row: number, to: Float64Array, at: number): void {
    for (let lane = 0; lane < 4; lane += 1) {
      to[at + lane] = this.ids[row * 4 + lane];
      to[at + 4 + lane] = this.counterparties[row * 4 + lane];
    }
    to[at + 8] = this.slot[row];
    to[at + 9] = this.amountMinor[row];
    to[at + 10] = this.remainingMinor[row];
    to[at + 11] = this.placedAtMs[row];
    to[at + 12] = this.expiresAtMs[row];
    to[at + 13] = this.sequence[row];
  }

  /** Puts the next row in use, from numbers as `copyRow` writes them: how a snapshot is loaded. */
  adopt(from: Float64Array, at: number): void {
    const row = this.#count;
    this.#count += 1;
    for (let lane = 0; lane < 4; lane += 1) {
      this.ids[row * 4 + lane] = from[at + lane];
      this.counterparties[row * 4 + lane] = from[at + 4 + lane];
    }
    this.slot[row] = from[at + 8];
    this.amountMinor[row] = from[at + 9];
    this.remainingMinor[row] = from[at + 10];
    this.placedAtMs[row] = from[at + 11];
    this.expiresAtMs[row] = from[at + 12];
    this.sequence[row] = from[at + 13];
    this.capturing[row] = 0;
    this.isEnding[row] = 0;
    this.#enter(row);
  }

  #enter(row: number): void {
    const newest = this.#newestOfSlot.get(this.slot[row]) ?? NONE;
    this.#nextOfSlot[row] = newest;
    this.#previousOfSlot[row] = NONE;
    if (newest !== NONE) this.#previousOfSlot[newest] = row;
    this.#newestOfSlot.set(this.slot[row], row);
    this.#index.add(row);
    if (this.expiresAtMs[row] !== 0) this.#expiries.add(row);
  }

  #leave(row: number): void {
    const next = this.#nextOfSlot[row];
    const previous = this.#previousOfSlot[row];
    if (next !== NONE) this.#previousOfSlot[next] = previous;
    if (previous !== NONE) this.#nextOfSlot[previous] = next;
    else if (next !== NONE) this.#newestOfSlot.set(this.slot[row], next);
    else this.#newestOfSlot.delete(this.slot[row]);
    this.#index.remove(row);
    if (this.expiresAtMs[row] !== 0) this.#expiries.remove(row);
  }

  #copy(from: number, to: number): void {
    this.ids.copyWithin(to * 4, from * 4, from * 4 + 4);
    this.counterparties.copyWithin(to * 4, from * 4, from * 4 + 4);
    this.slot[to] = this.slot[from];
    this.amountMinor[to] = this.amountMinor[from];
    this.remainingMinor[to] = this.remainingMinor[from];
    this.placedAtMs[to] = this.placedAtMs[from];
    this.expiresAtMs[to] = this.expiresAtMs[from];
    this.sequence[to] = this.sequence[from];
    this.capturing[to] = this.capturing[from];
    this.isEnding[to] = this.isEnding[from];
  }
}

/** A hold's row, outside the table. */
export interface HoldImage {
  readonly id: Uint32Array;
  readonly counterparty: Uint32Array;
  readonly slot: number;
  readonly amountMinor: number;
  readonly remainingMinor: number;
  readonly placedAtMs: number;
  readonly expiresAtMs: number;
  readonly sequence: number;
  readonly capturing: number;
  readonly isEnding: number;
}
