import { LIMIT, LIMIT_OF_TYPE, type LimitName } from "../protocol/result-record.ts";
import type { WalletLimits } from "../protocol/wallet-limits.ts";
import type { Answer } from "./ledger-command.ts";
import type { Books, Usage, Wallet, Window } from "./reference-books.ts";

/** The zone whose days and months limits go by. */
export const CALENDAR_TIME_ZONE = "Africa/Cairo";
/** Every zone changes its offset at a whole quarter of an hour. */
const QUARTER_MS = 900_000;

export type LimitSide = "debit" | "credit";
type Scope = "own" | "type";
const SCOPES: readonly Scope[] = ["own", "type"];

/** A limit that applies to a wallet, or that refused a movement. */
export interface LimitLeft {
  readonly number: number;
  readonly value: bigint;
  readonly left: bigint;
  readonly resetsAtMs: bigint;
}

/** Sets the limits of one wallet, whose movements are counted from now on. */
export function setWalletLimits(books: Books, wallet: Wallet, limits: WalletLimits): void {
  const usage = books.usage.get(wallet.id) ?? freshUsage();
  usage.own = limits;
  books.usage.set(wallet.id, usage);
}

/** Sets the limits of all wallets of a type in a currency. */
export function setTypeLimits(books: Books, currency: number, type: number, limits: WalletLimits): void {
  books.typeLimits.set(typeKey(currency, type), limits);
}

/** The limits of a wallet in the order in which they are asked, each with what it leaves. */
export function limitsLeft(books: Books, wallet: Wallet, side: LimitSide, nowMs: number): readonly LimitLeft[] {
  if (!isCounted(wallet, side)) return [];
  const usage = books.usage.get(wallet.id) ?? freshUsage();
  const limitsOf = { own: usage.own[side], type: typeLimitsOf(books, wallet)[side] };
  const day = dayOf(nowMs);
  const moved = (period: string): bigint => usage.movedMinor.get(`${side} ${period}`) ?? 0n;
  const state = (
    name: string,
    scope: Scope,
    value: number | undefined,
    used: bigint,
    resetsAtMs: number,
  ): LimitLeft[] => {
    if (value === undefined) return [];
    const number = LIMIT[`${side}${name}` as LimitName] | (scope === "type" ? LIMIT_OF_TYPE : 0);
    const left = BigInt(value) - used;
    return [{ number, value: BigInt(value), left: left > 0n ? left : 0n, resetsAtMs: BigInt(resetsAtMs) }];
  };
  const each = (stateIn: (scope: Scope, limits: NonNullable<WalletLimits[LimitSide]>) => LimitLeft[]): LimitLeft[] =>
    SCOPES.flatMap((scope) => stateIn(scope, limitsOf[scope] ?? {}));
  return [
    ...each((scope, { perTransactionMinor }) => state("PerTransaction", scope, perTransactionMinor, 0n, 0)),
    ...each((scope, { perDayMinor }) => state("PerDay", scope, perDayMinor, moved(day), endMs(nowMs, dayOf))),
    ...each((scope, { perMonthMinor }) =>
      state("PerMonth", scope, perMonthMinor, moved(monthOf(nowMs)), endMs(nowMs, monthOf)),
    ),
    ...each((scope, { count }) => {
      const window = runningWindow(usage, side, scope, count?.windowMs, nowMs);
      const resetsAtMs = window === undefined ? 0 : window.startMs + (count?.windowMs ?? 0);
      return state("Count", scope, count?.max, BigInt(window?.count ?? 0), resetsAtMs);
    }),
  ];
}

/** The limit that refuses a movement; undefined where none does. */
export function refusalOf(
  books: Books,
  wallet: Wallet,
  side: LimitSide,
  amountMinor: bigint,
  nowMs: number,
): Answer["limit"] {
  const isCount = ({ number }: LimitLeft): boolean => (number & 0xff) === LIMIT[`${side}Count`];
  return limitsLeft(books, wallet, side, nowMs).find((limit) => (isCount(limit) ? 1n : amountMinor) > limit.left);
}

/** Counts a movement of a wallet; returns when, or undefined where the wallet's movements are not counted. */
export function count(
  books: Books,
  wallet: Wallet,
  side: LimitSide,
  amountMinor: bigint,
  nowMs: number,
): number | undefined {
  if (!isCounted(wallet, side)) return undefined;
  const ofType = typeLimitsOf(books, wallet);
  const hasTypeLimits = [ofType.debit, ofType.credit].some((limits) => Object.keys(limits ?? {}).length > 0);
  const usage = books.usage.get(wallet.id) ?? (hasTypeLimits ? freshUsage() : undefined);
  if (usage === undefined) return undefined;
  books.usage.set(wallet.id, usage);
  for (const period of [dayOf(nowMs), monthOf(nowMs)]) addMoved(usage, side, period, amountMinor);
  for (const scope of SCOPES) {
    const windowMs = (scope === "own" ? usage.own : ofType)[side]?.count?.windowMs;
    if (windowMs === undefined) continue;
    const running = runningWindow(usage, side, scope, windowMs, nowMs);
    const { startMs, count } = running ?? { startMs: nowMs, count: 0 };
    usage.windows.set(`${side} ${scope}`, { startMs, count: count + 1 });
  }
  return nowMs;
}

/** What enters a striped wallet, or moves through its stripes, is not counted. */
function isCounted({ isAccount, isStripe, isStriped }: Wallet, side: LimitSide): boolean {
  return !isAccount && !isStripe && !(isStriped && side === "credit");
}

/** Gives back what a debit counted at a time; with `isMovement` also that there was one. */
export function giveBack(
  books: Books,
  wallet: Wallet,
  amountMinor: bigint,
  countedAtMs: number | undefined,
  isMovement: boolean,
  nowMs: number,
): void {
  const usage = books.usage.get(wallet.id);
  if (countedAtMs === undefined || usage === undefined) return;
  for (const period of [dayOf(countedAtMs), monthOf(countedAtMs)]) addMoved(usage, "debit", period, -amountMinor);
  if (!isMovement) return;
  for (const scope of SCOPES) {
    const windowMs = (scope === "own" ? usage.own : typeLimitsOf(books, wallet)).debit?.count?.windowMs;
    const window = runningWindow(usage, "debit", scope, windowMs, nowMs);
    if (window === undefined || countedAtMs < window.startMs) continue;
    usage.windows.set(`debit ${scope}`, { ...window, count: window.count - 1 });
  }
}

/** The local date. */
export function dayOf(ms: number): string {
  const quarter = Math.floor(ms / QUARTER_MS);
  const day = days.get(quarter) ?? format.format(quarter * QUARTER_MS);
  days.set(quarter, day);
  return day;
}

const format = new Intl.DateTimeFormat("en-CA", { timeZone: CALENDAR_TIME_ZONE });
const days = new Map<number, string>();
const ends = new Map<string, number>();

function monthOf(ms: number): string {
  return dayOf(ms).slice(0, 7);
}

/** The first instant that a time's day or month no longer has. */
function endMs(ms: number, periodOf: (ms: number) => string): number {
  const period = periodOf(ms);
  const known = ends.get(period);
  if (known !== undefined) return known;
  let quarter = Math.floor(ms / QUARTER_MS);
  while (periodOf(quarter * QUARTER_MS) === period) quarter += 1;
  ends.set(period, quarter * QUARTER_MS);
  return quarter * QUARTER_MS;
}

function freshUsage(): Usage {
  return { own: {}, movedMinor: new Map(), windows: new Map() };
}

function typeLimitsOf(books: Books, { currency, type }: Wallet): WalletLimits {
  return books.typeLimits.get(typeKey(currency, type)) ?? {};
}

function typeKey(currency: number, type: number): string {
  return `${currency} ${type}`;
}

function addMoved(usage: Usage, side: LimitSide, period: string, amountMinor: bigint): void {
  const key = `${side} ${period}`;
  usage.movedMinor.set(key, (usage.movedMinor.get(key) ?? 0n) + amountMinor);
}

function runningWindow(
  usage: Usage,
  side: LimitSide,
  scope: Scope,
  windowMs: number | undefined,
  nowMs: number,
): Window | undefined {
  const window = usage.windows.get(`${side} ${scope}`);
  const isRunning =
    window !== undefined && window.count > 0 && windowMs !== undefined && nowMs < window.startMs + windowMs;
  return isRunning ? window : undefined;
}
