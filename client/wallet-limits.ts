import type { WalletType } from "../protocol/command-record.ts";
import type { Currency } from "../protocol/currencies.ts";
import { COUNT_MAX, WINDOW_MS_MAX, WINDOW_MS_MIN } from "../protocol/limit-bounds.ts";
import { AMOUNT_MINOR_MAX } from "../protocol/limits.ts";
import type { NamedLimit } from "../protocol/named-limit.ts";

/** Limits for what leaves a wallet, or for what enters it. **Units**: minor, a count of movements, milliseconds. */
export interface MovementLimits {
  readonly perTransactionMinor?: number;
  readonly perDayMinor?: number;
  readonly perMonthMinor?: number;
  readonly count?: { readonly max: number; readonly windowMs: number };
}

/** Limits of a wallet, or of all wallets of a type; what is left out is lifted. */
export interface WalletLimits {
  readonly debit?: MovementLimits;
  readonly credit?: MovementLimits;
}

/** The limits that apply to a wallet, in the order in which they are asked. */
export interface LimitsInForce {
  readonly walletId: string;
  readonly currency: Currency;
  readonly type: WalletType;
  /** Where days and months begin. */
  readonly timeZone: string;
  readonly limits: readonly (NamedLimit & { readonly windowMs?: number })[];
}

export interface SetTypeLimits {
  /** Names the command for ever; made where left out. */
  readonly commandId?: string;
  readonly walletType: WalletType;
  readonly currency: Currency;
  readonly limits: WalletLimits;
}

/** What setting the limits of a type came to. */
export interface TypeLimits {
  /** The command's id. */
  readonly id: string;
  readonly type: WalletType;
  readonly currency: Currency;
  readonly limits: WalletLimits;
  /** Where each shard has it in its journal. */
  readonly positions: readonly string[];
}

/** Limits in the order in which the ledger writes them, so that the same limits are the same command. */
export function orderedLimits({ debit, credit }: WalletLimits): WalletLimits {
  return { ...(debit && { debit: orderedSide(debit) }), ...(credit && { credit: orderedSide(credit) }) };
}

function orderedSide({ perTransactionMinor, perDayMinor, perMonthMinor, count }: MovementLimits): object {
  const { max, windowMs } = count ?? {};
  return { perTransactionMinor, perDayMinor, perMonthMinor, ...(count && { count: { max, windowMs } }) };
}

/** Whether a value is limits that the ledger takes. */
export function isLimits(value: unknown): value is WalletLimits {
  return hasOnly(value, { debit: isSide, credit: isSide });
}

function isSide(value: unknown): boolean {
  return hasOnly(value, {
    perTransactionMinor: isMinor,
    perDayMinor: isMinor,
    perMonthMinor: isMinor,
    count: (count) =>
      hasOnly(count, { max: within(1, COUNT_MAX), windowMs: within(WINDOW_MS_MIN, WINDOW_MS_MAX) }) &&
      Object.values(count).filter((part) => part !== undefined).length === 2,
  });
}

const isMinor = within(0, AMOUNT_MINOR_MAX);

function within(min: number, max: number): (value: unknown) => boolean {
  return (value) => typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

/** Whether a value is an object that has no fields but these, each absent or as it should be. */
function hasOnly(value: unknown, fields: Readonly<Record<string, (field: unknown) => boolean>>): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, field]) => {
    const isGood = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return isGood !== undefined && (field === undefined || isGood(field));
  });
}
