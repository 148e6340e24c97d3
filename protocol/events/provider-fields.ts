/** The fields that events of top-ups and payouts have in common. */

import { z } from "zod";
import { amountMinor, currency } from "./event-fields.ts";

const transactionId = z.string().describe("The provider's own id of what it did.");

export const providerMoney = { transactionId, amountMinor, currency };

/** Money that a provider reports and that the ledger has not moved because of it. */
export const attention = {
  ...providerMoney,
  cause: z.enum(["late", "amount_differs", "moved_twice", "wallet_refused"]),
};

export const attentionClosed = {
  transactionId,
  decision: z.enum(["accept", "dismiss"]).describe("Whether the ledger's money moves as well."),
};

export { transactionId };
