import type { JournalReaderOptions } from "../engine/journal/journal-reader.ts";
import type { LedgerFile } from "../engine/ledger-file.ts";
import type { ReplicationMemory } from "../engine/replication/replication-memory.ts";
import type { BrokerAccess } from "../protocol/broker-access.ts";
import type { Claim } from "./epoch-fold.ts";

/** How a node reaches the brokers, and as whom. */
export interface KafkaAccess extends BrokerAccess {
  /** Lasts as long as the data directory. */
  readonly nodeId: string;
  /** Time without a sign of life after which a node counts as gone, and a leader as unconfirmed. */
  readonly sessionTimeoutMs: number;
}

/** How to reach the log. */
export interface LogAccess extends KafkaAccess {
  readonly journalTopic: string;
}

/** How to reach the log, and who this node is in it. */
export interface ReplicatorOptions extends LogAccess {
  /** Where clients and other nodes reach this node. */
  readonly nodeUrl: string;
  /** What a node with no data takes from the first claim. */
  readonly ledger: LedgerFile;
  readonly ledgerId: string;
  readonly shardCount: number;
  /** From a small send to the next one, so that many small frames share a request. Default: none. */
  readonly lingerMs?: number;
}

/** A node and the epoch under which it leads. */
export interface Leader {
  readonly nodeId: string;
  readonly nodeUrl: string;
  readonly epoch: number;
}

/** The node that made a claim. */
export function leaderOf({ nodeId, nodeUrl, epoch }: Claim): Leader {
  return { nodeId, nodeUrl, epoch };
}

/** What the replicator's thread is started with; one shard an element. */
export interface ReplicatorThreadData {
  readonly options: ReplicatorOptions;
  readonly dataDir: string;
  readonly journals: readonly JournalReaderOptions[];
  readonly replication: readonly ReplicationMemory[];
  /** Last record that each shard has, in its journal or in a snapshot. */
  readonly throughSequences: readonly number[];
  /** Whether the log is known to have all of that, so that it is confirmed from the start on. */
  readonly isInLog: boolean;
  /**
   * Lane 0 (Float64): until when this node may show what it decides. **Units**: milliseconds of `process.hrtime`, the same
   * clock in every thread.
   */
  readonly lease: SharedArrayBuffer;
}

/** What the ledger asks of the replicator. */
export type ReplicatorRequest =
  /** Become the leader, with `over` only in place of who leads in that epoch; answered with `leading` or `outrun`. */
  | { readonly type: "claim"; readonly over?: number }
  /** Everything up to these sequences, one a shard, goes out; answered with `drained`. The shards take nothing meanwhile. */
  | { readonly type: "drain"; readonly sequences: readonly number[] }
  | { readonly type: "stop" };

/** A line for the ledger's log. */
export interface LogReport {
  readonly type: "log";
  readonly level: "info" | "warn" | "error";
  readonly fact: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What the replicator tells the ledger. */
export type ReplicatorReport =
  | LogReport
  /** A valid claim stands in the log, this node's own or another's. */
  | { readonly type: "leader"; readonly leader: Leader }
  /** How many records of the log are not applied here yet; sent every second while there are some, and once with none. */
  | { readonly type: "following"; readonly behindRecords: number }
  /** The claim is won, and everything before it is in the follow rings. */
  | { readonly type: "leading"; readonly leader: Leader }
  /** Another node claimed first. */
  | { readonly type: "outrun"; readonly leader: Leader }
  /** Another node leads: nothing more may be shown. */
  | { readonly type: "fenced"; readonly leader: Leader | undefined }
  /** The leader is no longer a member of the group. */
  | { readonly type: "leaderGone"; readonly leader: Leader }
  | { readonly type: "drained" }
  /**
   * It cannot go on, and nothing more is confirmed. `replication_gap`: the log lacks what it must have.
   * `replication_diverged`: this node has records that are not those of the log. `journal_unreadable`, `replication_failed`.
   */
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  /** Kafka cannot be reached, or can again. */
  | { readonly type: "outage"; readonly isOut: boolean }
  /** More is confirmed than before: sent when the gateway may be waiting for it. */
  | { readonly type: "confirmed" }
  | { readonly type: "stopped" };
