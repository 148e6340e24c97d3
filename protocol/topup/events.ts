/** What happens to top-ups, as it is journaled. */

import { z } from "zod";
import { amountMinor, currency, timestampMs, uuid } from "../json-fields.ts";
import { attentionDecision, attentionFields, providerMoney, providerText } from "../provider/fields.ts";
import { topUpPayment } from "./commands.ts";

const atMs = timestampMs;

/** An event of a top-up, in its newest version. */
export const topUpEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("TopUpInitiated"),
    walletId: uuid,
    providerWalletId: uuid,
    provider: z.string(),
    method: z.string(),
    amountMinor,
    currency,
    ownerId: uuid.or(z.literal("")).describe("Empty for an admin's."),
    expiresAtMs: timestampMs,
    atMs,
  }),
  z.strictObject({ type: z.literal("TopUpSubmitted"), reference: providerText, payment: topUpPayment, atMs }),
  z.strictObject({ type: z.literal("TopUpCompleted"), ...providerMoney, atMs }),
  z.strictObject({ type: z.literal("TopUpFailed"), reason: z.string(), atMs }),
  z.strictObject({ type: z.literal("TopUpExpired"), atMs }),
  z.strictObject({ type: z.literal("TopUpRefundBegun"), reason: z.string(), atMs }),
  z.strictObject({ type: z.literal("TopUpRefunded"), refundId: providerText, atMs }),
  z.strictObject({ type: z.literal("TopUpRefundFailed"), reason: z.string(), atMs }),
  z.strictObject({ type: z.literal("TopUpNeedsAttention"), ...attentionFields }),
  z.strictObject({ type: z.literal("TopUpAttentionClosed"), ...attentionDecision, atMs }),
]);
export type TopUpEvent = z.output<typeof topUpEvent>;
