import { z } from "zod";
import { CODES, type Refusal } from "../codes.ts";
import { moment } from "../json-fields.ts";
import type { MerchantEvent } from "../merchant/events.ts";
import { type ActorEvents, fromRecord } from "./actor-events.ts";
import { amountMinor, currency, uuid } from "./event-fields.ts";

const merchant = { merchantId: uuid, ...fromRecord };
const anyAmountMinor = z.int().min(0);
const changed = z.strictObject(merchant);
const number = z.int().min(1).describe("Counts the merchant's batches.");
const fee = z
  .strictObject({ walletId: uuid, fixedMinor: anyAmountMinor, basisPoints: z.int().min(0).max(10_000) })
  .optional()
  .describe("What its payments cost it.");
const terms = {
  payoutWalletId: uuid,
  minimumPayoutMinor: amountMinor,
  nextBatchAt: moment.describe("When the running batch is closed by itself."),
};

/** What happens to merchants. Their names, and free text, stay in the ledger. */
export const MERCHANT_EVENTS = {
  "mizan.merchant.registered.v1": {
    of: "MerchantRegistered",
    meaning: "A merchant was registered, and may take payments.",
    data: z.strictObject({ ...merchant, ownerId: uuid, walletId: uuid, currency, fee, ...terms }),
  },
  "mizan.merchant.fee_rule_changed.v1": {
    of: "FeeRuleChanged",
    meaning: "New payments cost it something else; absent where they cost nothing.",
    data: z.strictObject({ ...merchant, fee }),
  },
  "mizan.merchant.settlement_changed.v1": {
    of: "SettlementChanged",
    meaning: "It is paid out at other times, elsewhere, or from another amount on.",
    data: z.strictObject({ ...merchant, ...terms }),
  },
  "mizan.merchant.suspended.v1": { of: "MerchantSuspended", meaning: "It takes no payments for now.", data: changed },
  "mizan.merchant.reactivated.v1": { of: "MerchantReactivated", meaning: "It takes payments again.", data: changed },
  "mizan.merchant.closed.v1": { of: "MerchantClosed", meaning: "It was closed for good.", data: changed },
  "mizan.merchant.batch_begun.v1": {
    of: "BatchBegun",
    meaning: "The running batch is being closed: its wallet is asked for all that is free.",
    data: z.strictObject({ ...merchant, number, nextBatchAt: terms.nextBatchAt }),
  },
  "mizan.merchant.batch_closed.v1": {
    of: "BatchClosed",
    meaning: "A batch has been paid out, or holds less than the least payout.",
    data: z.strictObject({
      ...merchant,
      number,
      payoutMinor: anyAmountMinor,
      payoutId: uuid.optional().describe("The transfer that paid it out; absent where nothing was paid."),
    }),
  },
  "mizan.merchant.batch_refused.v1": {
    of: "BatchRefused",
    meaning: "A wallet refused the payout; the batch stays open and is tried again.",
    data: z.strictObject({ ...merchant, number, code: z.enum(Object.keys(CODES) as Refusal[]).describe("Why not.") }),
  },
} as const satisfies ActorEvents<MerchantEvent>;
