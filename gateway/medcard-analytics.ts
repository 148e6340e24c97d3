/** What answers show of the spend of medical cards: of one card, and of all that somebody issued, over all shards. */

import type { CardSpendMonth, CardSpendView, SpentOfMany } from "../engine/medcard/card-spend.ts";
import type { MedCardState } from "../engine/medcard/medcard.ts";
import { usedMinor } from "../engine/medcard/medcard.ts";
import { OTHER, type Spent, spendOf } from "../engine/medcard/month-spend.ts";

const GROUPS_MAX = 1_000;

export interface MonthsAsked {
  readonly from: string;
  readonly to: string;
}

const LISTS = { category: "categories", pharmacy: "pharmacies", beneficiary: "beneficiaries" } as const;
const NOTHING = { claims: 0, coveredMinor: 0, copaymentMinor: 0 };

/** The months of a card, each with what it has used of the limit and what was spent. */
export function cardAnalyticsView(
  state: Readonly<Record<string, unknown>>,
  { from, to }: MonthsAsked,
  by?: keyof typeof LISTS,
): object {
  const card = state as Readonly<Record<string, unknown>> & MedCardState & { readonly id: string };
  const { id: cardId, version, currency, monthlyLimitMinor } = card;
  const spend = spendOf(card);
  const months = card.months
    .filter(({ month }) => month >= from && month <= to)
    .map(({ month }) => {
      const spent = spend.find((one) => one.month === month);
      const used = usedMinor(card, month);
      const groups = (by === undefined ? [] : (spent?.[LISTS[by]] ?? [])).filter(({ claims }) => claims > 0);
      return {
        month,
        usedMinor: used,
        utilisationBasisPoints: basisPointsOf(BigInt(used), BigInt(monthlyLimitMinor)),
        ...sumsOf(spent ?? NOTHING),
        ...(by === undefined ? {} : { groups: groups.toSorted((a, b) => b.coveredMinor - a.coveredMinor) }),
      };
    });
  return { cardId, version, currency, monthlyLimitMinor, months };
}

/** What the shards say of many cards, added up. */
export function cardsAnalyticsView(shards: readonly (readonly CardSpendView[])[], isGrouped: boolean): object {
  const all = shards.flat();
  const currencies = [...new Set(all.map(({ currency }) => currency))].sort().map((currency) => {
    const parts = all.filter((part) => part.currency === currency);
    const monthlyLimitMinor = sum(parts, (part) => part.monthlyLimitMinor);
    const names = [...new Set(parts.flatMap(({ months }) => months.map(({ month }) => month)))].sort();
    return {
      currency,
      cards: count(parts, ({ cards }) => cards),
      activeCards: count(parts, ({ activeCards }) => activeCards),
      monthlyLimitMinor,
      months: names.map((name) => {
        const months = parts.flatMap((part) => part.months.filter(({ month }) => month === name));
        const used = sum(months, (month) => month.usedMinor);
        return {
          month: name,
          usedMinor: used,
          utilisationBasisPoints: basisPointsOf(BigInt(used), BigInt(monthlyLimitMinor)),
          ...added(months),
          ...(isGrouped ? { groups: groupsOf(months) } : {}),
        };
      }),
    };
  });
  return { currencies };
}

function groupsOf(months: readonly CardSpendMonth[]): readonly object[] {
  const parts = Map.groupBy(
    months.flatMap(({ groups }) => groups),
    ({ key }) => key,
  );
  const groups = [...parts].map(([key, same]) => ({ key, ...added(same) }));
  groups.sort((a, b) => (BigInt(a.coveredMinor) < BigInt(b.coveredMinor) ? 1 : -1));
  if (groups.length <= GROUPS_MAX) return groups;
  const isShown = ({ key }: { readonly key: string }, index: number): boolean => key !== OTHER && index < GROUPS_MAX;
  const rest = groups.filter((group, index) => !isShown(group, index));
  return [...groups.filter(isShown), { key: OTHER, ...added(rest) }];
}

function added(parts: readonly SpentOfMany[]): SpentOfMany {
  return {
    claims: count(parts, ({ claims }) => claims),
    coveredMinor: sum(parts, ({ coveredMinor }) => coveredMinor),
    copaymentMinor: sum(parts, ({ copaymentMinor }) => copaymentMinor),
  };
}

function count<T>(parts: readonly T[], of: (part: T) => number): number {
  return parts.reduce((total, part) => total + of(part), 0);
}

function sum<T>(parts: readonly T[], of: (part: T) => string): string {
  return String(parts.reduce((total, part) => total + BigInt(of(part)), 0n));
}

function sumsOf({ claims, coveredMinor, copaymentMinor }: Spent): Spent {
  return { claims, coveredMinor, copaymentMinor };
}

function basisPointsOf(used: bigint, limit: bigint): number | null {
  return limit === 0n ? null : Number((used * 10_000n) / limit);
}
