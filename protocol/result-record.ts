/**
 * Result records: what a command came to, what a wallet holds, and how a balance changed.
 *
 * All are little-endian, with ids in network order and 64-bit integers as two's complement.
 */

/**
 * A result in its compact form.
 *
 * **Shape**: `0 code u16 | 2 flags u8 | 3 shard u8 | 4 limit u32 | 8 sequence u64` — shard and sequence are the
 * journal position of the first answer to the command; sequence 0 means that nothing was journaled for it. `limit` is
 * zero but for a command that a limit refused: then it is the number of the limit, see `LIMIT`.
 */
export const RESULT_BYTES = 16;

/**
 * A result with the balances after it; the first 16 bytes are the compact form.
 *
 * **Shape**: `16 postedMinor i64 | 24 availableMinor i64 | 32 version u64` of the wallet debited or changed, then
 * `40 postedMinor i64 | 48 availableMinor i64 | 56 version u64` of the wallet credited by a Transfer. A side that the
 * caller may not see, or that does not exist, is all zero.
 *
 * Of a command that a limit refused: `16 limitValue i64 | 24 left i64 | 32 resetsAtMs u64`, the rest zero. Value and rest
 * are minor units or a count; a limit on single movements never resets and has zero there.
 */
export const RESULT_DETAIL_BYTES = 64;

/** Bits of a result's flags byte. */
export const RESULT_FLAG = {
  /** The command had been answered before; this is the first answer again. */
  replayed: 1,
} as const;

/** Offsets in a result record, in bytes. */
export const RESULT = {
  code: 0,
  flags: 2,
  shard: 3,
  limit: 4,
  sequence: 8,
  limitValue: 16,
  limitLeft: 24,
  limitResetsAtMs: 32,
  postedMinor: 16,
  availableMinor: 24,
  version: 32,
  counterpartyPostedMinor: 40,
  counterpartyAvailableMinor: 48,
  counterpartyVersion: 56,
} as const;

/** The limits that may refuse a movement, and their numbers in a result. */
export const LIMIT = {
  debitPerTransaction: 1,
  debitPerDay: 2,
  debitPerMonth: 3,
  debitCount: 4,
  creditPerTransaction: 5,
  creditPerDay: 6,
  creditPerMonth: 7,
  creditCount: 8,
} as const;
export type LimitName = keyof typeof LIMIT;

/** Added to a limit's number where the limit is that of the wallet's type, not of the wallet itself. */
export const LIMIT_OF_TYPE = 0x100;

/**
 * The state of a wallet, as a look-up returns it.
 *
 * **Shape**: see `WALLET`; `sequence` is the journal position of the wallet's last change. With a code other than
 * `ok`, only `id` and `code` are set.
 */
export const WALLET_BYTES = 96;
export const WALLET = {
  id: 0,
  owner: 16,
  postedMinor: 32,
  availableMinor: 40,
  heldMinor: 48,
  overdraftLimitMinor: 56,
  version: 64,
  sequence: 72,
  code: 80,
  currency: 82,
  status: 84,
  type: 85,
  shard: 86,
} as const;

/**
 * One step of a balance stream.
 *
 * **Shape**: see `DELTA`; the values are those after the change, never differences, so that steps may be conflated.
 */
export const DELTA_BYTES = 64;
export const DELTA = {
  walletId: 0,
  postedMinor: 16,
  availableMinor: 24,
  version: 32,
  sequence: 40,
  timestampMs: 48,
  currency: 56,
  shard: 58,
  status: 59,
  flags: 60,
  type: 61,
} as const;

/** Bits of a delta's flags byte. */
export const DELTA_FLAG = {
  /** The wallet's state at the time of subscribing, not a change. */
  state: 1,
  /** The versions since the one asked for are no longer kept, so this state replaces what the reader had. */
  reset: 2,
  /** Steps between the previous delta and this one were left out because the reader was slow. */
  conflated: 4,
} as const;
