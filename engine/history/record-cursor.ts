import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import type { Frame } from "../journal/frame.ts";
import type { JournalReader } from "../journal/journal-reader.ts";
import { CHANGE, EXPIRY, isWide, POSTING, RECORD_KIND, recordBytes, recordKind } from "../journal/record.ts";

/** Reads of any journal by this thread so far: each of them may end the life of the frames read before. */
let reads = 0;

/** The last frame that was decided at a time or before it; what the cursors of this thread stand on is read again. */
export function frameAtTime(reader: JournalReader, timeMs: number): Frame | undefined {
  reads += 1;
  return reader.frameAtTime(timeMs);
}

/** A wallet's part in a record: which side it is, and where its record before this one stands. */
export interface WalletPart {
  readonly side: "debit" | "credit" | "changed";
  /** Sequence of the wallet's previous record, or 0. */
  readonly previous: number;
}

/**
 * Stands on one record of a shard's journal and goes to any other.
 *
 * It remembers where the records of the frame at hand begin, so that steps inside it cost next to nothing: a busy wallet has
 * many records in each frame. Of a quiet wallet each frame has one, and what lies behind it is never looked at.
 */
export class RecordCursor {
  readonly shard: number;
  readonly #reader: Pick<JournalReader, "frameAt">;
  #frame: Frame | undefined;
  /** How many reads there were when the frame was read; with any more it is no longer valid. */
  #readNumber = 0;
  #lanesOfRecords = new Uint32Array(8_192);
  /** Records from the first one on whose lanes are known. */
  #located = 0;
  /** Lane of the record at hand. */
  at = 0;
  sequence = 0;

  constructor(shard: number, reader: Pick<JournalReader, "frameAt">) {
    this.shard = shard;
    this.#reader = reader;
  }

  /** The frame of the record at hand; valid until the next `go` to another one. */
  get frame(): Frame {
    if (this.#frame === undefined) throw new Error("the cursor stands nowhere");
    return this.#frame;
  }

  /** Goes to a record; false where the journal does not hold it. */
  go(sequence: number): boolean {
    const { sequence: before } = this;
    this.sequence = sequence;
    if (before === 0 || !this.#isInFrame(sequence)) {
      reads += 1;
      this.#readNumber = reads;
      const frame = this.#reader.frameAt(sequence);
      if (frame === undefined) {
        this.#frame = undefined;
        this.sequence = 0;
        return false;
      }
      this.#take(frame);
    }
    this.at = this.#locate(this.frame, sequence);
    return true;
  }

  /** Lane of another record of the frame at hand, or -1 where it does not hold it. */
  laneOf(sequence: number): number {
    return this.#isInFrame(sequence) ? this.#locate(this.frame, sequence) : -1;
  }

  /** The part that a slot has in the record at a lane with a sequence, or undefined. */
  partOf(slot: number, at = this.at, sequence = this.sequence): WalletPart | undefined {
    const { lanes, floats } = this.frame;
    const kind = recordKind(lanes, at);
    switch (kind) {
      case RECORD_KIND.WalletChanged:
        if (lanes[at + CHANGE.slot] !== slot) return undefined;
        return { side: "changed", previous: floats[(at + CHANGE.previous) >>> 1] };
      case RECORD_KIND.HoldExpired:
        if (lanes[at + EXPIRY.slot] !== slot) return undefined;
        return { side: "changed", previous: floats[(at + EXPIRY.previous) >>> 1] };
      case RECORD_KIND.CommandRejected:
      case RECORD_KIND.LimitRejected:
      case RECORD_KIND.ObjectChanged:
        return undefined;
      default: {
        const isDebit = lanes[at + POSTING.debitSlot] === slot;
        if (!isDebit && lanes[at + POSTING.creditSlot] !== slot) return undefined;
        const wide = floats[(at + (isDebit ? POSTING.debitPrevious : POSTING.creditPrevious)) >>> 1];
        const back = lanes[at + (isDebit ? POSTING.debitBack : POSTING.creditBack)];
        const previous = isWide(lanes, at) ? wide : back === 0 ? 0 : sequence - back;
        return { side: isDebit ? "debit" : "credit", previous };
      }
    }
  }

  /**
   * The newest record of a slot at a sequence or before it, within the frame that holds that sequence; or 0.
   *
   * Afterwards the cursor stands on that frame.
   */
  newestInFrame(slot: number, sequence: number): number {
    if (!this.go(sequence)) return 0;
    for (let current = sequence; current >= this.frame.firstSequence; current -= 1) {
      if (this.partOf(slot, this.laneOf(current), current) !== undefined) return current;
    }
    return 0;
  }

  #isInFrame(sequence: number): boolean {
    if (this.#frame === undefined || this.#readNumber !== reads) return false;
    const { firstSequence, recordCount } = this.#frame;
    return sequence >= firstSequence && sequence < firstSequence + recordCount;
  }

  #take(frame: Frame): void {
    this.#frame = frame;
    if (frame.recordCount > this.#lanesOfRecords.length) this.#lanesOfRecords = new Uint32Array(frame.recordCount);
    this.#lanesOfRecords[0] = FRAME_HEADER_BYTES >>> 2;
    this.#located = 1;
  }

  #locate({ lanes, firstSequence }: Frame, sequence: number): number {
    const lanesOfRecords = this.#lanesOfRecords;
    const index = sequence - firstSequence;
    let located = this.#located;
    for (; located <= index; located += 1) {
      const before = lanesOfRecords[located - 1];
      lanesOfRecords[located] = before + (recordBytes(lanes, before) >>> 2);
    }
    this.#located = located;
    return lanesOfRecords[index];
  }
}
