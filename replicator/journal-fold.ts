import type { Cause } from "../engine/object/cause.ts";
import { CausalQueue } from "../engine/replication/causal-queue.ts";
import { EpochFold, type FoldState, type FrameRecord, type LogRecord, type Verdict } from "./epoch-fold.ts";

const NO_BYTES = new Uint8Array();

/** A frame in its partition, and how that stood behind it. */
interface Continued {
  readonly frame: FrameRecord;
  readonly after: FoldState;
}

/** What of a frame has to be known to fold it. */
export type CausesOf = (frame: FrameRecord, shard: number) => readonly Cause[];

/**
 * Reads all partitions of the journal together: a frame that continues its partition counts when all that it follows from
 * on other shards counts.
 *
 * A claim ends the epochs before. Once that has been read on every partition, or a later one, all their frames are known, and
 * those that still wait do not count: the new leader continues each shard behind its last frame that does. Until then the
 * frames of the new epoch have to wait outside (`mustWait`).
 */
export class JournalFold {
  readonly #folds: readonly EpochFold[];
  readonly #queue: CausalQueue<Continued>;
  /** Behind the last frame that counts, and behind those that were forgotten. */
  readonly #counted: FoldState[];
  readonly #waitingBytes: number[];
  /** Under which the frames of a shard that wait were written; it is one for all of them. */
  readonly #waitingEpoch: number[];
  /** Every partition has been read to the claim of it, or of a later one. */
  #oldestEpoch: number;
  readonly #causesOf: CausesOf;

  /** `counts` is told of every frame that counts, in an order in which none comes before one that it follows from. */
  constructor(states: readonly FoldState[], causesOf: CausesOf, counts: (shard: number, frame: FrameRecord) => void) {
    this.#folds = states.map((state) => new EpochFold(state));
    this.#counted = [...states];
    this.#causesOf = causesOf;
    this.#waitingBytes = states.map(() => 0);
    this.#waitingEpoch = states.map(() => 0);
    this.#oldestEpoch = Math.min(...this.#folds.map(({ epoch }) => epoch));
    const through = states.map(({ nextSequence }) => nextSequence - 1);
    this.#queue = new CausalQueue(through, (shard, _lastSequence, { frame, after }) => {
      this.#counted[shard] = after;
      this.#waitingBytes[shard] -= frame.bytes.byteLength;
      counts(shard, frame);
    });
  }

  get shardCount(): number {
    return this.#folds.length;
  }

  /** How a partition stands by itself. */
  partition(shard: number): Pick<EpochFold, "offset" | "nextSequence" | "claim" | "epoch"> {
    return this.#folds[shard];
  }

  /** Last record of a shard that counts. */
  throughSequence(shard: number): number {
    return this.#queue.throughSequence(shard);
  }

  /** Bytes of frames of a shard that wait for what they follow from. */
  waitingBytes(shard: number): number {
    return this.#waitingBytes[shard];
  }

  /** From where a reader that knows everything that counts may go on; only together with those of the other shards. */
  checkpoint(shard: number): FoldState {
    return this.#queue.waiting(shard) === 0 ? this.#folds[shard].state : this.#counted[shard];
  }

  /** Whether a record cannot be folded before more of the other partitions has been. */
  mustWait(shard: number, record: LogRecord): boolean {
    const { epoch } = this.#folds[shard];
    return record.type === "frame" && record.epoch === epoch && epoch > this.#oldestEpoch;
  }

  /**
   * Takes the next record of a partition, which need not wait. Where `keepsBytes` is false, `counts` gets no bytes.
   *
   * **Errors**: throws `ReplicationGapError` where a frame of the leader does not continue the journal.
   */
  apply(shard: number, record: LogRecord, keepsBytes = true): Verdict {
    const fold = this.#folds[shard];
    const verdict = fold.apply(record);
    if (verdict === "claims") {
      this.#oldestEpoch = Math.min(...this.#folds.map(({ epoch }) => epoch));
      this.#endEpochs();
    } else if (verdict === "continues" && record.type === "frame") {
      const lastSequence = record.firstSequence + record.recordCount - 1;
      const frame = keepsBytes ? record : { ...record, bytes: NO_BYTES };
      this.#waitingBytes[shard] += frame.bytes.byteLength;
      this.#waitingEpoch[shard] = record.epoch;
      this.#queue.add(shard, lastSequence, this.#causesOf(record, shard), { frame, after: fold.state });
    }
    return verdict;
  }

  /** Forgets the frames of the epochs that have ended on every partition, and that still wait: nothing more comes of those. */
  #endEpochs(): void {
    const oldest = this.#oldestEpoch;
    for (const [shard, fold] of this.#folds.entries()) {
      if (this.#queue.waiting(shard) === 0 || this.#waitingEpoch[shard] >= oldest) continue;
      this.#queue.drop(shard);
      this.#waitingBytes[shard] = 0;
      fold.rollBack(this.#counted[shard]);
      this.#counted[shard] = fold.state;
    }
  }
}
