/** A limit by its name, as JSON shows it: one that refused a movement, or one that applies to a wallet. */

import { LIMIT, LIMIT_OF_TYPE, type LimitName } from "./result-record.ts";

export interface NamedLimit {
  readonly name: LimitName;
  /** Whether the limit is the wallet's own, or that of its type. */
  readonly scope: "wallet" | "type";
  /** What it allows, in minor units; of a count, `value` instead. */
  readonly valueMinor?: number;
  /** What of it is left, in minor units; of a count, `left` instead. */
  readonly leftMinor?: number;
  readonly value?: number;
  readonly left?: number;
  /** When all of it is there again; absent where it never is used up, or is not in use. */
  readonly resetsAt?: string;
}

const NAMES: readonly LimitName[] = (() => {
  const names: LimitName[] = [];
  for (const [name, number] of Object.entries(LIMIT)) names[number] = name as LimitName;
  return names;
})();

/** Names a limit by the number, value, rest and reset (0 = none) that a result record holds; undefined where it has none. */
export function nameLimit(number: number, value: number, left: number, resetsAtMs: number): NamedLimit | undefined {
  const plain = number & ~LIMIT_OF_TYPE;
  const name = NAMES[plain];
  if (name === undefined) return undefined;
  const isCount = plain === LIMIT.debitCount || plain === LIMIT.creditCount;
  return {
    name,
    scope: (number & LIMIT_OF_TYPE) === 0 ? "wallet" : "type",
    ...(isCount ? { value, left } : { valueMinor: value, leftMinor: left }),
    ...(resetsAtMs === 0 ? {} : { resetsAt: new Date(resetsAtMs).toISOString() }),
  };
}
