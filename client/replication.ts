/** Who leads the ledger, and how far the node that answered and the log are. */
export interface ReplicationState {
  readonly role: "leader" | "standby";
  readonly isReplicated: boolean;
  /** What every answer of the node waits for. */
  readonly acks: "local" | "replicated";
  /** Where the leader is, where it is known. */
  readonly leader?: string;
  /** Number of the claim under which it leads; 0 where none is known. */
  readonly epoch: number;
  /** Standby: records of the log that it has yet to apply. */
  readonly behindRecords: number;
  readonly shards: readonly {
    readonly shard: number;
    /** Whatever is read from this node afterwards shows at least this position. */
    readonly position: string;
    /** What the log has confirmed of it. */
    readonly replicatedPosition: string;
    readonly lagRecords: number;
  }[];
}
