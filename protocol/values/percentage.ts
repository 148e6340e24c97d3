import { type Branded, invalid, type Parsed, schemaOf, valid } from "./parsed.ts";

/** A share of a whole, from nothing to all of it. **Units**: basis points, hundredths of a percent, 0 to 10,000. */
export type BasisPoints = Branded<number, "BasisPoints">;

const BASIS_POINTS_MAX = 10_000;

/** **Errors**: no whole number from 0 to 10,000. */
export function parseBasisPoints(input: unknown): Parsed<BasisPoints> {
  const isOne = typeof input === "number" && Number.isInteger(input) && input >= 0 && input <= BASIS_POINTS_MAX;
  return isOne ? valid((input + 0) as BasisPoints) : invalid("expected whole basis points from 0 to 10,000");
}

export const basisPoints = schemaOf(parseBasisPoints, {
  type: "integer",
  minimum: 0,
  maximum: BASIS_POINTS_MAX,
  description: "A share in hundredths of a percent.",
});

/**
 * The share of an amount, rounded half to even: exact halves go to the even minor unit, so that neither side gains over
 * many amounts. It is computed in exact integers.
 *
 * **Units**: minor. The share never exceeds the amount, so what is left of the amount is exact, too.
 */
export function shareMinor(amountMinor: number, share: BasisPoints): number {
  const whole = BigInt(BASIS_POINTS_MAX);
  const product = BigInt(amountMinor) * BigInt(share);
  const quotient = product / whole;
  const twice = (product % whole) * 2n;
  const isUp = twice > whole || (twice === whole && quotient % 2n === 1n);
  return Number(isUp ? quotient + 1n : quotient);
}
