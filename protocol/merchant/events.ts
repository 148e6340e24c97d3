/** What happens to merchants, as it is journaled. */

import { z } from "zod";
import { CODES, type Refusal } from "../codes.ts";
import { amountMinor, currency, position, timestampMs, uuid } from "../json-fields.ts";
import { paymentFee } from "../payment/commands.ts";
import { settlementCalendar } from "./commands.ts";

const anyAmountMinor = z.int().min(0);
const reason = z.string();
const batch = { number: z.int().min(1) };
const terms = {
  payoutWalletId: uuid,
  settlement: settlementCalendar,
  minimumPayoutMinor: amountMinor,
  nextBatchAtMs: timestampMs.describe("When the running batch is closed by itself."),
};

/** An event of a merchant, in its newest version. */
export const merchantEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("MerchantRegistered"),
    name: z.string(),
    ownerId: uuid,
    walletId: uuid,
    currency,
    fee: paymentFee.optional(),
    ...terms,
    registeredAtMs: timestampMs,
  }),
  z.strictObject({ type: z.literal("FeeRuleChanged"), fee: paymentFee.optional() }),
  z.strictObject({ type: z.literal("SettlementChanged"), ...terms }),
  z.strictObject({ type: z.literal("MerchantSuspended"), reason }),
  z.strictObject({ type: z.literal("MerchantReactivated") }),
  z.strictObject({ type: z.literal("MerchantClosed"), reason }),
  z
    .strictObject({ type: z.literal("BatchBegun"), ...batch, begunAtMs: timestampMs, nextBatchAtMs: timestampMs })
    .describe("The wallet is asked for all that is free."),
  z
    .strictObject({
      type: z.literal("BatchClosed"),
      ...batch,
      payoutMinor: anyAmountMinor,
      payoutId: uuid.optional().describe("The transfer that paid it out; absent where nothing was paid."),
      position: position.describe("Of the wallet's shard: what stands after it belongs to the next batch."),
      walletVersion: z.int().min(0).describe("The wallet's at that position."),
      closedAtMs: timestampMs,
    })
    .describe("The batch has been paid out, or holds less than the least payout."),
  z
    .strictObject({ type: z.literal("BatchRefused"), ...batch, code: z.enum(Object.keys(CODES) as Refusal[]) })
    .describe("A wallet refused the payout; the batch stays open and is tried again."),
]);
export type MerchantEvent = z.output<typeof merchantEvent>;
