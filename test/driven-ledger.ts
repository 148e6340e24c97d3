import type { Role } from "../engine/port/entries.ts";
import type { Answer, LedgerCommand } from "./ledger-command.ts";

export interface Caller {
  readonly role: Role;
  readonly ownerId: string;
}

/** Commands for one shard, as the gateway hands them over. */
export interface Message {
  readonly token: number;
  readonly caller: Caller;
  readonly details: boolean;
  readonly timeOrderedIds: boolean;
  readonly commands: readonly LedgerCommand[];
}

export type Reply =
  | { readonly kind: "results"; readonly token: number; readonly answers: readonly Answer[] }
  | { readonly kind: "late"; readonly token: number; readonly index: number; readonly answer: Answer };

export interface WalletView {
  readonly id: string;
  readonly ownerId: string;
  readonly currency: number;
  readonly type: number;
  readonly status: number;
  readonly postedMinor: bigint;
  readonly heldMinor: bigint;
  readonly overdraftLimitMinor: bigint;
  readonly version: bigint;
}

/**
 * A ledger moved step by step from outside: the engine in its harness, and the reference beside it.
 *
 * Time is the caller's, and moves only while no shard has anything unflushed.
 */
export interface DrivenLedger {
  /** Decides a message; the answers show with the next flush. */
  submit(shard: number, message: Message): void;
  /** Makes durable what a shard has decided, hands its messages to the other shards over, and returns its answers. */
  flush(shard: number): readonly Reply[];
  /** Lets a shard take the oldest message from another one; false where there is none. */
  deliver(fromShard: number, toShard: number): boolean;
  /** How many messages wait between two shards. */
  waiting(fromShard: number, toShard: number): number;
  /** Ends the process without warning and starts it again: what was not flushed or not delivered is gone. */
  crash(): void;
  /** Every wallet of a shard, the fixed accounts included, in order of ids. */
  wallets(shard: number): readonly WalletView[];
  openTransfers(shard: number): number;
}

export interface DrivenLedgerOptions {
  readonly shardCount: number;
  readonly nowMs: () => number;
  readonly idempotencyWindowMs: number;
  readonly idFutureSkewMs: number;
  readonly openTransfersMax: number;
}
