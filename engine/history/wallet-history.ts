import { isNil, sameId, uuidBytes } from "../../protocol/ids.ts";
import type { JournalReader } from "../journal/journal-reader.ts";
import { CHANGE, EXPIRY, POSTING, RECORD_KIND, recordKind } from "../journal/record.ts";
import { positionText } from "../shard/position.ts";
import { type HoldEnd, holdStep } from "./hold-end.ts";
import { frameAtTime, RecordCursor } from "./record-cursor.ts";
import { type Transaction, viewTransaction, type WalletIds } from "./transaction.ts";

/** Records that one request looks at; a page that needs more goes on with its cursor. */
const RECORDS_PER_REQUEST_MAX = 200_000;

/** Steps along the chain before the frames are asked again. */
const CHAIN_STEPS = 4_096;

/** Lines of one statement. */
const STATEMENT_LINES_MAX = 1_000_000;

export interface WalletAsked {
  readonly walletId: string;
  /** Sequence of the wallet's newest record. */
  readonly head: number;
}

export interface PageAsked extends WalletAsked {
  readonly limit: number;
  /** Sequence of the record to begin with; it is one of the wallet's, or the cursor is wrong. */
  readonly from?: number;
  /** Only what happened at these times, the first included and the last not. **Units**: milliseconds since the epoch. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly type?: string;
  readonly reference?: string;
}

export interface Page {
  readonly transactions: readonly Transaction[];
  /** Sequence to go on with; 0 at the end. */
  readonly next: number;
}

/** A balance as it was after one record. */
export interface BalanceThen {
  readonly position: string;
  readonly timestampMs: number;
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly version: number;
}

/** The lines of a statement, newest first, as sequences; and the balances at either end. */
export interface StatementOutline {
  readonly opening: BalanceThen | null;
  readonly closing: BalanceThen | null;
  readonly sequences: Float64Array;
}

/** Why a request cannot be answered. */
export type HistoryRefusal = "cursor_invalid" | "statement_too_long";

/**
 * Reads the history of one shard's wallets, each a chain through the journal from its newest record back.
 *
 * It belongs to one thread, and never touches the shard's own state but for the ids of its wallets.
 */
export class WalletHistory {
  readonly #cursor: RecordCursor;
  readonly #scan: RecordCursor;
  readonly #reader: JournalReader;
  readonly #walletIds: WalletIds;
  readonly #idLanes: Uint32Array;

  constructor(shard: number, reader: JournalReader, walletIds: WalletIds) {
    this.#reader = reader;
    this.#cursor = new RecordCursor(shard, reader);
    this.#scan = new RecordCursor(shard, reader);
    this.#walletIds = walletIds;
    this.#idLanes = new Uint32Array(walletIds.buffer, walletIds.byteOffset, walletIds.byteLength >>> 2);
  }

  /** A page of a wallet's records, newest first. */
  page(asked: PageAsked): Page | HistoryRefusal {
    const slot = this.#slotOf(asked);
    let sequence = asked.from ?? asked.head;
    if (asked.from !== undefined && !this.#isOf(asked.from, slot)) return "cursor_invalid";
    if (asked.toMs !== undefined) {
      const last = this.#lastSequenceBefore(asked.toMs);
      if (last < sequence) sequence = this.#newestThrough(slot, sequence, last);
    }
    const reference = asked.reference?.toLowerCase();
    const transactions: Transaction[] = [];
    for (let seen = 0; sequence !== 0; seen += 1) {
      if (transactions.length === asked.limit || seen === RECORDS_PER_REQUEST_MAX) break;
      const part = this.#stand(sequence, slot);
      if (asked.fromMs !== undefined && this.#cursor.frame.clockMs < asked.fromMs) return { transactions, next: 0 };
      if (this.#mayMatch(asked)) {
        const transaction = viewTransaction(this.#cursor, part, this.#walletIds);
        const isAsked =
          (asked.type === undefined || transaction.type === asked.type) &&
          (reference === undefined || transaction.reference === reference);
        if (isAsked) transactions.push(transaction);
      }
      sequence = part.previous;
    }
    return { transactions, next: sequence };
  }

  /**
   * Shows the records of a wallet from one sequence back to another, which is no part of it, newest first; returns where to go on
   * where there are more than so many, else 0.
   */
  walk(
    asked: WalletAsked,
    through: number,
    after: number,
    countMax: number,
    take: (line: Transaction) => void,
  ): number {
    const slot = this.#slotOf(asked);
    let sequence = this.#newestThrough(slot, asked.head, through);
    for (let count = 0; sequence > after && count < countMax; count += 1) {
      const part = this.#stand(sequence, slot);
      take(viewTransaction(this.#cursor, part, this.#walletIds));
      sequence = part.previous;
    }
    return sequence > after ? sequence : 0;
  }

  /** Whether a record is one of the wallet's, its newest or an earlier one. */
  holds(asked: WalletAsked, sequence: number): boolean {
    return sequence <= asked.head && this.#isOf(sequence, this.#slotOf(asked));
  }

  /** A wallet's balance after its last record at a sequence or before it; null where it had none yet. */
  balanceAt(asked: WalletAsked, sequence: number): BalanceThen | null {
    const slot = this.#slotOf(asked);
    const found = this.#newestThrough(slot, asked.head, sequence);
    if (found === 0) return null;
    const part = this.#stand(found, slot);
    const { position, timestampMs, postedMinor, availableMinor, version } = viewTransaction(
      this.#cursor,
      part,
      this.#walletIds,
    );
    return { position, timestampMs, postedMinor, availableMinor: availableMinor ?? postedMinor, version };
  }

  /** The same after its last record at a time or before it. */
  balanceAtTime(asked: WalletAsked, timeMs: number): BalanceThen | null {
    return this.balanceAt(asked, this.#lastSequenceBefore(timeMs + 1));
  }

  /** Finds the lines of a statement over a time, the first moment included and the last not. */
  statement(asked: WalletAsked, fromMs: number, toMs: number): StatementOutline | HistoryRefusal {
    const slot = this.#slotOf(asked);
    const opening = this.balanceAtTime(asked, fromMs - 1);
    const closing = this.balanceAtTime(asked, toMs - 1);
    const first = this.#lastSequenceBefore(fromMs) + 1;
    let sequences = new Float64Array(1_024);
    let count = 0;
    let sequence = this.#newestThrough(slot, asked.head, this.#lastSequenceBefore(toMs));
    while (sequence >= first) {
      if (count === STATEMENT_LINES_MAX) return "statement_too_long";
      if (count === sequences.length) {
        const longer = new Float64Array(2 * count);
        longer.set(sequences);
        sequences = longer;
      }
      sequences[count] = sequence;
      count += 1;
      sequence = this.#stand(sequence, slot).previous;
    }
    return { opening, closing, sequences: sequences.subarray(0, count) };
  }

  /** How a hold was closed that a record of the wallet placed; null where the way back to it is too long. */
  holdEnd(asked: WalletAsked, holdId: string, placed: number): HoldEnd | null {
    const slot = this.#slotOf(asked);
    const hold = new Uint32Array(uuidBytes(holdId).buffer);
    let end: Omit<HoldEnd, "capturedMinor"> | null = null;
    let capturedMinor = 0;
    let sequence = asked.head;
    for (let seen = 0; sequence > placed; seen += 1) {
      if (seen === RECORDS_PER_REQUEST_MAX) return null;
      const { previous } = this.#stand(sequence, slot);
      const { frame, at, shard } = this.#cursor;
      const step = holdStep(frame.lanes, at, hold);
      if (step?.type === "captured") capturedMinor += step.amountMinor;
      else if (step?.type === "refunded") capturedMinor -= step.amountMinor;
      if (step !== undefined && step.type !== "refunded") {
        end ??= { status: step.type, position: positionText(shard, sequence), timestampMs: frame.clockMs };
      }
      sequence = previous;
    }
    return end && { ...end, capturedMinor };
  }

  /** The lines of a statement from one to another, oldest first. */
  lines(asked: WalletAsked, { sequences }: StatementOutline, from: number, to: number): readonly Transaction[] {
    const slot = this.#slotOf(asked);
    const lines: Transaction[] = [];
    for (let line = from; line < Math.min(to, sequences.length); line += 1) {
      const part = this.#stand(sequences[sequences.length - 1 - line], slot);
      lines.push(viewTransaction(this.#cursor, part, this.#walletIds));
    }
    return lines;
  }

  /** The slot of a wallet: its newest record names it. */
  #slotOf({ walletId, head }: WalletAsked): number {
    const id = new Uint32Array(uuidBytes(walletId).buffer);
    if (!this.#cursor.go(head)) throw new Error(`the journal does not hold record ${this.#cursor.shard}:${head}`);
    const { lanes } = this.#cursor.frame;
    const { at } = this.#cursor;
    const isNamed = (slot: number): boolean => sameId(this.#idLanes, slot * 4, id, 0) && !isNil(id, 0);
    const candidates = slotsIn(lanes, at);
    const slot = candidates.find(isNamed);
    if (slot === undefined) throw new Error(`record ${this.#cursor.shard}:${head} is not one of wallet ${walletId}`);
    return slot;
  }

  #isOf(sequence: number, slot: number): boolean {
    return this.#cursor.go(sequence) && this.#cursor.partOf(slot) !== undefined;
  }

  /** Stands on a record of a wallet. */
  #stand(sequence: number, slot: number): NonNullable<ReturnType<RecordCursor["partOf"]>> {
    const part = this.#cursor.go(sequence) ? this.#cursor.partOf(slot) : undefined;
    if (part === undefined) {
      throw new Error(`record ${this.#cursor.shard}:${sequence} is missing from the history that leads to it`);
    }
    return part;
  }

  /** Whether the record at hand may be what is asked for, by what is cheap to see. */
  #mayMatch({ reference }: PageAsked): boolean {
    if (reference === undefined) return true;
    const { lanes } = this.#cursor.frame;
    const kind = recordKind(lanes, this.#cursor.at);
    // What came from another shard has its reference in the record beside it.
    const isBeside = kind === RECORD_KIND.WalletChanged || kind === RECORD_KIND.TransferReceived;
    return isBeside || lanes[this.#cursor.at] >>> 31 === 1;
  }

  /** Sequence of the last record that was decided before a time, or 0. */
  #lastSequenceBefore(timeMs: number): number {
    const frame = frameAtTime(this.#reader, timeMs - 1);
    return frame === undefined ? 0 : frame.firstSequence + frame.recordCount - 1;
  }

  /**
   * The newest record of a slot at a sequence or before it, or 0.
   *
   * Two searches take turns, since either alone may be long: along the chain from the wallet's newest record, which is
   * short for a quiet wallet, and through the frames from the sequence back, which is short for a busy one.
   */
  #newestThrough(slot: number, head: number, through: number): number {
    let onChain = head;
    let inFrames = through;
    while (onChain > through) {
      for (let step = 0; step < CHAIN_STEPS && onChain > through; step += 1) {
        onChain = this.#stand(onChain, slot).previous;
      }
      if (onChain <= through) break;
      if (inFrames <= 0) return 0;
      const found = this.#scan.newestInFrame(slot, inFrames);
      if (found !== 0) return found;
      inFrames = this.#scan.sequence === 0 ? 0 : this.#scan.frame.firstSequence - 1;
    }
    return onChain;
  }
}

function slotsIn(lanes: Uint32Array, at: number): readonly number[] {
  const kind = recordKind(lanes, at);
  if (kind === RECORD_KIND.WalletChanged) return [lanes[at + CHANGE.slot]];
  if (kind === RECORD_KIND.HoldExpired) return [lanes[at + EXPIRY.slot]];
  return kind < RECORD_KIND.WalletChanged ? [lanes[at + POSTING.debitSlot], lanes[at + POSTING.creditSlot]] : [];
}
