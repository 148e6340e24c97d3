import { JournalReader } from "../../engine/journal/journal-reader.ts";
import { ReplicatedPosition } from "../../engine/replication/replication-memory.ts";
import type { EventBatch } from "./event-batch.ts";
import { FrameWalk } from "./frame-walk.ts";
import { JournalEvents } from "./journal-events.ts";
import type { EventRelaySources } from "./relay-options.ts";
import type { ShardProgress } from "./relay-progress.ts";

/** The events of one shard, from where they were left off. */
export class ShardFeed {
  readonly #shard: number;
  readonly #reader: JournalReader;
  readonly #events: JournalEvents;
  readonly #replicated: ReplicatedPosition | undefined;
  #walk: FrameWalk;

  constructor(shard: number, { journals, columns, replication }: EventRelaySources) {
    this.#shard = shard;
    this.#reader = new JournalReader(journals[shard]);
    this.#events = new JournalEvents(shard, journals.length, columns[shard]);
    this.#replicated = replication && new ReplicatedPosition(replication[shard]);
    this.#walk = new FrameWalk(this.#reader, shard, 0);
  }

  /** Sequence up to which the shard's records were put into batches. */
  get sequence(): number {
    return this.#walk.sequence;
  }

  /** How far the batches have come; undefined while the shard has journaled nothing. */
  get progress(): ShardProgress | undefined {
    const { sequence, frame } = this.#walk;
    return frame && { sequence, frameHash: Buffer.from(frame.hash).toString("hex") };
  }

  /**
   * Goes to where the events that were told end.
   *
   * **Errors**: throws where the journal is not the one whose events were told: a ledger that was restored to an earlier
   * time would tell other events under ids that are taken.
   */
  begin(progress: ShardProgress | undefined): void {
    const told = progress?.sequence ?? (this.#reader.range?.first ?? 1) - 1;
    this.#walk = new FrameWalk(this.#reader, this.#shard, told);
    if (progress === undefined) return;
    if (!this.#walk.stand()) throw new Error(`events are told through ${this.#shard}:${told}, which is not journaled`);
    if (this.progress?.frameHash !== progress.frameHash) {
      throw new Error(`events are told through ${this.#shard}:${told} of another journal`);
    }
  }

  /** Adds the events that may be told, as far as they are there and there is room. */
  fill(batch: EventBatch): void {
    const through = this.#replicated?.throughSequence ?? Number.POSITIVE_INFINITY;
    while (!batch.isFull) {
      const place = this.#walk.next(through);
      if (place === undefined) return;
      this.#events.tell(this.#walk.frameAtHand, place, this.#walk.sequence, batch);
    }
  }

  close(): void {
    this.#reader.close();
  }
}
