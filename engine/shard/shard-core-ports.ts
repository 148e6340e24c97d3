import type { ActorSettings } from "../actor/actor.ts";
import type { Journal } from "../journal/journal.ts";
import type { PeerMessage } from "../port/peer-message.ts";
import type { RingWriter } from "../port/ring.ts";
import type { FollowPorts } from "./follower.ts";

/** What is set for a shard. */
export interface ShardCoreOptions extends ActorSettings {
  readonly shardCount: number;
  readonly idFutureSkewMs: number;
  readonly openTransfersMax: number;
}

/** What connects a shard with its journal, its clock and the others. */
export interface ShardCorePorts {
  readonly journal: Journal;
  readonly replies: RingWriter;
  readonly stats: Float64Array;
  readonly nowMs: () => number;
  /** Tells the gateway that answers are there, if it sleeps. */
  readonly wakeGateway: () => void;
  /** Sends a message to another shard; called only for what is durable. */
  readonly sendToPeer: (toShard: number, message: PeerMessage) => void;
  /** With it, the shard follows the frames of a leader until it is told to lead. */
  readonly follow?: FollowPorts;
}
