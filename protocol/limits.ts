/**
 * Every bound of the ledger that two sides must agree on, in one place.
 *
 * Bounds that an operator may change are configuration (`MIZAN_*`); the ones here are part of the contract.
 * The assertions at the end state how the limits relate, and run once when the module is loaded.
 */

/** Largest integer that a JSON number and a Float64 both hold exactly: the ceiling of every amount and balance. */
export const AMOUNT_MINOR_MAX = Number.MAX_SAFE_INTEGER;

/** Most commands in one message. */
export const COMMANDS_PER_MESSAGE_MAX = 8_190;

/** Size of a plain command record, and of each further part of a longer one. */
export const RECORD_BYTES = 64;

/** Most bytes of metadata on one command, as UTF-8 JSON. */
export const METADATA_BYTES_MAX = 1_024;

/** Largest command record: base, extension and padded metadata. */
export const RECORD_BYTES_MAX = 2 * RECORD_BYTES + METADATA_BYTES_MAX;

/** Header in front of every binary frame on the wire. */
export const WIRE_HEADER_BYTES = 32;

/** Largest WebSocket message that a client may send: a full batch in which every command has its extension. */
export const MESSAGE_BYTES_MAX = 1_064_960;

/** Most commands, and most bytes of records, in one linked run: it must fit one journal frame whatever it comes to. */
export const LINKED_RUN_MAX = 2_048;
export const LINKED_RUN_BYTES_MAX = 262_144;

/** Most that the journal adds to the bytes of a command record: a plain movement may become a wide posting. */
export const JOURNAL_OVERHEAD_BYTES_MAX = 112;

/** Journal frames stay below 512 KiB, so that each fits one replicated message. */
export const FRAME_BYTES_MAX = 524_288;

/** Header of a journal frame. */
export const FRAME_HEADER_BYTES = 96;

/** Most wallets in one look-up message. */
export const LOOKUPS_PER_MESSAGE_MAX = 1_024;

/** Most commands on actors in one binary frame. */
export const ACTOR_COMMANDS_PER_FRAME_MAX = 1_024;

/** Longest text of a command on an actor in a binary frame. */
export const ACTOR_TEXT_BYTES_MAX = 65_536;

/** Longest name of a type of actors. **Units**: bytes of ASCII. */
export const ACTOR_NAME_BYTES_MAX = 16;

/** Longest text of a query in a binary frame: a look-up of as many wallets as there may be, written with white space. */
export const QUERY_BYTES_MAX = 65_536;

/** Shards are numbered in one byte on the wire; this many is far above what one machine has cores for. */
export const SHARDS_MAX = 64;

/** Largest body of an HTTP request: a JSON batch of full size with references. */
export const HTTP_BODY_BYTES_MAX = 4 * 1_024 * 1_024;

/** Most requests of one connection that may be without an answer. */
export const INFLIGHT_PER_CONNECTION_MAX = 4_096;

/** Most topics that one connection may subscribe to. */
export const SUBSCRIPTIONS_PER_CONNECTION_MAX = 10_000;

/** Most actors that one connection may follow. */
export const ACTOR_SUBSCRIPTIONS_PER_CONNECTION_MAX = 256;

function relate(holds: boolean, statement: string): void {
  if (!holds) throw new Error(`limits contradict each other: ${statement}`);
}

relate(
  FRAME_HEADER_BYTES + COMMANDS_PER_MESSAGE_MAX * RECORD_BYTES < FRAME_BYTES_MAX,
  "a full message of plain transfers fits one journal frame",
);
relate(
  WIRE_HEADER_BYTES + COMMANDS_PER_MESSAGE_MAX * 2 * RECORD_BYTES <= MESSAGE_BYTES_MAX,
  "a full message of extended commands fits one WebSocket message",
);
relate(
  FRAME_HEADER_BYTES + LINKED_RUN_BYTES_MAX + LINKED_RUN_MAX * JOURNAL_OVERHEAD_BYTES_MAX < FRAME_BYTES_MAX,
  "a linked run with the largest records fits one journal frame",
);
relate(
  LOOKUPS_PER_MESSAGE_MAX * '"00000000-0000-0000-0000-000000000000",'.length < QUERY_BYTES_MAX / 1.5,
  "a query for as many wallets as there may be fits, however it is indented",
);
relate(METADATA_BYTES_MAX % RECORD_BYTES === 0, "metadata is padded to whole record parts");
