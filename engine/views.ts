/** What a shard answers about itself and its rarer aggregates, as MessagePack maps: the shapes that the gateway shows. */

import type { Code } from "../protocol/codes.ts";
import type { Found, Sender } from "./actor/actor.ts";
import type { SagaView } from "./actor/actor-row.ts";

/** One movement of money, found by the id of its command. */
export interface TransferView {
  readonly id: string;
  readonly type: "Transfer" | "Credit" | "Debit" | "CaptureHold" | "ReverseTransfer" | "ExchangeCurrency";
  /** INITIATED to REFUNDING only while a transfer between shards is running. FAILED carries the code of the rejection. */
  readonly status: "INITIATED" | "DEBITED" | "CREDITED" | "COMPLETED" | "REFUNDING" | "FAILED";
  readonly code?: Code;
  /** The wallet debited, or an account; of a reversal, the wallet that gave the money back. */
  readonly fromWalletId: string;
  readonly toWalletId: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** CaptureHold: the hold. ReverseTransfer: the movement. */
  readonly targetId?: string;
  /** ExchangeCurrency, once it is completed: what was bought. */
  readonly boughtMinor?: number;
  readonly boughtCurrency?: string;
  readonly reference?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly position: string;
  readonly timestampMs: number;
}

/** The limits that apply to a wallet, in the order in which they are asked. */
export interface LimitsView {
  readonly walletId: string;
  /** ISO 4217 number. */
  readonly currency: number;
  readonly walletType: number;
  readonly timeZone: string;
  readonly limits: readonly {
    /** See `LIMIT` and `LIMIT_OF_TYPE`. */
    readonly limit: number;
    readonly value: number;
    readonly left: number;
    /** 0 where it never resets, or where no window runs. */
    readonly resetsAtMs: number;
    /** 0 but for a count. */
    readonly windowMs: number;
  }[];
}

/** The books of one shard in one currency; sums are decimal strings, since they may exceed 2^53. */
export interface TrialBalanceLine {
  readonly shard: number;
  readonly currency: string;
  /** The sum over every account; zero, or the books are broken. */
  readonly sumMinor: string;
  readonly walletsMinor: string;
  readonly fundingMinor: string;
  readonly payoutMinor: string;
  readonly feesMinor: string;
  readonly transitMinor: string;
  readonly liquidityMinor: string;
  readonly wallets: number;
}

/** The books of one shard at a journal position. */
export interface TrialBalanceView {
  readonly shard: number;
  readonly sequence: number;
  readonly openTransfers: number;
  readonly lines: readonly TrialBalanceLine[];
}

/** An open hold. */
export interface HoldView {
  readonly id: string;
  readonly walletId: string;
  /** The only wallet that captures may credit. */
  readonly toWalletId?: string;
  readonly amountMinor: number;
  readonly remainingMinor: number;
  readonly currency: string;
  readonly placedAtMs: number;
  readonly expiresAtMs?: number;
  readonly position: string;
}

/** A hold by its id. */
export interface FoundHold extends HoldView {
  /** Of one that is closed: the newest record of its wallet, from which its history leads to how it was closed. */
  readonly walletHead?: number;
}

/** The newest snapshot of a shard. */
export interface SnapshotView {
  readonly shard: number;
  readonly sequence: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/** A command for an aggregate that is kept as an object. `id` and `commandId` are UUIDs. */
export interface ObjectCommand {
  readonly aggregate: string;
  readonly id: string;
  readonly commandId: string;
  readonly command: { readonly type: string } & Readonly<Record<string, unknown>>;
  /** Who sends it; the ledger itself where absent. */
  readonly by?: Sender;
  /** What it depends on, as it was then: no part of what makes two commands the same. */
  readonly found?: Found;
}

/** Commands on actors of one shard, all from one sender. */
export interface ActorBatch {
  readonly by: Sender;
  /** Whether the answers tell the states of the actors. */
  readonly withStates: boolean;
  readonly commands: readonly Omit<ObjectCommand, "by">[];
}

/** What one of them came to; sequence and version are 0 where there is none, the state null. */
export type ActorResult = readonly [
  code: number,
  replayed: boolean,
  sequence: number,
  version: number,
  state: Readonly<Record<string, unknown>> | null,
];

/** Asks for the state of one actor. */
export interface ActorLookup {
  readonly aggregate: string;
  readonly id: string;
  readonly by: Sender;
  /** With the fields that are long. */
  readonly isWhole?: boolean;
  /** Only these; all where absent. */
  readonly fields?: readonly string[];
}

/** Asks a shard for actors of a type that somebody may see, the newest first. */
export interface ActorsAsked {
  readonly aggregate: string;
  readonly by: Sender;
  /** Only rows before this one; above all rows for all of them. */
  readonly before: number;
  readonly limit: number;
  /** Fields of the state and what they are, as text. */
  readonly where: Readonly<Record<string, string>>;
  /** Only actors that came from this time on, and before that one. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Fields that are left out of what is found. */
  readonly without: readonly string[];
}

/** Some of the actors asked for. There may be fewer than asked for, or none, although others are left. */
export interface ActorsFound {
  readonly rows: readonly FoundActor[];
  /** The oldest row that was looked at; 0 where nothing is left. */
  readonly before: number;
  /** All actors that came after this time have been looked at. */
  readonly reachedMs: number;
}

export interface FoundActor {
  readonly row: number;
  /** 0 where its type does not say. */
  readonly cameAtMs: number;
  /** MessagePack of its state. */
  readonly state: Uint8Array;
}

/** An actor that is watched: as it is, or after a change. */
export interface WatchedActor {
  readonly actor: string;
  readonly actorId: string;
  readonly version: number;
  /** Version before the change; the same where it is told as it is. */
  readonly previousVersion: number;
  /** The record of the change, or up to which the shard had decided. */
  readonly sequence: number;
  readonly timestampMs: number;
  /** All of it, long fields too; null where it is too large to be told. */
  readonly state: Readonly<Record<string, unknown>> | null;
  readonly isConflated: boolean;
}

/** Asks what a shard keeps of all actors of a type together; the type knows what may be asked. */
export interface ProjectionQuestion {
  readonly aggregate: string;
  readonly question: unknown;
  readonly by: Sender;
}

/** The sagas of a shard that have not ended. */
export interface OpenSagas {
  /** The first of them, in the order in which their actors came. */
  readonly sagas: readonly SagaView[];
  /** How many there are of each type of command. */
  readonly countOf: Readonly<Record<string, number>>;
}

/** Where what happened to a saga is to be read from: its newest record, or where the id of its command led to; 0 for nothing. */
export interface SagaFound {
  readonly open?: SagaView;
  readonly newest: number;
}

/** An operator's word on a parked saga: try again, or take back what it did. */
export interface SagaRelease {
  readonly id: string;
  readonly isTakenBack: boolean;
  readonly reason: string;
}

/** What an object command came to. */
export interface ObjectOutcome {
  readonly code: Code;
  readonly replayed: boolean;
  readonly shard: number;
  readonly sequence: number;
  /** The aggregate's state after the command, where it succeeded. */
  readonly state: Readonly<Record<string, unknown>> | null;
}

/** An API key as the engine keeps it: never the key itself, only its SHA-256. */
export interface ApiKeyState {
  readonly id: string;
  readonly name: string;
  readonly role: "admin" | "merchant" | "user";
  /** Empty for an admin. */
  readonly ownerId: string;
  readonly keyHash: string;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
}
