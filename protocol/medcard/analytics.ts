/** What the ledger answers about the spend of medical cards. */

import { z } from "zod";
import { currency, uuid } from "../json-fields.ts";

const MONTHS_MAX = 13;
const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/;

const month = z.string().regex(MONTH, "Invalid month: expected one such as 2026-03");
const countOf = z.int().min(0);
const minor = z.int().min(0);
const sumMinor = z.string().regex(/^\d+$/).describe("Decimal digits, since it may exceed 2^53.");
const key = z.string().describe("A category, the id of a wallet or person, or `other` for those beyond 24 in a month.");
const ofLimit = z
  .int()
  .min(0)
  .nullable()
  .describe("Used share of the limit as it is now, in basis points, rounded down; null where there is no limit.");

const months = {
  from: month
    .optional()
    .describe(`The first month, as 2026-03; the ${MONTHS_MAX - 1}th before the last one where absent.`),
  to: month.optional().describe(`The last month, at most ${MONTHS_MAX - 1} after the first one; now where absent.`),
};

/** Which months of a card, and by what. */
export const cardAnalyticsQuery = z.strictObject({
  ...months,
  by: z
    .enum(["category", "pharmacy", "beneficiary"])
    .optional()
    .describe("category, pharmacy or beneficiary; the months alone where absent."),
});

/** Which months of many cards, whose, and by what. */
export const cardsAnalyticsQuery = z.strictObject({
  ...months,
  by: z.enum(["category", "pharmacy"]).optional().describe("category or pharmacy; the months alone where absent."),
  ownerId: uuid.toLowerCase().optional().describe("The issuer, for admins; all of them where absent."),
});

const spent = {
  claims: countOf.describe("Prescriptions that were paid and not reversed."),
  coveredMinor: minor.describe("What the issuer paid for them."),
  copaymentMinor: minor.describe("What the holder paid for them."),
};
const spentOfMany = { claims: countOf, coveredMinor: sumMinor, copaymentMinor: sumMinor };

export const cardAnalyticsAnswer = z.strictObject({
  cardId: uuid,
  version: z.int().min(1).describe("Of the card."),
  currency,
  monthlyLimitMinor: minor,
  months: z.array(
    z.strictObject({
      month,
      usedMinor: minor.describe("Of the limit: claims count from when they are made until they are reversed."),
      utilisationBasisPoints: ofLimit,
      ...spent,
      groups: z
        .array(z.strictObject({ key, ...spent }))
        .optional()
        .describe("The largest first."),
    }),
  ),
});

export const cardsAnalyticsAnswer = z.strictObject({
  currencies: z.array(
    z.strictObject({
      currency,
      cards: countOf,
      activeCards: countOf,
      monthlyLimitMinor: sumMinor.describe("Of the active cards together."),
      months: z.array(
        z.strictObject({
          month,
          usedMinor: sumMinor,
          utilisationBasisPoints: ofLimit,
          ...spentOfMany,
          groups: z
            .array(z.strictObject({ key, ...spentOfMany }))
            .optional()
            .describe("The largest first; beyond 1,000 the rest is `other`."),
        }),
      ),
    }),
  ),
});

/** The months that are asked for, or what is wrong with them; `now` is the running one. */
export function monthsAsked(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  now: string,
): { readonly from: string; readonly to: string } | string {
  const last = to ?? (from === undefined ? now : monthAfter(from, MONTHS_MAX - 1));
  const first = from ?? monthAfter(last, 1 - MONTHS_MAX);
  if (first > last) return "the first month comes after the last one";
  if (monthAfter(first, MONTHS_MAX - 1) < last) return `there are at most ${MONTHS_MAX} months`;
  return { from: first, to: last };
}

function monthAfter(text: string, months: number): string {
  const [year, number] = text.split("-").map(Number);
  const index = year * 12 + number - 1 + months;
  return `${String(Math.floor(index / 12)).padStart(4, "0")}-${String((index % 12) + 1).padStart(2, "0")}`;
}
