/** The fields that several types of events have. */

import { z } from "zod";
import { amountMinor, balanceMinor, currency, position, uuid, version } from "../json-fields.ts";

/** The operations that move money, with those that are the ledger's own. */
export const movementOperation = z.enum([
  "Transfer",
  "Credit",
  "Debit",
  "CaptureHold",
  "ReverseTransfer",
  "ExchangeCurrency",
  "TransferRefund",
  "SweepStripe",
]);

const availableMinor = balanceMinor
  .optional()
  .describe("Balance and overdraft less what is held. Absent in records that do not say it.");

/** What a command carried for its sender. */
export const fromCommand = {
  reference: uuid.optional().describe("The caller's own reference."),
  metadata: z.record(z.string(), z.unknown()).optional().describe("What the caller sent along."),
};

/** A wallet as it is after the event. */
export const walletFields = {
  walletId: uuid,
  position: position.describe("The record of the event."),
  version: version.describe("Of the wallet after the event: without gaps, so a reader can tell that it has seen all."),
  currency,
  postedMinor: balanceMinor.describe("The balance after the event."),
  availableMinor,
};

export const side = z.strictObject({ version, postedMinor: balanceMinor, availableMinor });

export const targetId = uuid.optional().describe("The hold captured, or the movement reversed.");

export { amountMinor, currency, position, uuid };
