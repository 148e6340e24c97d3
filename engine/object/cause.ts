/**
 * The last record of another shard that something may follow from.
 *
 * A frame counts only where the frames that it follows from count too; see "Replication" in ARCHITECTURE.md.
 */
export interface Cause {
  readonly shard: number;
  readonly sequence: number;
}
