import type { Projection, Sender } from "../actor/actor.ts";
import type { MedCardState } from "./medcard.ts";
import { type MonthSpend, type Spent, type SpentOn, spendOf } from "./month-spend.ts";

/** By what the spend of many cards is told apart. */
type CardSpendGroup = "category" | "pharmacy";

/** Months from one to another, both of them, as `2026-03`; of an issuer's cards, or of all for an admin who names none. */
export interface CardSpendQuestion {
  readonly from: string;
  readonly to: string;
  readonly by?: CardSpendGroup | undefined;
  readonly ownerId?: string | undefined;
}

/** Sums of many cards are decimal strings, since they may exceed 2^53. */
export interface SpentOfMany {
  readonly claims: number;
  readonly coveredMinor: string;
  readonly copaymentMinor: string;
}

/** A month of many cards: what counts in their limits, what their paid claims have cost, and that by key where it was asked. */
export interface CardSpendMonth extends SpentOfMany {
  readonly month: string;
  readonly usedMinor: string;
  readonly groups: readonly (SpentOfMany & { readonly key: string })[];
}

/** The cards of one currency. */
export interface CardSpendView {
  readonly currency: string;
  readonly cards: number;
  readonly activeCards: number;
  /** Of the active cards together. */
  readonly monthlyLimitMinor: string;
  readonly months: readonly CardSpendMonth[];
}

interface Sum {
  readonly claims: number;
  readonly coveredMinor: bigint;
  readonly copaymentMinor: bigint;
}

/** Sums by key; one of which nothing is left goes. */
class Sums {
  readonly #sums = new Map<string, Sum>();

  add(key: string, { claims, coveredMinor, copaymentMinor }: Spent, sign: 1 | -1): void {
    const sum = this.of(key);
    const after = {
      claims: sum.claims + sign * claims,
      coveredMinor: sum.coveredMinor + BigInt(sign * coveredMinor),
      copaymentMinor: sum.copaymentMinor + BigInt(sign * copaymentMinor),
    };
    if (after.claims === 0) this.#sums.delete(key);
    else this.#sums.set(key, after);
  }

  of(key: string): Sum {
    return this.#sums.get(key) ?? NOTHING;
  }

  keys(): IterableIterator<string> {
    return this.#sums.keys();
  }
}

class MonthSums {
  usedMinor = 0n;
  readonly total = new Sums();
  readonly category = new Sums();
  readonly pharmacy = new Sums();

  get isEmpty(): boolean {
    return this.usedMinor === 0n && this.total.of(ALL).claims === 0;
  }

  replace(was: MonthSpend | undefined, is: MonthSpend | undefined): void {
    if (was !== undefined) this.total.add(ALL, was, -1);
    if (is !== undefined) this.total.add(ALL, is, 1);
    replaceEach(this.category, was?.categories, is?.categories);
    replaceEach(this.pharmacy, was?.pharmacies, is?.pharmacies);
  }
}

/** What the cards of an issuer in a currency have together. */
class IssuerSums {
  readonly ownerId: string;
  readonly currency: string;
  cards = 0;
  activeCards = 0;
  monthlyLimitMinor = 0n;
  readonly months = new Map<string, MonthSums>();

  constructor({ ownerId, currency }: MedCardState) {
    this.ownerId = ownerId;
    this.currency = currency;
  }

  count({ status, monthlyLimitMinor }: MedCardState, sign: 1 | -1): void {
    this.cards += sign;
    if (status !== "ACTIVE") return;
    this.activeCards += sign;
    this.monthlyLimitMinor += BigInt(sign * monthlyLimitMinor);
  }

  /** Changes the sums of a month, which is forgotten where nothing is left of it. */
  change(month: string, change: (sums: MonthSums) => void): void {
    const sums = this.months.get(month) ?? new MonthSums();
    change(sums);
    if (sums.isEmpty) this.months.delete(month);
    else this.months.set(month, sums);
  }
}

const ALL = "";
const NOTHING: Sum = { claims: 0, coveredMinor: 0n, copaymentMinor: 0n };

/**
 * What the medical cards of a shard have spent, by issuer, currency and month, and there by category and by pharmacy.
 *
 * What nothing is left of goes, so it holds no more than the cards themselves.
 */
export class CardSpend implements Projection<MedCardState> {
  readonly #issuers = new Map<string, IssuerSums>();

  change(before: MedCardState | undefined, after: MedCardState): void {
    const issuer = this.#issuerOf(after);
    if (before !== undefined) issuer.count(before, -1);
    issuer.count(after, 1);
    eachChanged(before?.months, after.months, (month, was, is) => {
      const moreMinor = BigInt(is?.usedMinor ?? 0) - BigInt(was?.usedMinor ?? 0);
      issuer.change(month, (sums) => {
        sums.usedMinor += moreMinor;
      });
    });
    eachChanged(before && spendOf(before), spendOf(after), (month, was, is) => {
      issuer.change(month, (sums) => sums.replace(was, is));
    });
  }

  read(question: unknown, { isAdmin, ownerId }: Sender): readonly CardSpendView[] {
    const asked = question as CardSpendQuestion;
    const owner = isAdmin ? asked.ownerId : ownerId;
    const found = [...this.#issuers.values()].filter((issuer) => owner === undefined || issuer.ownerId === owner);
    const currencies = [...new Set(found.map(({ currency }) => currency))].sort();
    return currencies.map((currency) => {
      const issuers = found.filter((issuer) => issuer.currency === currency);
      const months = new Set(issuers.flatMap((issuer) => [...issuer.months.keys()]));
      const isAsked = (month: string): boolean => month >= asked.from && month <= asked.to;
      return {
        currency,
        cards: issuers.reduce((sum, { cards }) => sum + cards, 0),
        activeCards: issuers.reduce((sum, { activeCards }) => sum + activeCards, 0),
        monthlyLimitMinor: String(issuers.reduce((sum, { monthlyLimitMinor }) => sum + monthlyLimitMinor, 0n)),
        months: [...months]
          .filter(isAsked)
          .sort()
          .map((month) => monthView(month, issuers, asked.by)),
      };
    });
  }

  #issuerOf(state: MedCardState): IssuerSums {
    const key = `${state.ownerId} ${state.currency}`;
    const issuer = this.#issuers.get(key) ?? new IssuerSums(state);
    this.#issuers.set(key, issuer);
    return issuer;
  }
}

/** Hands over each month that is not the same as it was, or was not there, or is not there any more. */
function eachChanged<Month extends { readonly month: string }>(
  before: readonly Month[] = [],
  after: readonly Month[],
  take: (month: string, was: Month | undefined, is: Month | undefined) => void,
): void {
  if (before === after) return;
  for (const was of before) if (after.every(({ month }) => month !== was.month)) take(was.month, was, undefined);
  for (const is of after) {
    const was = before.find(({ month }) => month === is.month);
    if (was !== is) take(is.month, was, is);
  }
}

/** Keys keep their places in a month's lists, so what is in the same place is of the same key. */
function replaceEach(sums: Sums, before: readonly SpentOn[] = [], after: readonly SpentOn[] = []): void {
  for (let place = 0; place < Math.max(before.length, after.length); place += 1) {
    const [was, is] = [before[place], after[place]];
    if (was === is) continue;
    if (was !== undefined) sums.add(was.key, was, -1);
    if (is !== undefined) sums.add(is.key, is, 1);
  }
}

function monthView(month: string, issuers: readonly IssuerSums[], by: CardSpendGroup | undefined): CardSpendMonth {
  const found = issuers.flatMap(({ months }) => months.get(month) ?? []);
  const keys = by === undefined ? [] : [...new Set(found.flatMap((sums) => [...sums[by].keys()]))].sort();
  return {
    month,
    usedMinor: String(found.reduce((sum, { usedMinor }) => sum + usedMinor, 0n)),
    ...sumOf(found.map(({ total }) => total.of(ALL))),
    groups: by === undefined ? [] : keys.map((key) => ({ key, ...sumOf(found.map((sums) => sums[by].of(key))) })),
  };
}

function sumOf(parts: readonly Sum[]): SpentOfMany {
  return {
    claims: parts.reduce((sum, { claims }) => sum + claims, 0),
    coveredMinor: String(parts.reduce((sum, { coveredMinor }) => sum + coveredMinor, 0n)),
    copaymentMinor: String(parts.reduce((sum, { copaymentMinor }) => sum + copaymentMinor, 0n)),
  };
}
