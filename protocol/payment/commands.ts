/** What may be asked of a payment. */

import { z } from "zod";
import { amountMinor, currency, listFields, moment, uuid } from "../json-fields.ts";
import { AMOUNT_MINOR_MAX } from "../limits.ts";
import { merchantId, paymentId, walletId } from "../values/entity-id.ts";
import { basisPoints } from "../values/percentage.ts";

/** What a payment costs its merchant. */
export const paymentFee = z
  .strictObject({
    walletId: walletId.describe("The wallet that gets the fee."),
    fixedMinor: z.int().min(0).max(AMOUNT_MINOR_MAX).describe("Once a payment, with its first capture."),
    basisPoints: basisPoints.describe("Of what is captured in all, rounded half to even."),
  })
  .describe("Taken out of what is captured, and never more than that; for admins to set.");

/** Parts of what is captured that go to others than the merchant. */
const SPLITS_MAX = 10;

const split = z
  .strictObject({
    walletId,
    amountMinor: amountMinor.optional(),
    basisPoints: basisPoints.optional().describe("Of the payment's amount, rounded half to even."),
  })
  .refine(
    (one) => (one.amountMinor === undefined) !== (one.basisPoints === undefined),
    "expected amountMinor or basisPoints",
  );

const initiateFields = {
  payerWalletId: walletId,
  merchantId: merchantId.optional().describe("Whose wallet and fee count, as they are now."),
  merchantWalletId: walletId.optional().describe("The wallet to credit, where no merchant is named."),
  amountMinor: amountMinor.describe("The most that may be captured."),
  currency,
  fee: paymentFee.optional(),
  splits: z
    .array(split)
    .min(1)
    .max(SPLITS_MAX)
    .optional()
    .describe("What of the amount is not the merchant's; of a part that is captured they get their share of it."),
  ownerId: uuid
    .toLowerCase()
    .optional()
    .describe("Whose payment it is: the caller's own, unless an admin names another owner."),
  expiresAt: moment.optional().describe("What is not captured by then is released; never where absent."),
  description: z.string().max(256).optional(),
};
const amountOrAll = amountMinor.optional().describe("All that is left where absent.");
const captureFields = {
  amountMinor: amountOrAll,
  final: z.boolean().optional().describe("The last capture: what is left of the authorised amount is released."),
};
const refundFields = { amountMinor: amountOrAll };
const failFields = { reason: z.string().min(1).max(256) };

/** A registered merchant says itself what these are. */
const OF_MERCHANT = ["merchantWalletId", "fee", "ownerId"] as const;

const payee = {
  test: (facts: { readonly [Name in (typeof OF_MERCHANT)[number] | "merchantId"]?: unknown }): boolean =>
    facts.merchantId === undefined
      ? facts.merchantWalletId !== undefined
      : OF_MERCHANT.every((name) => facts[name] === undefined),
  message: "expected either merchantId, without merchantWalletId, fee and ownerId, or merchantWalletId",
};

/** Bodies of REST: path and header hold the rest. */
export const initiatePaymentBody = z
  .strictObject({
    id: paymentId.optional().describe("Derived from the command's id where absent."),
    ...initiateFields,
  })
  .refine(payee.test, payee.message);
export const capturePaymentBody = z.strictObject(captureFields);
export const refundPaymentBody = z.strictObject(refundFields);
export const failPaymentBody = z.strictObject(failFields);
export const paymentChangeBody = z.strictObject({});

export const paymentStatus = z.enum([
  "INITIATED",
  "AUTHORIZED",
  "PARTIALLY_CAPTURED",
  "CAPTURED",
  "REFUNDED",
  "VOIDED",
  "EXPIRED",
  "FAILED",
]);

/** Which payments a list shows. */
export const paymentsQuery = z.strictObject({
  ...listFields,
  status: paymentStatus.optional().describe("Only those of a status."),
  ownerId: uuid.toLowerCase().optional().describe("Only those of an owner."),
  payerOwnerId: uuid.toLowerCase().optional().describe("Only those that an owner has authorised."),
  payerWalletId: walletId.optional().describe("Only those from a wallet."),
  merchantId: merchantId.optional().describe("Only those to a registered merchant."),
  merchantWalletId: walletId.optional().describe("Only those to a wallet."),
  currency: currency.optional().describe("Only those in a currency."),
});

/** A command on a payment, checked. */
export const paymentCommand = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("InitiatePayment"), ...initiateFields }).refine(payee.test, payee.message),
  z.strictObject({ type: z.literal("AuthorizePayment") }),
  z.strictObject({ type: z.literal("CapturePayment"), ...captureFields }),
  z.strictObject({ type: z.literal("VoidPayment") }),
  z.strictObject({ type: z.literal("RefundPayment"), ...refundFields }),
  z.strictObject({ type: z.literal("FailPayment"), ...failFields }),
]);
export type PaymentCommand = z.output<typeof paymentCommand>;
export type InitiatePayment = Extract<PaymentCommand, { type: "InitiatePayment" }>;
