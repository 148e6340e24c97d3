/** What a wallet has used of its limits: eight numbers for each side of a movement, the debit's first. */

import { AMOUNT_MINOR_MAX } from "../../protocol/limits.ts";
import type { Calendar } from "./calendar.ts";

/**
 * Offsets of one side's usage.
 *
 * Day and month are named by when they began: an amount counts only while they are the current ones. A window is that of
 * the wallet's own count, or of its type's, since they may differ in length.
 */
const USAGE = { day: 0, dayMinor: 1, month: 2, monthMinor: 3, windows: 4 } as const;
const WINDOW = { startMs: 0, count: 1 } as const;
const WINDOW_LENGTH = 2;
export const SIDE_USAGE = 8;
export const ROW_USAGE = 2 * SIDE_USAGE;

/** Whose window of counted movements: the wallet's own, or that of its type. */
export const SCOPE = { own: 0, type: 1 } as const;
export type Scope = (typeof SCOPE)[keyof typeof SCOPE];
export const SCOPES = [SCOPE.own, SCOPE.type] as const;

/** What was moved in the current day. **Units**: minor. */
export function usedInDayMinor(usage: Float64Array, at: number, { dayStartMs }: Calendar): number {
  return usage[at + USAGE.day] === dayStartMs ? usage[at + USAGE.dayMinor] : 0;
}

/** What was moved in the current month. **Units**: minor. */
export function usedInMonthMinor(usage: Float64Array, at: number, { monthStartMs }: Calendar): number {
  return usage[at + USAGE.month] === monthStartMs ? usage[at + USAGE.monthMinor] : 0;
}

/** Movements in the running window; none where it has ended. */
export function countInWindow(
  usage: Float64Array,
  at: number,
  scope: Scope,
  windowMs: number,
  { clockMs }: Calendar,
): number {
  const window = at + USAGE.windows + scope * WINDOW_LENGTH;
  return clockMs < usage[window + WINDOW.startMs] + windowMs ? usage[window + WINDOW.count] : 0;
}

/** When the running window began. **Units**: milliseconds since the epoch. */
export function windowStartMs(usage: Float64Array, at: number, scope: Scope): number {
  return usage[at + USAGE.windows + scope * WINDOW_LENGTH + WINDOW.startMs];
}

/** Adds an amount to day and month; a sum stays at the largest amount, which exceeds every limit but the absent one. */
export function addAmount(usage: Float64Array, at: number, amountMinor: number, calendar: Calendar): void {
  const dayMinor = usedInDayMinor(usage, at, calendar) + amountMinor;
  const monthMinor = usedInMonthMinor(usage, at, calendar) + amountMinor;
  usage[at + USAGE.day] = calendar.dayStartMs;
  usage[at + USAGE.dayMinor] = Math.min(dayMinor, AMOUNT_MINOR_MAX);
  usage[at + USAGE.month] = calendar.monthStartMs;
  usage[at + USAGE.monthMinor] = Math.min(monthMinor, AMOUNT_MINOR_MAX);
}

/** Adds a movement to the running window, or begins one with it. */
export function addMovement(usage: Float64Array, at: number, scope: Scope, windowMs: number, calendar: Calendar): void {
  const window = at + USAGE.windows + scope * WINDOW_LENGTH;
  const count = countInWindow(usage, at, scope, windowMs, calendar);
  if (count === 0) usage[window + WINDOW.startMs] = calendar.clockMs;
  usage[window + WINDOW.count] = count + 1;
}

/** Takes an amount, counted at a time, out of the day and month in which it was, as far as they are the current ones. */
export function takeBackAmount(
  usage: Float64Array,
  at: number,
  amountMinor: number,
  countedAtMs: number,
  calendar: Calendar,
): void {
  if (countedAtMs >= calendar.dayStartMs) {
    usage[at + USAGE.dayMinor] = Math.max(0, usage[at + USAGE.dayMinor] - amountMinor);
  }
  if (countedAtMs >= calendar.monthStartMs) {
    usage[at + USAGE.monthMinor] = Math.max(0, usage[at + USAGE.monthMinor] - amountMinor);
  }
}

/** Takes a movement, counted at a time, out of the running window, if it was in that. */
export function takeBackMovement(
  usage: Float64Array,
  at: number,
  scope: Scope,
  windowMs: number,
  countedAtMs: number,
  calendar: Calendar,
): void {
  const count = countInWindow(usage, at, scope, windowMs, calendar);
  if (count === 0 || countedAtMs < windowStartMs(usage, at, scope)) return;
  usage[at + USAGE.windows + scope * WINDOW_LENGTH + WINDOW.count] = count - 1;
}
