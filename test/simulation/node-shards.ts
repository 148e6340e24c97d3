import type { Engine } from "../../engine/engine.ts";
import { createRing, RingReader, RingWriter } from "../../engine/port/ring.ts";
import { createShardPortMemory, ShardPort } from "../../engine/port/shard-port.ts";
import { createReplicationMemory, type ReplicationMemory } from "../../engine/replication/replication-memory.ts";
import { Peers } from "../../engine/shard/peers.ts";
import { recover } from "../../engine/shard/recover.ts";
import { ShardCore } from "../../engine/shard/shard-core.ts";
import type { ShardState } from "../../engine/shard/shard-state.ts";
import { createStatsMemory, readStats, STAT } from "../../engine/shard/shard-stats.ts";
import type { LogWorld } from "./log-world.ts";
import type { NodeDisk } from "./node-disk.ts";
import { require } from "./rules.ts";
import { SCRATCH } from "./scratch.ts";

const REQUEST_RING_BYTES = 1 << 18;
const REPLY_RING_BYTES = 1 << 21;
const FOLLOW_RING_BYTES = 1 << 18;
const PEER_RING_BYTES = 1 << 16;

interface NodeShard {
  readonly state: ShardState;
  readonly core: ShardCore;
  readonly peers: Peers;
  readonly requests: RingReader;
  readonly followed: RingReader;
}

/** The shards of one process of a node, as the engine's threads run them, each turn when somebody says so. */
export class NodeShards implements Pick<Engine, "shardCount" | "stats" | "replication"> {
  readonly shardCount: number;
  readonly ports: readonly ShardPort[];
  readonly replication: readonly ReplicationMemory[];
  /** Last record that each shard had at the start. */
  readonly throughSequences: readonly number[];
  readonly #shards: readonly NodeShard[];
  readonly #stats: readonly SharedArrayBuffer[];
  readonly #world: LogWorld;

  /** Recovers every shard from its journal, to follow. */
  constructor(world: LogWorld, disk: NodeDisk, wallMs: () => number, wakeGateway: () => void) {
    this.#world = world;
    const { shards, options } = world;
    this.shardCount = options.shardCount;
    const memories = shards.map(() => createShardPortMemory(REQUEST_RING_BYTES, REPLY_RING_BYTES));
    this.ports = memories.map((memory, shard) => new ShardPort(shard, memory));
    this.replication = memories.map(({ doorbell }) => createReplicationMemory(doorbell, true, FOLLOW_RING_BYTES));
    this.#stats = shards.map(() => createStatsMemory());
    const rings = shards.map(() => shards.map(() => createRing(PEER_RING_BYTES)));
    const doorbells = memories.map(({ doorbell }) => doorbell);
    this.#shards = memories.map((memory, shard) => {
      const journal = disk.journals[shard];
      const state = world.emptyState(shard);
      recover(state, journal, SCRATCH, { progress: () => {}, cut: () => {} });
      const peers = new Peers(shard, { rings, doorbells });
      const stats = new Float64Array(this.#stats[shard]);
      stats[STAT.sequence] = state.sequence;
      const followed = new RingReader(this.replication[shard].follow);
      const gatewayAsleep = new Int32Array(memory.gatewayAsleep);
      const core = new ShardCore(state, options, {
        journal,
        replies: new RingWriter(memory.replies),
        stats,
        nowMs: wallMs,
        sendToPeer: (toShard, message) => peers.send(toShard, message),
        wakeGateway: () => {
          if (Atomics.exchange(gatewayAsleep, 0, 0) === 1) wakeGateway();
        },
        follow: {
          ring: followed,
          append: (frames) => {
            journal.appendAll(frames);
            this.#checkFollowed(shard, journal.hashAt(journal.throughSequence), journal.throughSequence);
          },
        },
      });
      return { state, core, peers, requests: new RingReader(memory.requests), followed };
    });
    this.throughSequences = this.#shards.map(({ state }) => state.sequence);
  }

  state(shard: number): ShardState {
    return this.#shards[shard].state;
  }

  stats(shard: number): ReturnType<typeof readStats> {
    return readStats(this.#stats[shard]);
  }

  isFollowing(shard: number): boolean {
    return this.#shards[shard].core.isFollowing;
  }

  isBusy(shard: number): boolean {
    const { core, requests, followed, peers } = this.#shards[shard];
    if (requests.hasNext() || peers.hasBacklog) return true;
    return core.isFollowing ? followed.hasNext() : peers.incoming.some((ring) => ring.hasNext());
  }

  /** One turn of a shard's loop. */
  turn(shard: number, requestsMax: number): void {
    const { core, requests, peers, state } = this.#shards[shard];
    core.follow();
    const wasFollowing = core.isFollowing;
    // What shards that lead already send to one that follows waits until it leads, too.
    for (const ring of wasFollowing ? [requests] : [...peers.incoming, requests]) {
      for (let handled = 0; handled < requestsMax && !core.isCommitDue(); handled += 1) {
        const offset = ring.next();
        if (offset < 0 || !core.mayTake(ring, offset)) break;
        core.handle(ring, offset);
        ring.release(offset);
      }
    }
    if (wasFollowing && !core.isFollowing) this.#world.plant.leads?.(state);
    core.expireHolds();
    core.resumePostponed();
    core.flush();
    peers.flush();
  }

  /** What a shard has taken from the log is what counts there. */
  #checkFollowed(shard: number, hash: string | undefined, sequence: number): void {
    require("agreed", this.#world.judge.hashAt(shard, sequence) === hash, () =>
      `a node follows with another frame at record ${shard}:${sequence} than counts`);
  }
}
