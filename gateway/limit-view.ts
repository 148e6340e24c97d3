/** Limits that apply or that refused, as JSON. */

import type { LimitsView } from "../engine/views.ts";
import { WALLET_TYPE_NAMES } from "../protocol/command-record.ts";
import { currencyOf } from "../protocol/currencies.ts";
import { readInt64, readUint64 } from "../protocol/int64.ts";
import { LIMIT, LIMIT_OF_TYPE, RESULT } from "../protocol/result-record.ts";

/** A limit as the answers name it. */
interface NamedLimit {
  readonly name: string;
  readonly scope: "wallet" | "type";
  readonly [field: string]: string | number;
}

const NAMES: readonly string[] = (() => {
  const names: string[] = [];
  for (const [name, number] of Object.entries(LIMIT)) names[number] = name;
  return names;
})();

/** The limit that a long result record names as the one that refused; undefined where it names none. */
export function refusingLimit(lanes: Uint32Array): NamedLimit | undefined {
  const limit = lanes[RESULT.limit >>> 2];
  if (limit === 0) return undefined;
  return namedLimit({
    limit,
    value: readInt64(lanes, RESULT.limitValue >>> 2),
    left: readInt64(lanes, RESULT.limitLeft >>> 2),
    resetsAtMs: readUint64(lanes, RESULT.limitResetsAtMs >>> 2),
  });
}

/** The limits that apply to a wallet. */
export function limitsView({ walletId, currency, walletType, timeZone, limits }: LimitsView): object {
  return {
    walletId,
    currency: currencyOf(currency),
    type: WALLET_TYPE_NAMES[walletType],
    timeZone,
    limits: limits.map((limit) => ({
      ...namedLimit(limit),
      ...(limit.windowMs === 0 ? {} : { windowMs: limit.windowMs }),
    })),
  };
}

function namedLimit({ limit, value, left, resetsAtMs }: Omit<LimitsView["limits"][number], "windowMs">): NamedLimit {
  const number = limit & ~LIMIT_OF_TYPE;
  const isCount = number === LIMIT.debitCount || number === LIMIT.creditCount;
  return {
    name: NAMES[number],
    scope: (limit & LIMIT_OF_TYPE) === 0 ? "wallet" : "type",
    ...(isCount ? { value, left } : { valueMinor: value, leftMinor: left }),
    ...(resetsAtMs === 0 ? {} : { resetsAt: new Date(resetsAtMs).toISOString() }),
  };
}
