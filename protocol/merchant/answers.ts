/** What the ledger answers about merchants and their batches. */

import { z } from "zod";
import { CODES, type Refusal } from "../codes.ts";
import { amountMinor, balanceMinor, currency, moment, position, uuid } from "../json-fields.ts";
import { paymentFee } from "../payment/commands.ts";
import { merchantStatus, settlementCalendar } from "./commands.ts";

const anyAmountMinor = z.int().min(0);

export const merchantFoundAnswer = z.strictObject({
  id: uuid,
  version: z.int().min(1).describe("One more with each event."),
  status: merchantStatus,
  reason: z.string().optional().describe("Why it is suspended or closed."),
  running: z.string().optional().describe("The command that waits for wallets to do their part."),
  name: z.string(),
  ownerId: uuid,
  walletId: uuid,
  payoutWalletId: uuid,
  currency,
  fee: paymentFee.optional(),
  settlement: settlementCalendar,
  minimumPayoutMinor: amountMinor,
  nextBatchAt: moment.describe("When the running batch is closed by itself, while the merchant is active."),
  refusal: z
    .enum(Object.keys(CODES) as Refusal[])
    .optional()
    .describe("Why the running batch could not be paid out when that was tried last; it is tried again each hour."),
  registeredAt: moment,
});

export const merchantAnswer = merchantFoundAnswer.extend({
  position: position.describe("The record that ended the command."),
});

export const merchantsAnswer = z.strictObject({
  merchants: z.array(merchantFoundAnswer),
  nextCursor: z.string().nullable().describe("For the query parameter `cursor` of the next page; null at the end."),
});

const batch = {
  number: z.int().min(1),
  payoutMinor: anyAmountMinor,
  payoutId: uuid.optional().describe("The transfer that paid it out; absent where nothing was paid."),
  position: position.describe("What stands behind it belongs to the next batch."),
  closedAt: moment,
};

export const settlementsAnswer = z.strictObject({
  merchantId: uuid,
  walletId: uuid,
  currency,
  settlements: z.array(z.strictObject(batch)).describe("The newest first; a merchant remembers a hundred."),
});

export const settlementAnswer = z.strictObject({
  merchantId: uuid,
  walletId: uuid,
  currency,
  ...batch,
  lines: z.int().min(0).describe("Of the wallet's history."),
  openingMinor: balanceMinor,
  capturedMinor: anyAmountMinor.describe("From payers, before fees and the parts of others."),
  feesMinor: anyAmountMinor.describe("What of it went into fees."),
  splitsMinor: anyAmountMinor.describe("What of it others got."),
  refundedMinor: anyAmountMinor.describe("To payers, by everybody together."),
  splitsReturnedMinor: anyAmountMinor.describe("What of it others gave back."),
  payoutsMinor: anyAmountMinor,
  otherInMinor: anyAmountMinor.describe("What came in otherwise, such as transfers, and what stripes brought home."),
  otherOutMinor: anyAmountMinor,
  closingMinor: balanceMinor,
  isBalanced: z
    .boolean()
    .describe("Whether the lines lead from the opening balance to the closing one, and the payout is among them."),
});
