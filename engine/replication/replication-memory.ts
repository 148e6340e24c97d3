import { Doorbell } from "../port/doorbell.ts";
import { createRing, type RingMemory } from "../port/ring.ts";

/** Room for the frames that a standby has not applied yet: eight of the largest. */
const FOLLOW_RING_BYTES = 8 << 20;

/** What the replicator and everybody else share about one shard. */
export interface ReplicationMemory {
  /** Float64 at the places of `REPLICATED`. */
  readonly lanes: SharedArrayBuffer;
  /** From the replicator to a shard that follows: entries of the kind `ApplyFrame`. */
  readonly follow: RingMemory;
  /** Wakes the shard. */
  readonly doorbell: SharedArrayBuffer;
  /** The doorbell that the shard rings after each frame that it has journaled; wakes the replicator. */
  readonly appended: SharedArrayBuffer;
}

/**
 * Places in the lanes of a shard. The replicator writes them, everybody reads them.
 *
 * `throughSequence`: every record up to it is confirmed by the log; infinite where nothing is replicated.
 */
const REPLICATED = { throughSequence: 0 } as const;
const LANES = 8;

/** Memory of one shard; of one that is replicated, nothing is confirmed until somebody says so. */
export function createReplicationMemory(
  doorbell: SharedArrayBuffer,
  isReplicated = true,
  followRingBytes = FOLLOW_RING_BYTES,
): ReplicationMemory {
  const lanes = new SharedArrayBuffer(LANES * Float64Array.BYTES_PER_ELEMENT);
  new Float64Array(lanes)[REPLICATED.throughSequence] = isReplicated ? 0 : Number.POSITIVE_INFINITY;
  return { lanes, follow: createRing(followRingBytes), doorbell, appended: Doorbell.create() };
}

/** One shard's replicated position, for whoever moves it on or waits for it. */
export class ReplicatedPosition {
  readonly #lanes: Float64Array;

  constructor({ lanes }: Pick<ReplicationMemory, "lanes">) {
    this.#lanes = new Float64Array(lanes);
  }

  /** Every record up to this sequence is confirmed by the log. */
  get throughSequence(): number {
    return this.#lanes[REPLICATED.throughSequence];
  }

  /** The log has confirmed more, or it begins to count. */
  moveTo(sequence: number): void {
    this.#lanes[REPLICATED.throughSequence] = sequence;
  }
}
