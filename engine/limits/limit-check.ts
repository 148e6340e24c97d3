/** Whether limits allow a movement: pure questions to the table. */

import { CODE } from "../../protocol/codes.ts";
import { LIMIT, LIMIT_OF_TYPE } from "../../protocol/result-record.ts";
import type { WalletColumns } from "../wallet/wallet-columns.ts";
import type { LimitPlace, LimitRefusal, LimitTable } from "./limit-table.ts";
import { NO_LIMIT, SIDE, SIDES, type Side, VALUE } from "./limit-values.ts";
import { countInWindow, SCOPE, SCOPES, type Scope, usedInDayMinor, usedInMonthMinor, windowStartMs } from "./usage.ts";

/** A limit that applies to a wallet. */
export interface LimitState extends LimitRefusal {
  /** 0 but for a count. */
  readonly windowMs: number;
}

/** The kinds of limits, in the order in which they are asked. */
const KINDS = [VALUE.perTransaction, VALUE.perDay, VALUE.perMonth, VALUE.count] as const;
type Kind = (typeof KINDS)[number];

/** Whether the limits of both ends allow a movement: the debited wallet's are asked first. */
export function decideLimits(wallets: WalletColumns, debit: number, credit: number, amountMinor: number): number {
  if (!wallets.mayHaveLimits(debit, credit)) return CODE.ok;
  const code = decideDebitLimits(wallets, debit, amountMinor);
  return code === CODE.ok ? decideCreditLimits(wallets, credit, amountMinor) : code;
}

/** Whether its limits let an amount leave a wallet. */
export function decideDebitLimits(wallets: WalletColumns, slot: number, amountMinor: number): number {
  return isRefused(wallets, slot, SIDE.debit, amountMinor) ? CODE.limit_exceeded : CODE.ok;
}

/** Whether its limits let an amount enter a wallet. */
export function decideCreditLimits(wallets: WalletColumns, slot: number, amountMinor: number): number {
  return isRefused(wallets, slot, SIDE.credit, amountMinor) ? CODE.destination_limit_exceeded : CODE.ok;
}

/** The limits that apply to a wallet, in the order in which they are asked. */
export function limitStates(wallets: WalletColumns, slot: number): LimitState[] {
  const { limits } = wallets;
  return SIDES.flatMap((side) => {
    if (side === SIDE.credit && !wallets.takesCreditsHereOnly(slot)) return [];
    const place = limits.find(slot, side);
    return KINDS.flatMap((kind) =>
      SCOPES.filter((scope) => limitOf(place, kind, scope) !== NO_LIMIT).map((scope) => ({
        ...refusalOf(limits, place, side, kind, scope),
        windowMs: kind === VALUE.count ? windowMsOf(place, scope) : 0,
      })),
    );
  });
}

/** Whether a limit refuses: the first one by number, and the wallet's own before that of its type. */
function isRefused(wallets: WalletColumns, slot: number, side: Side, amountMinor: number): boolean {
  if (!wallets.mayHaveLimits(slot, slot)) return false;
  const { limits } = wallets;
  if (side === SIDE.credit && !wallets.takesCreditsHereOnly(slot)) return false;
  const place = limits.find(slot, side);
  if (isWithinAll(limits, place, amountMinor)) return false;
  for (const kind of KINDS) {
    for (const scope of SCOPES) {
      if (!exceeds(limits, place, kind, scope, amountMinor)) continue;
      limits.refusal = refusalOf(limits, place, side, kind, scope);
      return true;
    }
  }
  return false;
}

/** Whether no limit refuses, found without asking which one: what almost every movement takes. */
function isWithinAll({ calendar }: LimitTable, place: LimitPlace, amountMinor: number): boolean {
  const { usage, usageAt } = place;
  const own = place.values[SCOPE.own];
  const ownAt = place.valuesAt[SCOPE.own];
  const ofType = place.values[SCOPE.type];
  const ofTypeAt = place.valuesAt[SCOPE.type];
  const least = (kind: Kind): number => Math.min(own[ownAt + kind], ofType[ofTypeAt + kind]);
  return (
    amountMinor <= least(VALUE.perTransaction) &&
    amountMinor <= least(VALUE.perDay) - usedInDayMinor(usage, usageAt, calendar) &&
    amountMinor <= least(VALUE.perMonth) - usedInMonthMinor(usage, usageAt, calendar) &&
    (own[ownAt + VALUE.count] === NO_LIMIT ||
      countInWindow(usage, usageAt, SCOPE.own, own[ownAt + VALUE.windowMs], calendar) < own[ownAt + VALUE.count]) &&
    (ofType[ofTypeAt + VALUE.count] === NO_LIMIT ||
      countInWindow(usage, usageAt, SCOPE.type, ofType[ofTypeAt + VALUE.windowMs], calendar) <
        ofType[ofTypeAt + VALUE.count])
  );
}

function exceeds(limits: LimitTable, place: LimitPlace, kind: Kind, scope: Scope, amountMinor: number): boolean {
  const value = limitOf(place, kind, scope);
  if (value === NO_LIMIT) return false;
  return (kind === VALUE.count ? 1 : amountMinor) > value - usedOf(limits, place, kind, scope);
}

function limitOf({ values, valuesAt }: LimitPlace, kind: Kind, scope: Scope): number {
  return values[scope][valuesAt[scope] + kind];
}

function usedOf({ calendar }: LimitTable, place: LimitPlace, kind: Kind, scope: Scope): number {
  const { usage, usageAt } = place;
  if (kind === VALUE.perTransaction) return 0;
  if (kind === VALUE.perDay) return usedInDayMinor(usage, usageAt, calendar);
  if (kind === VALUE.perMonth) return usedInMonthMinor(usage, usageAt, calendar);
  return countInWindow(usage, usageAt, scope, windowMsOf(place, scope), calendar);
}

function windowMsOf({ values, valuesAt }: LimitPlace, scope: Scope): number {
  return values[scope][valuesAt[scope] + VALUE.windowMs];
}

function refusalOf(limits: LimitTable, place: LimitPlace, side: Side, kind: Kind, scope: Scope): LimitRefusal {
  const first = side === SIDE.debit ? LIMIT.debitPerTransaction : LIMIT.creditPerTransaction;
  const value = limitOf(place, kind, scope);
  const used = usedOf(limits, place, kind, scope);
  return {
    limit: (first + kind) | (scope === SCOPE.type ? LIMIT_OF_TYPE : 0),
    value,
    left: Math.max(0, value - used),
    resetsAtMs: resetsAtMs(limits, place, kind, scope, used),
  };
}

function resetsAtMs({ calendar }: LimitTable, place: LimitPlace, kind: Kind, scope: Scope, used: number): number {
  if (kind === VALUE.perTransaction) return 0;
  if (kind === VALUE.perDay) return calendar.dayEndMs;
  if (kind === VALUE.perMonth) return calendar.monthEndMs;
  return used === 0 ? 0 : windowStartMs(place.usage, place.usageAt, scope) + windowMsOf(place, scope);
}
