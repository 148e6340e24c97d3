import { type Currency, isCurrency, minorDigits } from "../currencies.ts";
import { AMOUNT_MINOR_MAX } from "../limits.ts";
import { type Branded, invalid, type Parsed, schemaOf, valid } from "./parsed.ts";

/** An amount of at least nothing in one currency. **Units**: minor, from 0 to 2^53−1. */
export type Money = Branded<{ readonly amountMinor: number; readonly currency: Currency }, "Money">;

/** **Errors**: another shape; no whole number of minor units in range; no ISO 4217 code. */
export function parseMoney(input: unknown): Parsed<Money> {
  if (typeof input !== "object" || input === null) return invalid("expected an amount and a currency");
  const { amountMinor, currency, ...rest } = input as Readonly<Record<string, unknown>>;
  if (Object.keys(rest).length > 0) return invalid("expected an amount and a currency, and nothing else");
  if (typeof amountMinor !== "number" || !Number.isInteger(amountMinor)) return invalid("expected whole minor units");
  if (amountMinor < 0 || amountMinor > AMOUNT_MINOR_MAX) return invalid("expected an amount from 0 to 2^53-1");
  if (!isCurrency(currency)) return invalid("expected an alphabetic code of ISO 4217");
  return valid(moneyOf(amountMinor, currency));
}

export const money = schemaOf(parseMoney, {
  type: "object",
  required: ["amountMinor", "currency"],
  description: "An amount in whole minor units, and its currency.",
});

function moneyOf(amountMinor: number, currency: Currency): Money {
  // Zero has one form only.
  return { amountMinor: amountMinor + 0, currency } as Money;
}

const DECIMAL = /^(0|[1-9]\d{0,15})(?:\.(\d{1,4}))?$/;

/**
 * The money that a decimal number of major units stands for, as other systems write amounts: `12.5` or `12.50`.
 *
 * **Errors**: no plain decimal number; more digits behind the point than the currency has; more than the largest amount.
 */
export function parseDecimal(text: string, currency: Currency): Parsed<Money> {
  const match = DECIMAL.exec(text);
  if (match === null) return invalid("expected a decimal number");
  const digits = minorDigits(currency);
  const fraction = match[2] ?? "";
  if (fraction.length > digits) return invalid(`expected at most ${digits} digits behind the point`);
  const minor = BigInt(`${match[1]}${fraction.padEnd(digits, "0")}`);
  if (minor > BigInt(AMOUNT_MINOR_MAX)) return invalid("expected an amount from 0 to 2^53-1");
  return valid(moneyOf(Number(minor), currency));
}

/** Major units with all the digits that the currency has behind the point, and no other sign: `12.50`. */
export function formatDecimal({ amountMinor, currency }: Money): string {
  const digits = minorDigits(currency);
  const text = String(amountMinor).padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** The sum of two amounts. **Errors**: two currencies; more than the largest amount. */
export function addMoney(a: Money, b: Money): Parsed<Money> {
  if (a.currency !== b.currency) return invalid("expected one currency");
  const sumMinor = a.amountMinor + b.amountMinor;
  return sumMinor > AMOUNT_MINOR_MAX
    ? invalid("expected a sum of at most 2^53-1")
    : valid(moneyOf(sumMinor, a.currency));
}

/** What is left of an amount. **Errors**: two currencies; more is taken than there is. */
export function subtractMoney(a: Money, b: Money): Parsed<Money> {
  if (a.currency !== b.currency) return invalid("expected one currency");
  const leftMinor = a.amountMinor - b.amountMinor;
  return leftMinor < 0 ? invalid("expected to take at most what there is") : valid(moneyOf(leftMinor, a.currency));
}
