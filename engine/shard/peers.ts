import { sharedClockMs } from "../meter/shared-clock.ts";
import { Doorbell } from "../port/doorbell.ts";
import { type PeerMessage, writePeerMessage } from "../port/peer-message.ts";
import { type RingMemory, RingReader, RingWriter } from "../port/ring.ts";

/** The shared memory between all shards: `rings[from][to]`, and a doorbell for each shard. */
export interface PeerMemory {
  readonly rings: readonly (readonly RingMemory[])[];
  readonly doorbells: readonly SharedArrayBuffer[];
}

/**
 * A shard's ends of the rings to and from the other shards.
 *
 * A message that finds its ring full waits in order here; there are never more of them than open transfers, which are
 * bounded on each shard.
 */
export class Peers {
  /** What all shards sent, this one included: after a change of their number both ends of a transfer may lie here. */
  readonly incoming: readonly RingReader[];
  readonly #writers: readonly RingWriter[];
  readonly #doorbells: readonly Doorbell[];
  readonly #backlogs: PeerMessage[][];

  constructor(shard: number, memory: PeerMemory) {
    this.incoming = memory.rings.map((row) => new RingReader(row[shard]));
    this.#writers = memory.rings[shard].map((ring) => new RingWriter(ring));
    this.#doorbells = memory.doorbells.map((bell) => new Doorbell(bell));
    this.#backlogs = memory.rings.map(() => []);
  }

  /** Whether messages wait for room. */
  get hasBacklog(): boolean {
    return this.#backlogs.some((backlog) => backlog.length > 0);
  }

  send(toShard: number, message: PeerMessage): void {
    this.#backlogs[toShard].push(message);
  }

  /** Hands over what was sent, as far as there is room, and wakes the receivers. */
  flush(): void {
    for (const [toShard, backlog] of this.#backlogs.entries()) {
      if (backlog.length === 0) continue;
      const ring = this.#writers[toShard];
      const nowMs = sharedClockMs();
      let handed = 0;
      while (handed < backlog.length && writePeerMessage(ring, backlog[handed], nowMs)) handed += 1;
      if (handed === 0) continue;
      backlog.splice(0, handed);
      ring.publish();
      this.#doorbells[toShard].ring();
    }
  }
}
