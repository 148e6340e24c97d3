/** What may be asked of a top-up. */

import { z } from "zod";
import { amountMinor, currency, moment, uuid } from "../json-fields.ts";
import { attentionDecision, providerMoney, providerName, providerText, reason } from "../provider/fields.ts";
import { walletId } from "../values/entity-id.ts";

/** How the person pays: what the provider answered. */
export const topUpPayment = z.strictObject({
  code: providerText.optional().describe("What is named at the till."),
  url: z.url().max(2_048).optional().describe("The page on which is paid."),
});

/**
 * A command on a top-up, checked. All but the cancelling `FailTopUp` are the ledger's own and an admin's: they carry what a provider has
 * said.
 */
export const topUpCommand = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("InitiateTopUp"),
    walletId,
    providerWalletId: walletId.describe("The ledger's account of the provider; the money comes from there."),
    provider: providerName,
    method: providerText,
    amountMinor,
    currency,
    ownerId: uuid.or(z.literal("")).describe("Whose top-up it is; empty for an admin's."),
    expiresAt: moment.optional().describe("A day from then where absent."),
  }),
  z.strictObject({ type: z.literal("SubmitTopUp"), reference: providerText, payment: topUpPayment }),
  z.strictObject({ type: z.literal("ConfirmTopUp"), ...providerMoney }),
  z.strictObject({ type: z.literal("FailTopUp"), reason }),
  z.strictObject({ type: z.literal("RefundTopUp"), reason }),
  z.strictObject({ type: z.literal("ConfirmTopUpRefund"), refundId: providerText }),
  z.strictObject({ type: z.literal("FailTopUpRefund"), reason }),
  z.strictObject({ type: z.literal("ResolveTopUp"), ...attentionDecision }),
]);
export type TopUpCommand = z.output<typeof topUpCommand>;
