import type { Frame } from "../engine/journal/frame.ts";
import type { Claim, LogRecord } from "./epoch-fold.ts";
import type { JournalFold } from "./journal-fold.ts";
import {
  BATCH_BYTES_MAX,
  frameRecord,
  type OutgoingRecord,
  RECORD_OVERHEAD_BYTES,
  readRecord,
} from "./journal-record.ts";
import { JournalUnreadableError } from "./log-frame.ts";

/** Another node leads: what was not confirmed before never will be. */
export class FencedError extends Error {}

/** What of a journal has to be sent. */
interface SentJournal {
  frameAt(sequence: number): Frame | undefined;
}

/**
 * How far a leader has brought one shard's journal into the log: what it sends next, and what an answer or the lack of one means.
 *
 * It knows no time and no connection. One batch is sent at a time; where its answer is lost, the log is read before the next one.
 */
export class PartitionProgress {
  readonly #shard: number;
  readonly #claim: Claim;
  readonly #fold: JournalFold;
  readonly #journal: SentJournal;

  /** The fold has just read the claim. */
  constructor(shard: number, claim: Claim, fold: JournalFold, journal: SentJournal) {
    this.#shard = shard;
    this.#claim = claim;
    this.#fold = fold;
    this.#journal = journal;
  }

  get claim(): Claim {
    return this.#claim;
  }

  /** Of the next record of the partition, as far as this node knows. */
  get offset(): number {
    return this.#fold.partition(this.#shard).offset;
  }

  /** Whether there is something to send. */
  get hasNext(): boolean {
    return this.#journal.frameAt(this.#nextSequence) !== undefined;
  }

  /**
   * The frames that follow what is in the log, as many as one request takes.
   *
   * **Errors**: throws a `JournalUnreadableError` where the journal does not have them whole.
   */
  next(): OutgoingRecord[] {
    const records: OutgoingRecord[] = [];
    try {
      let next = this.#nextSequence;
      for (let bytes = 0; ; ) {
        const frame = this.#journal.frameAt(next);
        if (frame === undefined) return records;
        if (frame.firstSequence !== next) throw new Error(`no frame begins with record ${this.#shard}:${next}`);
        bytes += frame.bytes.byteLength + RECORD_OVERHEAD_BYTES;
        if (bytes > BATCH_BYTES_MAX && records.length > 0) return records;
        records.push(frameRecord(this.#claim.epoch, frame));
        next += frame.recordCount;
      }
    } catch (error) {
      throw JournalUnreadableError.of(error);
    }
  }

  /**
   * The partition has taken a batch at an offset. False where somebody else has written before it: nothing of it is confirmed
   * until the partition has been read up to its end.
   */
  appended(batch: readonly OutgoingRecord[], firstOffset: number): boolean {
    if (firstOffset !== this.offset) return false;
    for (const { value, headers } of batch) {
      const { offset } = this;
      const record = readRecord({ offset, value, header: (name) => headers[name] }, this.#shard);
      if (this.#fold.apply(this.#shard, record, false) === "continues") continue;
      throw new JournalUnreadableError(`the frame sent to offset ${offset} does not continue the log`);
    }
    return true;
  }

  /**
   * A record that was read from the partition, whoever wrote it.
   *
   * **Errors**: throws a `FencedError` where another node leads from there on, and a `ReplicationGapError`.
   */
  readonly read = (record: LogRecord): void => {
    this.#fold.apply(this.#shard, record, false);
    const standing = this.#fold.partition(this.#shard).claim;
    if (standing?.claimId !== this.#claim.claimId) throw new FencedError("another node leads");
  };

  get #nextSequence(): number {
    return this.#fold.partition(this.#shard).nextSequence;
  }
}
