/** How limits lie in memory: five numbers for each side of a movement, the debit's first. */

import type { WalletLimits } from "../../protocol/wallet-limits.ts";

/** The two directions in which a movement may touch a wallet. */
export const SIDE = { debit: 0, credit: 1 } as const;
export type Side = (typeof SIDE)[keyof typeof SIDE];
export const SIDES = [SIDE.debit, SIDE.credit] as const;

/** Offsets of one side's limits; the first four are in the order of the numbers of `LIMIT`. */
export const VALUE = { perTransaction: 0, perDay: 1, perMonth: 2, count: 3, windowMs: 4 } as const;
export const SIDE_VALUES = 5;
export const ROW_VALUES = 2 * SIDE_VALUES;

/** What stands where no limit applies: nothing exceeds it. */
export const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Writes limits at an offset. */
export function writeLimits(values: Float64Array, at: number, limits: WalletLimits): void {
  for (const [side, movement] of [limits.debit, limits.credit].entries()) {
    const to = at + side * SIDE_VALUES;
    values[to + VALUE.perTransaction] = movement?.perTransactionMinor ?? NO_LIMIT;
    values[to + VALUE.perDay] = movement?.perDayMinor ?? NO_LIMIT;
    values[to + VALUE.perMonth] = movement?.perMonthMinor ?? NO_LIMIT;
    values[to + VALUE.count] = movement?.count?.max ?? NO_LIMIT;
    values[to + VALUE.windowMs] = movement?.count?.windowMs ?? 0;
  }
}

/** Reads limits at an offset back. */
export function readLimits(values: Float64Array, at: number): WalletLimits {
  const [debit, credit] = SIDES.map((side) => readSide(values, at + side * SIDE_VALUES));
  return { ...(debit === undefined ? {} : { debit }), ...(credit === undefined ? {} : { credit }) };
}

function readSide(values: Float64Array, at: number): WalletLimits["debit"] {
  const limit = (name: keyof typeof VALUE): number | undefined => {
    const value = values[at + VALUE[name]];
    return value === NO_LIMIT ? undefined : value;
  };
  const [perTransactionMinor, perDayMinor] = [limit("perTransaction"), limit("perDay")];
  const [perMonthMinor, max] = [limit("perMonth"), limit("count")];
  const limits = {
    ...(perTransactionMinor === undefined ? {} : { perTransactionMinor }),
    ...(perDayMinor === undefined ? {} : { perDayMinor }),
    ...(perMonthMinor === undefined ? {} : { perMonthMinor }),
    ...(max === undefined ? {} : { count: { max, windowMs: values[at + VALUE.windowMs] } }),
  };
  return Object.keys(limits).length === 0 ? undefined : limits;
}
