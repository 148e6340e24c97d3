/** Reconciliation with providers over REST. */

import { z } from "zod";
import { moment, uuid } from "../json-fields.ts";
import { reason } from "./fields.ts";

/** What a run of the reconciliation did. */
export const reconciliationAnswer = z.strictObject({
  provider: z.string(),
  asked: z.int().min(0).describe("Orders that the ledger has open and the provider was asked about."),
  changed: z.int().min(0).describe("Of these, how many have moved on."),
  unanswered: z.int().min(0).describe("Of these, how many the provider did not answer for."),
});

export const DISCREPANCIES = ["matched", "missing_here", "missing_there", "amount_differs", "unanswered"] as const;
const minorText = z.string().regex(/^\d+$/).describe("Minor units, as text, since sums may be above 2^53.");
const sums = z.strictObject({ count: z.int().min(0), hereMinor: minorText, thereMinor: minorText });

const reconciliationLine = z.strictObject({
  kind: z.enum(["top_up", "payout", "stray"]),
  id: uuid,
  result: z.enum(DISCREPANCIES),
  status: z.string().describe("Of the ledger's actor."),
  state: z.string().describe("Of the provider's order; `unanswered` where it was not said."),
  transactionId: z.string().optional(),
  currency: z.string(),
  hereMinor: z.int().min(0).describe("What the ledger has moved."),
  thereMinor: z.int().min(0).describe("What the provider says that it has moved."),
  attention: z.int().min(0).describe("Entries that wait for an operator."),
});

/** A day of the ledger against what the provider says. */
export const reconciliationReportAnswer = z.strictObject({
  provider: z.string(),
  date: z.iso.date(),
  timeZone: z.string(),
  from: moment,
  to: moment,
  isComplete: z.boolean().describe("False where the day has more orders than a report holds."),
  totals: z.strictObject(
    Object.fromEntries(DISCREPANCIES.map((name) => [name, sums])) as Record<
      (typeof DISCREPANCIES)[number],
      typeof sums
    >,
  ),
  topUps: sums,
  payouts: sums,
  accountBalanceMinor: z.int().describe("Of the provider's account in the ledger, now: payouts less top-ups."),
  lines: z.array(reconciliationLine),
});
export type ReconciliationLine = z.output<typeof reconciliationLine>;
export type ReconciliationReport = z.output<typeof reconciliationReportAnswer>;

export const closeStrayBody = z.strictObject({ reason });
export const strayClosedAnswer = z.strictObject({ id: uuid, status: z.literal("CLOSED") });
