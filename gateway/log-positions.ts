import type { Engine } from "../engine/engine.ts";
import { ReplicatedPosition } from "../engine/replication/replication-memory.ts";

/** How far the log has confirmed each shard's journal. */
export class LogPositions {
  readonly #engine: Pick<Engine, "shardCount" | "stats">;
  readonly #positions: readonly ReplicatedPosition[];

  constructor(engine: Pick<Engine, "shardCount" | "stats" | "replication">) {
    this.#engine = engine;
    this.#positions = engine.replication.map((memory) => new ReplicatedPosition(memory));
  }

  /** Every record up to this one is confirmed; infinite where nothing is replicated, or all comes from the log. */
  throughSequence(shard: number): number {
    return (this.#positions[shard] as ReplicatedPosition).throughSequence;
  }

  /** The newest durable record of a shard that the log has confirmed. */
  replicatedSequence(shard: number): number {
    return Math.min(this.throughSequence(shard), this.#engine.stats(shard).sequence);
  }

  /** Durable records of a shard that the log has not confirmed. */
  lagRecords(shard: number): number {
    return Math.max(0, this.#engine.stats(shard).sequence - this.throughSequence(shard));
  }

  /** The lag of the shard that is furthest behind. */
  lagRecordsMax(): number {
    let most = 0;
    for (let shard = 0; shard < this.#engine.shardCount; shard += 1) most = Math.max(most, this.lagRecords(shard));
    return most;
  }
}
