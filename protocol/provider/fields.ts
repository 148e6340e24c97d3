/** What top-ups and payouts have in common: a provider outside the ledger, and what it reports that does not fit. */

import { z } from "zod";
import { amountMinor, currency, moment, timestampMs } from "../json-fields.ts";

/** A provider's name in the ledger's own configuration. */
export const providerName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, "expected a name of small letters, digits and hyphens")
  .describe("The provider's name in the configuration.");

/** An id, reference or method of a provider, as it writes it. */
export const providerText = z.string().regex(/^[\x21-\x7e]{1,128}$/, "expected 1 to 128 visible ASCII characters");

export const reason = z.string().min(1).max(256);

/** Money that a provider reports as moved. */
export const providerMoney = {
  transactionId: providerText.describe("The provider's own id of what it did."),
  amountMinor,
  currency,
};

/** Why somebody has to look at money that a provider reports. */
const attentionCause = z.enum(["late", "amount_differs", "moved_twice", "wallet_refused"]);

/** Money that a provider reports as moved and that the ledger has not moved because of it. */
export const attentionFields = { ...providerMoney, cause: attentionCause, atMs: timestampMs };
const attention = z.strictObject(attentionFields);
export type Attention = z.output<typeof attention>;

/** What an operator makes of it: `accept` moves the ledger's money as well, `dismiss` leaves it. */
export const attentionDecision = {
  transactionId: providerText,
  decision: z.enum(["accept", "dismiss"]),
  reason,
};

/** What an operator says. */
export const resolveBody = z.strictObject(attentionDecision);

/** An entry as its readers see it. */
export const attentionAnswer = z.strictObject({
  ...providerMoney,
  cause: attentionCause,
  at: moment,
  decision: attentionDecision.decision.optional().describe("What an operator made of it; absent while it waits."),
});

/** Who pays or is paid, as providers want to know it. */
export const customer = z.strictObject({
  name: z.string().min(1).max(128).optional(),
  mobile: z
    .string()
    .regex(/^\+?\d{6,15}$/)
    .optional(),
  email: z.email().max(254).optional(),
});
