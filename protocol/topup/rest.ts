/** Top-ups over REST. */

import { z } from "zod";
import { amountMinor, currency, listFields, moment, nextCursor, position, uuid } from "../json-fields.ts";
import { attentionAnswer, customer, providerName, providerText, reason } from "../provider/fields.ts";
import { walletId } from "../values/entity-id.ts";
import { topUpPayment } from "./commands.ts";

const topUpStatus = z.enum(["INITIATED", "PENDING", "COMPLETED", "REFUNDING", "REFUNDED", "FAILED", "EXPIRED"]);

export const createTopUpBody = z.strictObject({
  id: walletId.optional().describe("Derived from the command's id where absent."),
  walletId,
  provider: providerName,
  method: providerText.describe("How the person pays, as the provider calls it."),
  amountMinor,
  currency,
  expiresAt: moment.optional().describe("Until when it may be paid; a day from now where absent."),
  customer: customer.optional().describe("What the provider wants to know of the person; the ledger does not keep it."),
});
export const cancelTopUpBody = z.strictObject({ reason: reason.default("cancelled") });
export const refundTopUpBody = z.strictObject({ reason });

export const topUpFoundAnswer = z.strictObject({
  id: uuid,
  version: z.int().min(1).describe("One more with each event."),
  status: topUpStatus,
  running: z.string().optional().describe("The command that waits for wallets to do their part."),
  walletId: uuid,
  providerWalletId: uuid,
  provider: z.string(),
  method: z.string(),
  amountMinor,
  currency,
  ownerId: uuid.nullable().describe("Null for an admin's."),
  reference: z.string().optional().describe("The provider's own."),
  payment: topUpPayment.optional().describe("How the person pays."),
  transactionId: z.string().optional(),
  paidMinor: amountMinor.optional(),
  creditedMinor: z.int().min(0).describe("What the wallet got in all."),
  refundId: z.string().optional(),
  reason: z.string().optional().describe("Why it failed, or was refunded."),
  attention: z.array(attentionAnswer).describe("Money that the provider reports and that the ledger has not moved."),
  initiatedAt: moment,
  changedAt: moment,
  completedAt: moment.optional(),
  expiresAt: moment,
});
export const topUpAnswer = topUpFoundAnswer.extend({ position });
export const topUpsAnswer = z.strictObject({ topups: z.array(topUpFoundAnswer), nextCursor });

/** Which top-ups a list shows. */
export const topUpsQuery = z.strictObject({
  ...listFields,
  status: topUpStatus.optional().describe("Only those of a status."),
  provider: providerName.optional().describe("Only those of a provider."),
  walletId: walletId.optional().describe("Only those of a wallet."),
  ownerId: uuid.toLowerCase().optional().describe("Only those of an owner."),
});
