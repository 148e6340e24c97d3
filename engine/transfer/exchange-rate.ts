import { AMOUNT_MINOR_MAX } from "../../protocol/limits.ts";

/** What one unit of the currency sold buys of the other: an exact ratio of minor units. */
export interface ExchangeRate {
  readonly numerator: number;
  readonly denominator: number;
}

/** Whether both parts of a rate are whole numbers from 1 to 2^53−1. */
export function isRate({ numerator, denominator }: ExchangeRate): boolean {
  return numerator >= 1 && numerator <= AMOUNT_MINOR_MAX && denominator >= 1 && denominator <= AMOUNT_MINOR_MAX;
}

/**
 * What an amount buys: the exact quotient, rounded down to whole minor units, so that a round trip never gains.
 *
 * **Units**: minor units of the currency bought; 0 where it comes to nothing or to more than the largest amount.
 */
export function amountBoughtMinor(amountMinor: number, { numerator, denominator }: ExchangeRate): number {
  const bought = (BigInt(amountMinor) * BigInt(numerator)) / BigInt(denominator);
  return bought > BigInt(AMOUNT_MINOR_MAX) ? 0 : Number(bought);
}
