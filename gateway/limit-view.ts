/** Limits that apply or that refused, as JSON. */

import type { LimitsView } from "../engine/views.ts";
import { WALLET_TYPE_NAMES } from "../protocol/command-record.ts";
import { currencyOf } from "../protocol/currencies.ts";
import { readInt64, readUint64 } from "../protocol/int64.ts";
import { type NamedLimit, nameLimit } from "../protocol/named-limit.ts";
import { RESULT } from "../protocol/result-record.ts";

/** The limit that a long result record names as the one that refused; undefined where it names none. */
export function refusingLimit(lanes: Uint32Array): NamedLimit | undefined {
  const value = readInt64(lanes, RESULT.limitValue >>> 2);
  const left = readInt64(lanes, RESULT.limitLeft >>> 2);
  return nameLimit(lanes[RESULT.limit >>> 2], value, left, readUint64(lanes, RESULT.limitResetsAtMs >>> 2));
}

/** The limits that apply to a wallet. */
export function limitsView({ walletId, currency, walletType, timeZone, limits }: LimitsView): object {
  return {
    walletId,
    currency: currencyOf(currency),
    type: WALLET_TYPE_NAMES[walletType],
    timeZone,
    limits: limits.map(({ limit, value, left, resetsAtMs, windowMs }) => ({
      ...nameLimit(limit, value, left, resetsAtMs),
      ...(windowMs === 0 ? {} : { windowMs }),
    })),
  };
}
