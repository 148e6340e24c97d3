/** What the ledger answers about payments and sagas. */

import { z } from "zod";
import { amountMinor, currency, moment, nextCursor, position, uuid } from "../json-fields.ts";
import { paymentFee, paymentStatus } from "./commands.ts";

const anyAmountMinor = z.int().min(0);

export const paymentFoundAnswer = z.strictObject({
  id: uuid,
  version: z.int().min(1).describe("One more with each event."),
  status: paymentStatus,
  running: z.string().optional().describe("The command that waits for wallets to do their part."),
  payerWalletId: uuid,
  merchantId: uuid.optional(),
  merchantWalletId: uuid,
  amountMinor,
  currency,
  fee: paymentFee.optional(),
  splits: z
    .array(
      z.strictObject({
        walletId: uuid,
        amountMinor: amountMinor.describe("When all is captured."),
        capturedMinor: anyAmountMinor,
        refundedMinor: anyAmountMinor,
      }),
    )
    .optional(),
  ownerId: uuid.nullable().describe("Null for an admin's."),
  payerOwnerId: uuid.optional().describe("Who authorised it; absent for an admin."),
  holdId: uuid.optional(),
  capturedMinor: anyAmountMinor,
  feesMinor: anyAmountMinor.describe("What of that went into fees."),
  refundedMinor: anyAmountMinor,
  initiatedAt: moment,
  expiresAt: moment.optional(),
  description: z.string().optional(),
  reason: z.string().optional().describe("Why it failed."),
});

export const paymentsAnswer = z.strictObject({ payments: z.array(paymentFoundAnswer), nextCursor });

export const paymentAnswer = paymentFoundAnswer.extend({
  position: position.describe("The record that ended the command."),
});
