/** What happens to payouts, as it is journaled. */

import { z } from "zod";
import { amountMinor, currency, timestampMs, uuid } from "../json-fields.ts";
import { attentionDecision, attentionFields, providerText } from "../provider/fields.ts";

const atMs = timestampMs;

/** An event of a payout, in its newest version. */
export const payoutEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("PayoutInitiated"),
    walletId: uuid,
    providerWalletId: uuid,
    provider: z.string(),
    method: z.string(),
    amountMinor,
    currency,
    ownerId: uuid.or(z.literal("")).describe("Empty for an admin's."),
    atMs,
  }),
  z.strictObject({ type: z.literal("PayoutReserved"), atMs }),
  z.strictObject({ type: z.literal("PayoutSubmitted"), reference: providerText, atMs }),
  z.strictObject({ type: z.literal("PayoutPaid"), transactionId: providerText, atMs }),
  z.strictObject({ type: z.literal("PayoutFailed"), reason: z.string(), atMs }),
  z.strictObject({ type: z.literal("PayoutNeedsAttention"), ...attentionFields }),
  z.strictObject({ type: z.literal("PayoutAttentionClosed"), ...attentionDecision, atMs }),
]);
export type PayoutEvent = z.output<typeof payoutEvent>;
