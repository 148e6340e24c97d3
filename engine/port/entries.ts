/**
 * What travels in the rings between the gateway and a shard, and between shards.
 *
 * Every entry begins with a header of 64 bytes; its payload follows. Requests of one ring are handled in order, and an
 * answer is published after everything that the shard had decided before it is durable.
 */

export const ENTRY_HEADER_BYTES = 64;

/**
 * Header of a request, in 32-bit lanes.
 *
 * `token` comes back with the answer. `ownerId` and `role` are the principal on whose behalf the shard decides. `sentAtMs` is
 * when the gateway handed the request over, or 0, as a Float64 on the clock that all threads share.
 */
export const REQUEST = {
  entryBytes: 0,
  kind: 1,
  token: 2,
  count: 3,
  flags: 4,
  role: 5,
  payloadBytes: 6,
  ownerId: 8,
  sentAtMs: 12,
} as const;

/**
 * In a message between shards, in the lanes of the principal: who sent it, and up to which sequence (f64) that was durable.
 * `REQUEST.sentAtMs` is when it was handed over.
 */
export const PEER = { fromShard: 5, sequence: 8 } as const;

export const REQUEST_KIND = {
  /** Payload: command records back to back. Answer: Results, then one LateResult for each deferred one. */
  Commands: 1,
  /** Payload: 16-byte wallet ids. Answer: Wallets. */
  LookupWallets: 2,
  /** Payload: one 16-byte command id. Answer: Object (`TransferView` or null). */
  LookupTransfer: 3,
  /** Payload: 16-byte wallet ids. Answer: Watched, one for all; from then on their changes come as Deltas. */
  WatchWallets: 4,
  UnwatchWallets: 5,
  /** Payload: one 16-byte owner id. Answer: Watched entries; the last one has the flag `last`. Includes later wallets. */
  WatchOwner: 6,
  UnwatchOwner: 7,
  /** No payload. Answer: Watched with count 0. */
  WatchAll: 8,
  UnwatchAll: 9,
  /** Answer: Object (`TrialBalanceView` of the shard). */
  TrialBalance: 10,
  /** Payload: MessagePack of an `ObjectCommand`. Answer: Object (`ObjectOutcome`). */
  ObjectCommand: 11,
  /** Payload: MessagePack of `{ aggregate }`. Answer: Object (array of states). */
  ListObjects: 12,
  /** No payload. Answer, once a snapshot of everything before is durable: Object (`SnapshotView`). */
  TakeSnapshot: 14,
  /** Payload: one 16-byte wallet id. Answer: Object (`LimitsView`, or null with a code). */
  LookupLimits: 15,
  /** Payload: currency (ISO 4217 number) and wallet type, u32 each. Answer: Object (`WalletLimits`). */
  LookupTypeLimits: 16,
  /** Payload: MessagePack of an `ObjectCommand` to an actor. Answer, when wallets have done their part: Object (`ObjectOutcome`). */
  ActorCommand: 17,
  /** Payload: MessagePack of an `ActorLookup`. Answer: Object (the state, or null with a code). */
  LookupActor: 18,
  /** Answer: Object (`OpenSagas`). */
  ListSagas: 19,
  /** Payload: the id of a command as text, MessagePack. Answer: Object (`SagaFound`). */
  LookupSaga: 35,
  /** Payload: MessagePack of a `SagaRelease`. Answer: Object (`{ code }`). */
  ReleaseSaga: 32,
  /** Payload: MessagePack of an `ActorsAsked`. Answer: Object (`ActorsFound`, or null with a code). */
  ListActors: 33,
  /** Payload: MessagePack of an `ActorBatch`. Answer, when wallets have done their part for all: Object (array of `ActorResult`). */
  ActorCommands: 34,
  /** Payload: MessagePack of a `ProjectionQuestion`. Answer: Object (what the type's projection says, or null with a code). */
  ReadProjection: 50,
  /** Payload: MessagePack of an `ActorLookup`. Answer: Object (`WatchedActor`, or null with a code); from then on its changes come as ActorChanged. */
  WatchActor: 51,
  /** Payload: MessagePack of `{ aggregate, id }`. No answer. */
  UnwatchActor: 52,
  /** Payload: one 16-byte wallet id. Answer: Object (array of `HoldView`, oldest first). */
  ListHolds: 30,
  /** Payload: one 16-byte hold id. Answer: Object (`FoundHold` or null). */
  LookupHold: 31,
  /** The shard commits what it has, answers Stopped and ends its thread. */
  Stop: 13,

  /** Between shards. Payload: MessagePack of a `CreditRequest`. */
  PeerCredit: 20,
  /** Between shards. Payload: MessagePack of a `CreditAnswer`. */
  PeerAnswer: 21,
  /** Between shards. Payload: MessagePack of a `StripeMessage`. */
  PeerStripe: 22,
  /** Between shards. Payload: MessagePack of an `AskRequest`. */
  PeerAsk: 23,
  /** Between shards. Payload: MessagePack of an `AskAnswer`. */
  PeerAsked: 24,

  /** From the replicator to a shard that follows. Payload: a frame of the leader's journal. No answer. */
  ApplyFrame: 40,
  /** From the gateway to a shard that follows: everything before it is applied; it leads from now on. Answer: Object (null). */
  Lead: 41,
} as const;

export const REQUEST_FLAG = {
  /** Answer with results in the long form. */
  details: 1,
  /** Refuse command ids that are not UUIDv7. */
  timeOrderedIds: 2,
} as const;

/** Who asks. An admin may touch every wallet; merchants and users only those of their owner id. */
export const ROLE = { admin: 1, merchant: 2, user: 3 } as const;
export type Role = keyof typeof ROLE;

/** Header of an answer, in 32-bit lanes. */
export const REPLY = {
  entryBytes: 0,
  kind: 1,
  token: 2,
  count: 3,
  flags: 4,
  code: 5,
  payloadBytes: 6,
  /** LateResult: index of the command in the payload of its request. Watched, of an owner: the owner's index. */
  index: 7,
  /** Results: how many of the results are deferred. */
  deferred: 8,
  /** The last sequence that the answer depends on, as a Float64. */
  dependsOnSequence: 10,
  /** LateResult: the shard that had the other part of the command, and when that part was durable (f64), or 0. */
  farShard: 5,
  farAtMs: 8,
  /** When the answer became visible with all behind it that have 0 here, as a Float64 on the clock that all threads share. */
  publishedAtMs: 12,
  /** Beside `publishedAtMs`: how long before it the frame was begun, and its sync, in microseconds; 0 where none was written. */
  frameBeganUs: 14,
  syncBeganUs: 15,
} as const;

export const REPLY_KIND = {
  /** Payload: result records, compact or long as asked; a deferred one has the code CODE_DEFERRED. */
  Results: 1,
  /** Payload: one result record in the long form. */
  LateResult: 2,
  /** Payload: wallet records (96 bytes each). */
  Wallets: 3,
  /** Payload: watched records. */
  Watched: 4,
  /** Payload: ring deltas. Unasked, so the token is zero. */
  Deltas: 5,
  /** Payload: MessagePack; `code` says whether the request succeeded. */
  Object: 6,
  /** The shard's last entry. */
  Stopped: 7,
  /** Payload: MessagePack of a `WatchedActor`. Unasked, so the token is zero. */
  ActorChanged: 8,
} as const;

export const REPLY_FLAG = { details: 1, last: 2 } as const;

/** A wallet record followed by `slot u32 | ownerIndex u32 | reserved 8`. */
export const WATCHED_BYTES = 112;
export const WATCHED = { slot: 96, ownerIndex: 100 } as const;

/** A delta record followed by `slot u32 | ownerIndex u32 | reserved 8`, the keys by which a gateway finds its readers. */
export const RING_DELTA_BYTES = 80;
export const RING_DELTA = { slot: 64, ownerIndex: 68 } as const;
