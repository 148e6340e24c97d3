import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { Code } from "../protocol/codes.ts";
import type { Config } from "./config.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { NodeRole } from "./node-role.ts";
import type { ReplicationGate } from "./replication-gate.ts";

/** What a ledger gives to whoever brings its journal into the log. */
export interface ReplicationParts {
  readonly config: Config;
  readonly engine: Engine;
  readonly dispatcher: Dispatcher;
  /** Told of every change of the role. */
  readonly role: NodeRole;
  /** Has the lease of the leader, and is told when the log has confirmed more. */
  readonly gate: ReplicationGate;
  /** Whether the log has everything that the journals have. */
  readonly isInLog: boolean;
  readonly log: Logger;
  /** The log cannot be followed or written any more: the process must end. */
  readonly onFailure: (message: string) => void;
}

/** How a handover ended, and the last record of each shard. */
export interface HandoverOutcome {
  readonly code: Code;
  readonly sequences: readonly number[];
}

/** The log of a running ledger. */
export interface Replication {
  /** The leader's part of a planned change: takes no commands, and resolves when everything decided is in the log. */
  handOver(): Promise<HandoverOutcome>;
  /** The standby's part: claims once it has what the leader handed over; `ok` when it leads. */
  promote(sequences: readonly number[]): Promise<Code>;
  /** Ends once nothing more is sent; the shards still run. */
  stop(): Promise<void>;
}

/** How a ledger is replicated. */
export interface ReplicationDriver {
  /** Before the shards start: makes the data directory one that may follow the log, and tells whether that has all of it. */
  join(config: Config, log: Logger): Promise<{ readonly isInLog: boolean }>;
  /** Resolves when this node leads and may show what it decides, or follows. */
  start(parts: ReplicationParts): Promise<Replication>;
}
