import { type Frame, viewFrame } from "../../engine/journal/frame.ts";
import type { JournalReader } from "../../engine/journal/journal-reader.ts";
import { recordBytes } from "../../engine/journal/record.ts";
import { FRAME_HEADER_BYTES } from "../../protocol/limits.ts";

/** Where a record stands, and its neighbours in the frame; -1 where there is none. */
export interface RecordPlace {
  readonly at: number;
  readonly before: number;
  readonly behind: number;
}

/** Goes through a shard's journal record by record, however long it rests in between. */
export class FrameWalk {
  readonly #reader: JournalReader;
  readonly #shard: number;
  #frame: Frame | undefined;
  #lanes: number[] = [];
  #sequence: number;

  /** `sequence` is that of the record before the first one. */
  constructor(reader: JournalReader, shard: number, sequence: number) {
    this.#reader = reader;
    this.#shard = shard;
    this.#sequence = sequence;
  }

  /** Sequence of the record at hand. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The frame of the record at hand; undefined before the first one. */
  get frame(): Frame | undefined {
    return this.#frame;
  }

  get frameAtHand(): Frame {
    if (this.#frame === undefined) throw new Error("the walk has not begun");
    return this.#frame;
  }

  /** Takes the frame of the record at hand, which it began behind; false where it is not there. */
  stand(): boolean {
    return this.#take(this.#sequence);
  }

  /** Goes to the next record, if it is there and its sequence is not beyond a bound. */
  next(throughSequence: number): RecordPlace | undefined {
    const sequence = this.#sequence + 1;
    if (sequence > throughSequence || !this.#take(sequence)) return undefined;
    this.#sequence = sequence;
    const index = sequence - this.frameAtHand.firstSequence;
    return { at: this.#lanes[index], before: this.#lanes[index - 1] ?? -1, behind: this.#lanes[index + 1] ?? -1 };
  }

  #take(sequence: number): boolean {
    if (this.#frame !== undefined && sequence < this.#frame.firstSequence + this.#frame.recordCount) return true;
    const found = this.#reader.frameAt(sequence);
    if (found === undefined) return false;
    // The next read of any journal by this thread takes the bytes away.
    const frame = viewFrame(found.bytes.slice(), this.#shard);
    if (typeof frame === "string")
      throw new Error(`the frame of record ${this.#shard}:${sequence} is damaged: ${frame}`);
    this.#frame = frame;
    this.#lanes = [];
    let at = FRAME_HEADER_BYTES >>> 2;
    for (let index = 0; index < frame.recordCount; index += 1) {
      this.#lanes.push(at);
      at += recordBytes(frame.lanes, at) >>> 2;
    }
    return true;
  }
}
