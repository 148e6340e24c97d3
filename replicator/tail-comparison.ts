import type { FoldState, FrameRecord } from "./epoch-fold.ts";
import { JournalFold } from "./journal-fold.ts";
import { frameCauses } from "./log-frame.ts";
import { type Leader, leaderOf } from "./replicator-messages.ts";

/** How the journal of a shard compares with the log. */
type TailComparison =
  | { readonly type: "inStep" }
  | { readonly type: "behind"; readonly records: number }
  /** The journal goes on where the log ends. */
  | { readonly type: "beyond"; readonly fromSequence: number }
  /** From there on, the journal has other frames than the log. */
  | { readonly type: "diverged"; readonly fromSequence: number };

/** How the journals of a data directory compare with the log, one shard an element, and who made the last claim that counts. */
export interface LogComparison {
  readonly shards: readonly TailComparison[];
  readonly leader: Leader | undefined;
}

/** Compares journals with the log while that is folded. */
export class TailComparer {
  /** Takes the log. */
  readonly fold: JournalFold;
  readonly #through: readonly number[];
  readonly #divergedFrom = new Map<number, number>();

  /** `through` is the last record of each journal. */
  constructor(
    states: readonly FoldState[],
    through: readonly number[],
    hasFrame: (shard: number, frame: FrameRecord) => boolean,
  ) {
    this.#through = through;
    this.fold = new JournalFold(states, frameCauses(states.length), (shard, frame) => {
      if (this.#divergedFrom.has(shard) || frame.firstSequence > through[shard] || hasFrame(shard, frame)) return;
      this.#divergedFrom.set(shard, frame.firstSequence);
    });
  }

  /** What has come out so far. */
  get comparison(): LogComparison {
    const leader = this.fold.partition(0).claim;
    return { shards: this.#through.map((_, shard) => this.#compare(shard)), leader: leader && leaderOf(leader) };
  }

  #compare(shard: number): TailComparison {
    const journalThrough = this.#through[shard];
    const logThrough = this.fold.throughSequence(shard);
    const fromSequence = this.#divergedFrom.get(shard);
    if (fromSequence !== undefined) return { type: "diverged", fromSequence };
    if (logThrough === journalThrough) return { type: "inStep" };
    return logThrough > journalThrough
      ? { type: "behind", records: logThrough - journalThrough }
      : { type: "beyond", fromSequence: logThrough + 1 };
  }
}

/** First record of a shard that a node has to cut off; undefined where none has. What only the leader has is still to be sent. */
export function cutFrom({ shards, leader }: LogComparison, shard: number, nodeId: string): number | undefined {
  const tail = shards[shard];
  if (tail?.type === "diverged") return tail.fromSequence;
  const mayStay = leader === undefined || leader.nodeId === nodeId;
  return tail?.type === "beyond" && !mayStay ? tail.fromSequence : undefined;
}

/**
 * Whether a node that follows and has read everything has records that will never count: another node has claimed since the
 * node's journals, which end at `through`, were compared with the log.
 */
export function hasLostTail(fold: JournalFold, through: readonly number[], nodeId: string): boolean {
  const { claim } = fold.partition(0);
  if (claim === undefined || claim.nodeId === nodeId) return false;
  return through.some((last, shard) => last > fold.throughSequence(shard));
}
