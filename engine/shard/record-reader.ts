import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from "../../protocol/limits.ts";
import { ArchiveDamagedError } from "../journal/archive-file.ts";
import { type FrameBuilder, openFrame } from "../journal/frame.ts";
import type { Journal } from "../journal/journal.ts";
import { HistoryExpiredError } from "../journal/journal-files.ts";
import { RECORD_KIND, recordBytes, recordKind } from "../journal/record.ts";
import { type ObjectRecord, readObjectRecord } from "../object/object-record.ts";

/** A record has decayed on the disk: whoever asks for it cannot be answered, and nobody else is hurt. */
export class RecordUnreadableError extends Error {}

/**
 * The code where a record that is needed is not there to be read: an id may be remembered for longer than its record is kept.
 *
 * **Errors**: throws an error that says anything else.
 */
export function unreadableCode(error: unknown): "history_expired" | "internal_error" {
  if (error instanceof HistoryExpiredError) return "history_expired";
  if (error instanceof RecordUnreadableError) return "internal_error";
  throw error;
}

/**
 * Finds the record with a sequence, in the frame being filled or in the journal.
 *
 * It remembers where it was, so that reading a frame's records in order takes one step each.
 */
export class RecordReader {
  lanes: Uint32Array;
  floats: Float64Array;
  bytes: Uint8Array;
  clockMs = 0;
  readonly #frame: FrameBuilder;
  readonly #journal: Journal;
  readonly #shard: number;
  readonly #room = new Uint8Array(FRAME_BYTES_MAX);
  /** First sequence of the journal frame in hand; 0 while there is none. */
  #firstSequence = 0;
  #recordCount = 0;
  #at = 0;
  #sequence = 0;
  #inHand: { lanes: Uint32Array; floats: Float64Array; bytes: Uint8Array; clockMs: number };

  constructor(shard: number, frame: FrameBuilder, journal: Journal) {
    this.#shard = shard;
    this.#frame = frame;
    this.#journal = journal;
    this.lanes = frame.lanes;
    this.floats = frame.floats;
    this.bytes = frame.bytes;
    this.#inHand = { lanes: frame.lanes, floats: frame.floats, bytes: frame.bytes, clockMs: 0 };
  }

  /**
   * Lane of the record with a sequence, in `lanes`, `floats` and `bytes`.
   *
   * **Errors**: throws HistoryExpiredError where the archive has dropped it, `RecordUnreadableError` where it has decayed, and
   * any other error where the journal does not hold it, which contradicts the set of remembered ids.
   */
  locate(sequence: number): number {
    if (sequence >= this.#frame.firstSequence && sequence < this.#frame.nextSequence)
      return this.#locateInFrame(sequence);
    if (
      this.#firstSequence === 0 ||
      sequence < this.#firstSequence ||
      sequence >= this.#firstSequence + this.#recordCount
    ) {
      this.#load(sequence);
    }
    this.lanes = this.#inHand.lanes;
    this.floats = this.#inHand.floats;
    this.bytes = this.#inHand.bytes;
    this.clockMs = this.#inHand.clockMs;
    if (sequence < this.#sequence) {
      this.#sequence = this.#firstSequence;
      this.#at = FRAME_HEADER_BYTES >>> 2;
    }
    for (; this.#sequence < sequence; this.#sequence += 1) this.#at += recordBytes(this.lanes, this.#at) >>> 2;
    return this.#at;
  }

  /** The object record with a sequence; undefined where the record is of another kind, and a code where it cannot be read. */
  object(sequence: number): ObjectRecord | ReturnType<typeof unreadableCode> | undefined {
    try {
      const at = this.locate(sequence);
      if (recordKind(this.lanes, at) !== RECORD_KIND.ObjectChanged) return undefined;
      return readObjectRecord(this.lanes, this.bytes, at);
    } catch (error) {
      return unreadableCode(error);
    }
  }

  #locateInFrame(sequence: number): number {
    this.lanes = this.#frame.lanes;
    this.floats = this.#frame.floats;
    this.bytes = this.#frame.bytes;
    this.clockMs = this.#frame.clockMs;
    let at = FRAME_HEADER_BYTES >>> 2;
    for (let current = this.#frame.firstSequence; current < sequence; current += 1)
      at += recordBytes(this.lanes, at) >>> 2;
    return at;
  }

  #load(sequence: number): void {
    const value = this.#find(sequence);
    const frame = value === undefined ? undefined : openFrame(this.#keep(value), this.#shard);
    if (typeof frame === "string") {
      throw this.#unreadable(`the frame with record ${this.#shard}:${sequence} cannot be read: ${frame}`);
    }
    if (frame === undefined || sequence >= frame.firstSequence + frame.recordCount) {
      throw new Error(`the journal does not hold record ${this.#shard}:${sequence}`);
    }
    this.#inHand = frame;
    this.#firstSequence = frame.firstSequence;
    this.#recordCount = frame.recordCount;
    this.#sequence = frame.firstSequence;
    this.#at = FRAME_HEADER_BYTES >>> 2;
  }

  #find(sequence: number): Uint8Array | undefined {
    try {
      return this.#journal.frameAt(sequence);
    } catch (error) {
      throw error instanceof ArchiveDamagedError ? this.#unreadable(error.message) : error;
    }
  }

  #unreadable(message: string): RecordUnreadableError {
    this.#journal.unreadable?.(message);
    return new RecordUnreadableError(message);
  }

  /** Copies a frame, which the journal's next read would overwrite, into this reader's own room. */
  #keep(value: Uint8Array): Uint8Array {
    // Nothing is in hand until the new frame has been opened.
    this.#firstSequence = 0;
    const kept = this.#room.subarray(0, value.byteLength);
    kept.set(value);
    return kept;
  }
}
