import type { Code } from "../../protocol/codes.ts";
import type { Saga, SagaStatus } from "../saga/saga.ts";
import type { Sender } from "./actor.ts";

/** A command that an actor has begun and waits for wallets to end. */
export interface OpenSaga {
  readonly saga: Saga;
  readonly command: { readonly type: string };
  readonly sender: Sender;
  /** Whether the ledger sent the command by itself, so that nobody asks for its id. */
  readonly isOwn: boolean;
  /** Its newest record; absent where an older snapshot did not tell. */
  readonly head?: number;
  /** The ids under which steps were done, in their order. */
  readonly askIds: readonly string[];
}

/** One actor, as a shard keeps it. It is never changed in place. */
export interface ActorRow {
  readonly type: string;
  readonly id: string;
  /** Number of its events. */
  readonly version: number;
  readonly state: unknown;
  readonly open?: OpenSaga;
}

/** A saga as an operator sees it. */
export interface SagaView {
  /** The id of the command that began it. */
  readonly id: string;
  readonly actor: string;
  readonly actorId: string;
  readonly type: string;
  /** Of one that is open, or how it ended. */
  readonly status: SagaStatus | "COMPLETED" | "FAILED";
  readonly isParked: boolean;
  readonly step: number;
  readonly steps: readonly string[];
  readonly failures: number;
  readonly failure?: string;
  readonly startedAtMs: number;
  readonly retryAtMs?: number;
  /** Of one that has ended. */
  readonly endedAtMs?: number;
  readonly code?: Code;
}
