/** What may be asked of a payout. */

import { z } from "zod";
import { amountMinor, currency, uuid } from "../json-fields.ts";
import { attentionDecision, providerMoney, providerName, providerText, reason } from "../provider/fields.ts";
import { walletId } from "../values/entity-id.ts";

/** A command on a payout, checked. All are the ledger's own and an admin's: they carry what a provider has said. */
export const payoutCommand = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("InitiatePayout"),
    walletId,
    providerWalletId: walletId.describe("The ledger's account of the provider; the money goes there."),
    provider: providerName,
    method: providerText,
    amountMinor,
    currency,
    ownerId: uuid.or(z.literal("")).describe("Whose right to the wallet it needs; empty for the ledger's own."),
  }),
  z.strictObject({ type: z.literal("SubmitPayout"), reference: providerText }),
  z.strictObject({ type: z.literal("ConfirmPayout"), ...providerMoney }),
  z.strictObject({ type: z.literal("FailPayout"), reason }),
  z.strictObject({ type: z.literal("ResolvePayout"), ...attentionDecision }),
]);
export type PayoutCommand = z.output<typeof payoutCommand>;
