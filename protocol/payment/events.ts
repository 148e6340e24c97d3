/** What happens to payments, as it is journaled. */

import { z } from "zod";
import { amountMinor, currency, timestampMs, uuid } from "../json-fields.ts";
import { paymentFee } from "./commands.ts";

const anyAmountMinor = z.int().min(0);
const splitsMinor = z
  .array(anyAmountMinor)
  .optional()
  .describe("What of it each of those gets, or gives back, who have a part in the payment, in their order.");
const captured = { amountMinor, feeMinor: anyAmountMinor, splitsMinor };
const refunded = { amountMinor, splitsMinor };

/** An event of a payment, in its newest version. */
export const paymentEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("PaymentInitiated"),
    payerWalletId: uuid,
    merchantId: uuid.optional(),
    merchantWalletId: uuid,
    amountMinor,
    currency,
    fee: paymentFee.optional(),
    splits: z.array(z.strictObject({ walletId: uuid, amountMinor })).optional(),
    ownerId: uuid.or(z.literal("")).describe("Empty for an admin's."),
    expiresAtMs: timestampMs.optional(),
    description: z.string().optional(),
    initiatedAtMs: timestampMs,
  }),
  z.strictObject({ type: z.literal("PaymentAuthorized"), holdId: uuid, payerOwnerId: uuid.or(z.literal("")) }),
  z.strictObject({ type: z.literal("PaymentPartlyCaptured"), ...captured }),
  z.strictObject({ type: z.literal("PaymentCaptured"), ...captured }),
  z.strictObject({ type: z.literal("PaymentVoided"), releasedMinor: anyAmountMinor }),
  z.strictObject({ type: z.literal("PaymentExpired"), releasedMinor: anyAmountMinor }),
  z.strictObject({ type: z.literal("PaymentPartlyRefunded"), ...refunded }),
  z.strictObject({ type: z.literal("PaymentRefunded"), ...refunded }),
  z.strictObject({ type: z.literal("PaymentFailed"), reason: z.string() }),
]);
export type PaymentEvent = z.output<typeof paymentEvent>;
