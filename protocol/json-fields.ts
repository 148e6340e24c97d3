/** The fields that JSON messages and REST bodies are made of; zod checks them and the OpenAPI document describes them. */

import { z } from "zod";
import { WALLET_STATUS, WALLET_TYPE, type WalletStatus, type WalletType } from "./command-record.ts";
import { CURRENCY_CODES } from "./currencies.ts";
import { AMOUNT_MINOR_MAX, METADATA_BYTES_MAX } from "./limits.ts";

const UTF_8 = new TextEncoder();

/** An id in its canonical text form, whatever its version. */
export const uuid = z.guid();

/** An amount that moves. **Units**: minor. */
export const amountMinor = z
  .int()
  .min(1)
  .max(AMOUNT_MINOR_MAX)
  .describe("Whole number of the currency's minor units, from 1 to 2^53-1.");

/** A bound that may be zero. **Units**: minor. */
export const overdraftLimitMinor = z
  .int()
  .min(0)
  .max(AMOUNT_MINOR_MAX)
  .describe("How far the balance may go below zero, in minor units.");

export const currency = z
  .enum(CURRENCY_CODES, "Invalid currency: expected an alphabetic code of ISO 4217")
  .describe("ISO 4217 alphabetic code.");

export const walletType = z.enum(Object.keys(WALLET_TYPE) as WalletType[]);

export const walletStatus = z.enum(Object.keys(WALLET_STATUS) as WalletStatus[]);

/** A version that a command may ask for. */
const expectedVersion = z
  .int()
  .min(1)
  .max(AMOUNT_MINOR_MAX)
  .describe("The command is refused with version_conflict unless the wallet debited or changed has this version.");

/**
 * What a command carries for its sender: any JSON object. Parsed, it is the UTF-8 of its text, as it is journaled.
 *
 * **Errors**: not an object; nested too deeply or longer than METADATA_BYTES_MAX, without white space.
 */
const metadata = z
  .unknown()
  .transform((value, context): Uint8Array => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      context.issues.push({ code: "invalid_type", expected: "object", input: value });
      return z.NEVER;
    }
    const bytes = metadataBytes(value);
    if (bytes === undefined || bytes.byteLength > METADATA_BYTES_MAX) {
      const message = `Too big: expected at most ${METADATA_BYTES_MAX} bytes of JSON`;
      context.issues.push({ code: "custom", input: value, message });
      return z.NEVER;
    }
    return bytes;
  })
  .meta({ type: "object", description: `At most ${METADATA_BYTES_MAX} bytes as UTF-8 JSON without white space.` });

function metadataBytes(value: object): Uint8Array | undefined {
  try {
    return UTF_8.encode(JSON.stringify(value));
  } catch {
    // A text that JSON.parse reads may be nested more deeply than JSON.stringify can write.
    return undefined;
  }
}

/** What every command may carry. */
export const conditions = {
  expectedVersion: expectedVersion.optional(),
  reference: uuid.optional().describe("The caller's own 128-bit reference, kept with the record."),
  metadata: metadata.optional(),
};

/** A balance or sum inside the range of exact integers. **Units**: minor. */
export const balanceMinor = z.int();

/** A wallet's version: 1 when it is created, one more with each change. */
export const version = z.int().min(1);

/** A place in the journal. */
export const position = z
  .string()
  .regex(/^\d{1,2}:\d{1,16}$/)
  .describe("Journal position, shard:sequence.");

export const timestampMs = z.int().min(0).describe("Milliseconds since the Unix epoch, as journaled.");

/** Which part of a wallet's history: newest first, a page at a time. */
export const historyFields = {
  limit: z.int().min(1).max(200).optional().describe("How many at most; 50 where absent."),
  cursor: z.string().max(64).optional().describe("nextCursor of the page before."),
  from: z.iso.datetime({ offset: true }).optional().describe("Only from this moment on."),
  to: z.iso.datetime({ offset: true }).optional().describe("Only before this moment."),
  movement: z.string().max(64).optional().describe("Only transactions of this type."),
  reference: uuid.optional().describe("Only transactions with this reference."),
};

/** Which page of a list of actors: the newest first. */
export const listFields = {
  limit: z.int().min(1).max(200).optional().describe("How many at most, from 1 to 200; 50 where absent."),
  cursor: z
    .string()
    .max(1_024)
    .optional()
    .describe("nextCursor of the page before; a page may have few, or none, although there is one."),
  from: z.iso.datetime({ offset: true }).optional().describe("Only what came from this moment on, as in RFC 3339."),
  to: z.iso.datetime({ offset: true }).optional().describe("Only what came before this moment."),
};

/** Where a list goes on. */
export const nextCursor = z.string().nullable().describe("Null at the end.");

/** Which part of a wallet's statement: oldest first, a part at a time. */
export const statementFields = {
  from: z.iso.datetime({ offset: true }).describe("The first moment of the time."),
  to: z.iso.datetime({ offset: true }).describe("The moment at which it ends, which is no part of it."),
  limit: historyFields.limit,
  cursor: historyFields.cursor.describe("nextCursor of the part before, with the same times."),
};

/** A time or a position in the journal. */
export const pointInTime = z
  .union([z.iso.datetime({ offset: true }), z.string().regex(/^\d{1,2}:\d{1,16}$/)])
  .describe("A moment as in RFC 3339, or a journal position of the wallet's shard.");

/** A moment as text. */
export const moment = z.iso.datetime();

/** The trace to which a request belongs, as W3C Trace Context writes it; what is not well formed counts as absent. */
export const traceFields = {
  traceparent: z.unknown().optional().meta({ type: "string", description: "The header of W3C Trace Context." }),
  tracestate: z.unknown().optional().meta({ type: "string", description: "Passed on with the trace." }),
};
