import { z } from "zod";
import { moment } from "../json-fields.ts";
import type { PaymentEvent } from "../payment/events.ts";
import { type ActorEvents, fromRecord } from "./actor-events.ts";
import { amountMinor, currency, uuid } from "./event-fields.ts";

const payment = { paymentId: uuid, ...fromRecord };
const anyAmountMinor = z.int().min(0);
const fee = z
  .strictObject({ walletId: uuid, fixedMinor: anyAmountMinor, basisPoints: z.int().min(0).max(10_000) })
  .describe("What the payment costs its merchant, out of what is captured.");
const splitsMinor = z
  .array(anyAmountMinor)
  .optional()
  .describe("What of it each of those got, or gave back, who have a part in the payment; absent where nobody has.");
const captured = z.strictObject({
  ...payment,
  amountMinor: amountMinor.describe("Of this capture, with its fee."),
  feeMinor: anyAmountMinor.describe("What of it the fee's wallet got, and not the merchant."),
  splitsMinor,
});
const released = z.strictObject({
  ...payment,
  releasedMinor: anyAmountMinor.describe("What of the hold is available to the payer again."),
});
const refunded = z.strictObject({ ...payment, amountMinor: amountMinor.describe("Of this refund."), splitsMinor });

/** What happens to payments, when the money has moved. */
export const PAYMENT_EVENTS = {
  "mizan.payment.initiated.v1": {
    of: "PaymentInitiated",
    meaning: "A payment was initiated. No money has moved.",
    data: z.strictObject({
      ...payment,
      payerWalletId: uuid,
      merchantId: uuid.optional().describe("Absent where the merchant is not registered."),
      merchantWalletId: uuid,
      amountMinor: amountMinor.describe("The most that may be captured."),
      currency,
      fee: fee.optional(),
      splits: z
        .array(z.strictObject({ walletId: uuid, amountMinor }))
        .optional()
        .describe("What of the amount is not the merchant's."),
      ownerId: uuid.optional().describe("Absent for an admin's."),
      expiresAt: moment.optional(),
      description: z.string().optional(),
    }),
  },
  "mizan.payment.authorized.v1": {
    of: "PaymentAuthorized",
    meaning: "The payment's amount is held on the payer's wallet.",
    data: z.strictObject({
      ...payment,
      holdId: uuid,
      payerOwnerId: uuid.optional().describe("Absent where an admin authorised it."),
    }),
  },
  "mizan.payment.partly_captured.v1": {
    of: "PaymentPartlyCaptured",
    meaning: "Some of what is held was captured; the rest stays held.",
    data: captured,
  },
  "mizan.payment.captured.v1": {
    of: "PaymentCaptured",
    meaning: "The last capture: what was left of the hold is released.",
    data: captured,
  },
  "mizan.payment.voided.v1": { of: "PaymentVoided", meaning: "What was not captured is released.", data: released },
  "mizan.payment.expired.v1": {
    of: "PaymentExpired",
    meaning: "The payment's time is over, and what was not captured is released.",
    data: released,
  },
  "mizan.payment.partly_refunded.v1": {
    of: "PaymentPartlyRefunded",
    meaning: "Some of what was captured went back.",
    data: refunded,
  },
  "mizan.payment.refunded.v1": {
    of: "PaymentRefunded",
    meaning: "The last refund: all that was captured has gone back.",
    data: refunded,
  },
  "mizan.payment.failed.v1": {
    of: "PaymentFailed",
    meaning: "A payment that nobody had authorised was ended.",
    data: z.strictObject({ ...payment, reason: z.string() }),
  },
} as const satisfies ActorEvents<PaymentEvent>;
