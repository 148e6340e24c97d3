/**
 * The registry of everything the ledger may answer: one number on the wire, one name in JSON, one HTTP status.
 *
 * Numbers are for ever: a code that is no longer used keeps its number.
 */

import { ACTOR_CODES } from "./actor-codes.ts";
import type { CodeFacts } from "./code-facts.ts";

const registry = {
  ok: { number: 0, http: 200, memory: "kept", meaning: "The command was applied and is durable." },

  // The message could not be read. Nothing was applied.
  malformed_frame: {
    number: 1,
    http: 400,
    memory: "passing",
    meaning: "The bytes do not form a frame; the connection closes.",
  },
  malformed_json: { number: 2, http: 400, memory: "passing", meaning: "The text is not JSON." },
  invalid_request: {
    number: 3,
    http: 400,
    memory: "passing",
    meaning: "A field is missing, unknown or of the wrong type.",
  },
  unknown_operation: { number: 4, http: 400, memory: "passing", meaning: "No such operation, message type or path." },
  message_too_large: { number: 5, http: 413, memory: "passing", meaning: "The message or body exceeds its limit." },
  too_many_commands: {
    number: 6,
    http: 400,
    memory: "passing",
    meaning: "The message holds more commands than one message may.",
  },
  metadata_too_large: { number: 7, http: 400, memory: "passing", meaning: "The metadata exceeds 1,024 bytes." },
  unsupported_protocol: {
    number: 8,
    http: 400,
    memory: "passing",
    meaning: "None of the offered subprotocols is spoken here.",
  },
  method_not_allowed: {
    number: 9,
    http: 405,
    memory: "passing",
    meaning: "The path exists, but not with this method.",
  },
  path_not_found: { number: 10, http: 404, memory: "passing", meaning: "No such path." },
  unsupported_media_type: { number: 11, http: 415, memory: "passing", meaning: "The body must be application/json." },

  // Who asks.
  unauthenticated: {
    number: 20,
    http: 401,
    memory: "passing",
    meaning: "No valid API key or ticket came with the request.",
  },
  forbidden: { number: 21, http: 403, memory: "passing", meaning: "The key's role or owner does not allow this." },
  api_key_not_found: { number: 22, http: 404, memory: "kept", meaning: "No such API key." },
  api_key_revoked: { number: 23, http: 409, memory: "kept", meaning: "The API key is revoked already." },
  api_key_exists: { number: 24, http: 409, memory: "kept", meaning: "An API key with this id exists already." },

  // The command's id.
  idempotency_key_missing: {
    number: 30,
    http: 400,
    memory: "passing",
    meaning: "A command over HTTP needs the header Idempotency-Key.",
  },
  id_required: { number: 31, http: 400, memory: "passing", meaning: "The command's id is all zeros." },
  id_not_time_ordered: {
    number: 32,
    http: 400,
    memory: "passing",
    meaning: "The binary protocol takes UUIDv7 command ids only.",
  },
  id_expired: {
    number: 33,
    http: 422,
    memory: "passing",
    meaning: "The id is older than the oldest one still remembered; nothing was applied now.",
  },
  id_in_future: {
    number: 34,
    http: 422,
    memory: "passing",
    meaning: "The id's time lies too far ahead of the ledger's clock.",
  },
  id_reused: { number: 35, http: 422, memory: "passing", meaning: "The id was used before with another body." },
  id_reserved: {
    number: 37,
    http: 400,
    memory: "passing",
    meaning: "The id has the variant bits that the ledger keeps for its own keys.",
  },
  in_progress: { number: 36, http: 409, memory: "passing", meaning: "The command with this id is still running." },

  // Too much at once.
  overloaded: { number: 40, http: 503, memory: "passing", meaning: "A queue is full; send the same id again later." },
  shutting_down: {
    number: 41,
    http: 503,
    memory: "passing",
    meaning: "The ledger is stopping; send the same id again later.",
  },
  too_many_subscriptions: {
    number: 42,
    http: 429,
    memory: "passing",
    meaning: "The connection holds as many subscriptions as it may.",
  },
  slow_consumer: {
    number: 43,
    http: 503,
    memory: "passing",
    meaning: "The reader fell too far behind; the connection closes.",
  },
  ledger_full: {
    number: 44,
    http: 503,
    memory: "passing",
    meaning: "The shard holds as many wallets or owners as it was configured for.",
  },

  // What is no longer kept.
  history_expired: {
    number: 48,
    http: 410,
    memory: "passing",
    meaning: "The record is older than the oldest one that the archive keeps.",
  },

  // The shape of the command.
  amount_invalid: {
    number: 50,
    http: 400,
    memory: "kept",
    meaning: "The amount is not a whole number from 1 to 2^53-1.",
  },
  currency_unknown: { number: 51, http: 422, memory: "kept", meaning: "No such ISO 4217 currency." },
  wallet_id_invalid: {
    number: 52,
    http: 422,
    memory: "kept",
    meaning: "The wallet or owner id is all zeros or reserved for system accounts.",
  },
  wallet_type_invalid: {
    number: 53,
    http: 422,
    memory: "kept",
    meaning: "Wallets opened by command are of type customer, merchant or system.",
  },
  same_wallet: { number: 54, http: 422, memory: "kept", meaning: "A transfer needs two different wallets." },
  system_account_protected: {
    number: 55,
    http: 422,
    memory: "kept",
    meaning: "System accounts move only as the other side of a command.",
  },
  expected_version_invalid: { number: 56, http: 400, memory: "kept", meaning: "The expected version is above 2^53-1." },

  // The state of the wallets.
  wallet_not_found: { number: 60, http: 404, memory: "kept", meaning: "No wallet with the id to debit or to change." },
  destination_not_found: { number: 61, http: 404, memory: "kept", meaning: "No wallet with the id to credit." },
  wallet_exists: { number: 62, http: 409, memory: "kept", meaning: "A wallet with this id exists already." },
  version_conflict: { number: 63, http: 409, memory: "kept", meaning: "The wallet's version is not the expected one." },
  wallet_not_active: { number: 64, http: 422, memory: "kept", meaning: "The wallet to debit or credit is pending." },
  wallet_frozen: { number: 65, http: 422, memory: "kept", meaning: "The wallet is frozen." },
  wallet_closed: { number: 66, http: 422, memory: "kept", meaning: "The wallet is closed." },
  destination_not_active: { number: 67, http: 422, memory: "kept", meaning: "The wallet to credit is pending." },
  destination_frozen: { number: 68, http: 422, memory: "kept", meaning: "The wallet to credit is frozen." },
  destination_closed: { number: 69, http: 422, memory: "kept", meaning: "The wallet to credit is closed." },
  status_conflict: {
    number: 70,
    http: 422,
    memory: "kept",
    meaning: "The wallet's status does not allow this change.",
  },
  currency_mismatch: {
    number: 71,
    http: 422,
    memory: "kept",
    meaning: "The wallets, or the command and its wallet, are of different currencies.",
  },
  insufficient_funds: {
    number: 72,
    http: 422,
    memory: "kept",
    meaning: "The available balance is less than the amount.",
  },
  balance_overflow: {
    number: 73,
    http: 422,
    memory: "kept",
    meaning: "A balance would leave the range of plus or minus 2^53-1.",
  },
  balance_not_zero: {
    number: 74,
    http: 422,
    memory: "kept",
    meaning: "Only a wallet with a zero balance can be closed.",
  },
  transfer_open: {
    number: 75,
    http: 422,
    memory: "kept",
    meaning: "A transfer to another shard from this wallet is still running.",
  },
  overdraft_in_use: { number: 76, http: 422, memory: "kept", meaning: "The overdraft in use exceeds the new limit." },
  transfer_not_found: { number: 77, http: 404, memory: "passing", meaning: "No transfer with this id is remembered." },

  // Linked runs.
  linked_failed: {
    number: 80,
    http: 422,
    memory: "kept",
    meaning: "Another command of the linked run failed, so none was applied.",
  },
  linked_across_shards: {
    number: 81,
    http: 422,
    memory: "passing",
    meaning: "The linked run touches wallets of several shards.",
  },
  linked_run_open: {
    number: 82,
    http: 400,
    memory: "passing",
    meaning: "The last command of the message is flagged as linked to a next one.",
  },
  linked_run_too_long: {
    number: 83,
    http: 400,
    memory: "passing",
    meaning: "A linked run holds at most 2,048 commands and 256 KiB of records.",
  },

  // Holds.
  hold_not_found: { number: 100, http: 404, memory: "kept", meaning: "No hold with this id on the wallet." },
  hold_closed: {
    number: 101,
    http: 422,
    memory: "kept",
    meaning: "The hold was captured in full, voided, or has lapsed.",
  },
  hold_expired: { number: 102, http: 422, memory: "kept", meaning: "The hold's time is over." },
  hold_amount_exceeded: {
    number: 103,
    http: 422,
    memory: "kept",
    meaning: "The amount is more than what is left of the hold.",
  },
  hold_beneficiary_mismatch: {
    number: 104,
    http: 422,
    memory: "kept",
    meaning: "The hold may be captured to another wallet only.",
  },
  hold_open: { number: 105, http: 422, memory: "kept", meaning: "The wallet has open holds." },
  hold_busy: { number: 232, http: 409, memory: "passing", meaning: "All of it is being captured; send again later." },
  expiry_invalid: {
    number: 106,
    http: 422,
    memory: "kept",
    meaning: "The time of expiry is over already, or above 2^53-1.",
  },
  holds_full: {
    number: 107,
    http: 503,
    memory: "passing",
    meaning: "The shard has as many open holds as it was configured for.",
  },

  // Reversals.
  not_reversible: {
    number: 110,
    http: 422,
    memory: "kept",
    meaning: "The id is not that of a movement that can be reversed.",
  },
  reversal_amount_exceeded: {
    number: 111,
    http: 422,
    memory: "kept",
    meaning: "The amount is more than what is left of the movement.",
  },

  // Currency exchange.
  rate_invalid: {
    number: 115,
    http: 400,
    memory: "kept",
    meaning: "The rate needs a numerator and a denominator from 1 to 2^53-1.",
  },
  quote_expired: { number: 116, http: 422, memory: "kept", meaning: "The quote has expired, or names no time at all." },
  same_currency: { number: 117, http: 422, memory: "kept", meaning: "An exchange needs two currencies." },
  exchanged_amount_invalid: {
    number: 118,
    http: 422,
    memory: "kept",
    meaning: "At this rate the amount comes to nothing, or to more than 2^53-1.",
  },

  // Limits.
  limit_exceeded: {
    number: 120,
    http: 422,
    memory: "kept",
    meaning: "A limit of the wallet to debit, or of its type, refuses the movement.",
  },
  destination_limit_exceeded: {
    number: 121,
    http: 422,
    memory: "kept",
    meaning: "A limit of the wallet to credit, or of its type, refuses the movement.",
  },
  limits_invalid: { number: 122, http: 400, memory: "kept", meaning: "The metadata does not describe limits." },

  // Striped wallets.
  wallet_striped: {
    number: 125,
    http: 422,
    memory: "kept",
    meaning: "The wallet is striped over all shards, which does not go with this command.",
  },

  // History.
  cursor_invalid: { number: 130, http: 400, memory: "passing", meaning: "The cursor is not one of this list's." },
  statement_too_long: {
    number: 131,
    http: 422,
    memory: "passing",
    meaning: "The statement has more than 1,000,000 lines; ask for a shorter time.",
  },

  // Replication.
  not_leader: {
    number: 140,
    http: 421,
    memory: "passing",
    meaning: "Another node leads the ledger; the answer names it where it is known.",
  },
  replication_pending: {
    number: 141,
    http: 504,
    memory: "passing",
    meaning: "The log has not confirmed it in time; it may have been applied, and the same id tells.",
  },
  not_replicated: {
    number: 142,
    http: 422,
    memory: "passing",
    meaning: "The ledger is not replicated, so no answer can wait for that.",
  },

  ...ACTOR_CODES,

  internal_error: {
    number: 99,
    http: 500,
    memory: "passing",
    meaning: "A defect of the ledger; the operator finds it in the log.",
  },
} as const satisfies Record<string, CodeFacts>;

/** A stable name for an outcome: `ok`, or the reason why not. */
export type Code = keyof typeof registry;

/** Any code that is a refusal. */
export type Refusal = Exclude<Code, "ok">;

/** Facts about each code. */
export const CODES: Readonly<Record<Code, CodeFacts>> = registry;

/** Number of each code on the wire, for use on hot paths: `CODE.insufficient_funds`. */
export const CODE = Object.fromEntries(Object.entries(registry).map(([name, facts]) => [name, facts.number])) as {
  readonly [Name in Code]: (typeof registry)[Name]["number"];
};

const NAMES: readonly (Code | undefined)[] = (() => {
  const names: (Code | undefined)[] = [];
  for (const [name, facts] of Object.entries(registry)) {
    if (names[facts.number] !== undefined) throw new Error(`two codes have the number ${facts.number}`);
    names[facts.number] = name as Code;
  }
  return names;
})();

/** The name of a code number; a number that this version does not know reads as `internal_error`. */
export function codeName(number: number): Code {
  return NAMES[number] ?? "internal_error";
}

/** A command whose result is not known yet: stands in a result record inside the ledger, never on the wire. */
export const CODE_DEFERRED = 0xffff;
