import type { Journal } from "../../engine/journal/journal.ts";
import type { RecoverableJournal } from "../../engine/shard/recover.ts";
import type { ShardState } from "../../engine/shard/shard-state.ts";
import type { SnapshotPart } from "../../engine/snapshot/part.ts";

/**
 * A bug planted into a simulation by putting something else in the place of one of the ledger's parts, so that no line of
 * the ledger itself has to be changed for it. Without one, every member is missing.
 */
export interface Plant {
  /** In place of a shard's journal. */
  readonly journal?: (journal: SimulatedDisk) => SimulatedDisk;
  /** Called with what a shard knows when it has recovered. */
  readonly recovered?: (state: ShardState) => void;
  /** In place of the parts of which snapshots are made. */
  readonly parts?: (parts: readonly SnapshotPart[]) => readonly SnapshotPart[];
  readonly flaws?: Flaws;
  /** Puts wrong parts in the place of what all shards share; returns what puts the right ones back. */
  readonly begin?: () => () => void;
  /** Whether open transfers are not taken up after a start. */
  readonly forgetsOpenTransfers?: boolean;
  /** What is sent in place of a message between shards; undefined loses it. */
  readonly message?: (message: PeerPayload) => PeerPayload | undefined;
}

/** What may be wrong with those who keep snapshots and archives. */
export interface Flaws {
  readonly loadsDamagedSnapshots?: boolean;
  readonly keepsUnfinishedSnapshots?: boolean;
  /** The journal is archived when a snapshot begins, not when it is durable. */
  readonly archivesEarly?: boolean;
  /** Archived frames are dropped from the journal before the archive is synced. */
  readonly dropsBeforeSync?: boolean;
  /** The oldest bucket of sealed ids is gone after a crash. */
  readonly forgetsSealedBucket?: boolean;
  /** Ids leave memory when their sealing is asked for, not when it is durable. */
  readonly sealsTooSoon?: boolean;
}

/** What a shard reads and writes. */
export type SimulatedDisk = Journal & RecoverableJournal;

interface PeerPayload {
  readonly kind: number;
  readonly payload: Uint8Array;
}
