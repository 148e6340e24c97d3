/** Payouts over REST. */

import { z } from "zod";
import { amountMinor, currency, listFields, moment, nextCursor, position, uuid } from "../json-fields.ts";
import { attentionAnswer, customer, providerName, providerText, reason } from "../provider/fields.ts";
import { walletId } from "../values/entity-id.ts";

const payoutStatus = z.enum(["INITIATED", "RESERVED", "PENDING", "PAID", "FAILED"]);

const destination = customer.extend({
  account: z.string().min(1).max(64).optional().describe("An account, IBAN or card."),
  bankCode: z.string().min(1).max(32).optional(),
  nationalId: z.string().min(1).max(32).optional(),
});

export const createPayoutBody = z.strictObject({
  id: walletId.optional().describe("Derived from the command's id where absent."),
  walletId,
  provider: providerName,
  method: providerText.describe("Where the money goes, as the provider calls it."),
  amountMinor,
  currency,
  destination: destination.describe("Whom the provider pays; the ledger does not keep it."),
});
export const failPayoutBody = z.strictObject({ reason });

export const payoutFoundAnswer = z.strictObject({
  id: uuid,
  version: z.int().min(1).describe("One more with each event."),
  status: payoutStatus,
  running: z.string().optional().describe("The command that waits for wallets to do their part."),
  walletId: uuid,
  providerWalletId: uuid,
  provider: z.string(),
  method: z.string(),
  amountMinor,
  currency,
  ownerId: uuid.nullable().describe("Null for an admin's."),
  reference: z.string().optional().describe("The provider's own."),
  transactionId: z.string().optional(),
  reason: z.string().optional().describe("Why it failed."),
  attention: z.array(attentionAnswer).describe("Money that the provider reports and that the ledger has not moved."),
  initiatedAt: moment,
  changedAt: moment,
  paidAt: moment.optional(),
});
export const payoutAnswer = payoutFoundAnswer.extend({ position });
export const payoutsAnswer = z.strictObject({ payouts: z.array(payoutFoundAnswer), nextCursor });

/** Which payouts a list shows. */
export const payoutsQuery = z.strictObject({
  ...listFields,
  status: payoutStatus.optional().describe("Only those of a status."),
  provider: providerName.optional().describe("Only those of a provider."),
  walletId: walletId.optional().describe("Only those of a wallet."),
  ownerId: uuid.toLowerCase().optional().describe("Only those of an owner."),
});
