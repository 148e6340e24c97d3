import type { ShardState } from "../../engine/shard/shard-state.ts";
import type { Dispatcher } from "../../gateway/dispatcher.ts";
import type { LogPositions } from "../../gateway/log-positions.ts";
import type { ReplicationGate } from "../../gateway/replication-gate.ts";
import type { Candidacy } from "../../replicator/candidacy.ts";
import type { LogRecord } from "../../replicator/epoch-fold.ts";
import type { CausesOf } from "../../replicator/journal-fold.ts";
import type { PartitionProgress } from "../../replicator/partition-progress.ts";

/** A bug planted into the simulation of a replicated ledger, as `Plant` is into that of one node. */
export interface LogPlant {
  /** In place of a record that a node reads; `epoch` is that of the claim before it. */
  readonly read?: (record: LogRecord, epoch: number) => LogRecord;
  /** In place of how frames are told what they follow from. */
  readonly causesOf?: CausesOf;
  /** Called with the parts of a node when they are made. */
  readonly candidacy?: (candidacy: Candidacy) => void;
  readonly progress?: (progress: PartitionProgress, wasLost: () => boolean) => void;
  readonly positions?: (positions: LogPositions) => void;
  readonly gate?: (gate: ReplicationGate, dispatcher: Dispatcher) => void;
  /** Called with what a shard knows when it begins to lead. */
  readonly leads?: (state: ShardState) => void;
  /** In place of a frame that is handed to a shard that follows. */
  readonly followed?: (frame: Uint8Array) => Uint8Array;
  readonly flaws?: LogFlaws;
}

/** What may be wrong about the order in which a node does things. */
interface LogFlaws {
  /** A claim is taken for won before it has been read. */
  readonly leadsBeforeReading?: boolean;
  /** Only the first partition is claimed. */
  readonly claimsOnePartition?: boolean;
  /** After a lost answer the writer goes on as if nothing had happened. */
  readonly resumesBlindly?: boolean;
  readonly leaseNeverEnds?: boolean;
  readonly keepsTail?: boolean;
  /** A frame too many is cut off. */
  readonly cutsTooFar?: boolean;
  /** The checkpoint is written before the journals have what it says, and believed. */
  readonly checkpointsEarly?: boolean;
  /** In a planned change nobody waits until the log, and with it the standby, has what the leader decided. */
  readonly handsOverEarly?: boolean;
  /** Whoever led last, and was not started to lead, leaves it to others to claim. */
  readonly waitsForOthers?: boolean;
}
