/** What may be asked of a merchant. */

import { z } from "zod";
import { currency, listFields, uuid } from "../json-fields.ts";
import { AMOUNT_MINOR_MAX } from "../limits.ts";
import { paymentFee } from "../payment/commands.ts";
import { merchantId, walletId } from "../values/entity-id.ts";
import { timeZone } from "../values/time-zone.ts";

/** When a merchant's batches are closed: at an hour of each day, of one day of each week, or of the first day of each month. */
export const settlementCalendar = z.strictObject({
  every: z.enum(["day", "week", "month"]).describe("Months are settled on their first day."),
  weekday: z.int().min(1).max(7).optional().describe("Of weeks: from 1, Monday, to 7; Monday where absent."),
  hour: z.int().min(0).max(23).describe("Of the local time; where a clock change skips it, the first moment after it."),
  timeZone,
});
export type SettlementCalendar = z.output<typeof settlementCalendar>;

const minimumPayoutMinor = z
  .int()
  .min(1)
  .max(AMOUNT_MINOR_MAX)
  .describe("What is less than this stays for the next batch; 1 where absent.");
const reason = z.string().min(1).max(256);

const registerFields = {
  name: z.string().min(1).max(128),
  ownerId: uuid.toLowerCase().describe("Whose payments these are, and who may see the merchant."),
  walletId: walletId.describe("Gets what is captured, and should be used for nothing else."),
  payoutWalletId: walletId.describe("Gets what a batch pays out."),
  currency,
  fee: paymentFee.optional().describe("Of payments that are initiated from now on; none where absent."),
  settlement: settlementCalendar,
  minimumPayoutMinor: minimumPayoutMinor.optional(),
};
const changeFeeFields = { fee: paymentFee.optional().describe("None where absent.") };
const changeSettlementFields = {
  payoutWalletId: walletId.optional(),
  settlement: settlementCalendar.optional(),
  minimumPayoutMinor: minimumPayoutMinor.optional(),
};
const reasonFields = { reason };

/** Bodies of REST: path and header hold the rest. */
export const registerMerchantBody = z.strictObject({
  id: merchantId.optional().describe("Derived from the command's id where absent."),
  ...registerFields,
});
export const changeFeeRuleBody = z.strictObject(changeFeeFields);
export const changeSettlementBody = z.strictObject(changeSettlementFields);
export const merchantReasonBody = z.strictObject(reasonFields);
export const merchantChangeBody = z.strictObject({});

export const merchantStatus = z.enum(["ACTIVE", "SUSPENDED", "CLOSED"]);

/** Which merchants a list shows. */
export const merchantsQuery = z.strictObject({
  ...listFields,
  status: merchantStatus.optional().describe("Only those of a status."),
  ownerId: uuid.toLowerCase().optional().describe("Only those of an owner."),
  currency: currency.optional().describe("Only those in a currency."),
});

export const settlementQuery = z.strictObject({
  format: z.enum(["json", "csv"]).optional().describe("json or csv; json where absent."),
});

/** A command on a merchant, checked. */
export const merchantCommand = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("RegisterMerchant"), ...registerFields }),
  z.strictObject({ type: z.literal("ChangeFeeRule"), ...changeFeeFields }),
  z.strictObject({ type: z.literal("ChangeSettlement"), ...changeSettlementFields }),
  z.strictObject({ type: z.literal("SuspendMerchant"), ...reasonFields }),
  z.strictObject({ type: z.literal("ReactivateMerchant") }),
  z.strictObject({ type: z.literal("CloseMerchant"), ...reasonFields }),
  z.strictObject({ type: z.literal("CloseBatch") }),
]);
export type MerchantCommand = z.output<typeof merchantCommand>;
