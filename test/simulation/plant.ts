import type { Journal } from "../../engine/journal/journal.ts";
import type { RecoverableJournal } from "../../engine/shard/recover.ts";
import type { ShardState } from "../../engine/shard/shard-state.ts";

/**
 * A bug planted into a simulation by putting something else in the place of one of the ledger's parts, so that no line of
 * the ledger itself has to be changed for it. Without one, every member is missing.
 */
export interface Plant {
  /** In place of a shard's journal. */
  readonly journal?: (journal: SimulatedDisk) => SimulatedDisk;
  /** Called with what a shard knows when it has recovered. */
  readonly recovered?: (state: ShardState) => void;
  /** Whether open transfers are not taken up after a start. */
  readonly forgetsOpenTransfers?: boolean;
  /** What is sent in place of a message between shards; undefined loses it. */
  readonly message?: (message: PeerPayload) => PeerPayload | undefined;
}

/** What a shard reads and writes. */
export type SimulatedDisk = Journal & RecoverableJournal;

interface PeerPayload {
  readonly kind: number;
  readonly payload: Uint8Array;
}
