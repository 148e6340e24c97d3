import { z } from "zod";
import { CODES, type Code } from "../codes.ts";
import { amountMinor, currency, fromCommand, position, side, targetId, uuid } from "./event-fields.ts";

const transfer = {
  transferId: uuid.describe("The id of its command."),
  position: position.describe("The record of the event."),
  operation: z.enum(["Transfer", "Credit", "Debit", "CaptureHold", "ReverseTransfer", "ExchangeCurrency"]),
  fromWalletId: uuid.describe("The wallet or account debited."),
  toWalletId: uuid.describe("The wallet or account credited."),
  amountMinor,
  currency,
  targetId,
  ...fromCommand,
};
const failureCode = z.enum(Object.keys(CODES) as Code[]).describe("Why not: a code of the ledger.");
const from = side
  .optional()
  .describe("The wallet debited, after it. Absent for an account, and where it is not known.");
const to = side.optional().describe("The wallet credited, after it. Absent for an account, and where it is not known.");

/**
 * What happens to movements of money, on one shard and between two alike.
 *
 * One that stays on a shard is completed, or failed, in a single step; one between shards is initiated first.
 */
export const TRANSFER_EVENTS = {
  "mizan.transfer.initiated.v1": {
    meaning: "A movement to another shard has begun. The amount has left its wallet, but for a reversal.",
    data: z.strictObject(transfer),
  },
  "mizan.transfer.credited.v1": {
    meaning: "The other shard has done its part.",
    data: z.strictObject({
      ...transfer,
      creditedPosition: position.describe("The other shard's record."),
    }),
  },
  "mizan.transfer.refunded.v1": {
    meaning: "The other shard refused, and the amount is back in its wallet.",
    data: z.strictObject({ ...transfer, code: failureCode, from }),
  },
  "mizan.transfer.completed.v1": {
    meaning: "The amount has been moved.",
    data: z.strictObject({
      ...transfer,
      from,
      to,
      boughtMinor: amountMinor.optional().describe("What an exchange bought."),
      boughtCurrency: currency.optional().describe("Its currency, where both wallets are on one shard."),
    }),
  },
  "mizan.transfer.failed.v1": {
    meaning: "Nothing has been moved. What the command did not name is absent.",
    data: z.strictObject({
      ...transfer,
      amountMinor: z.int().min(0).optional(),
      fromWalletId: uuid.optional(),
      toWalletId: uuid.optional(),
      currency: currency.optional(),
      code: failureCode,
    }),
  },
} as const;
