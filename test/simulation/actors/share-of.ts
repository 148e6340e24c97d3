const WHOLE = 10_000n;

/** A share of an amount in basis points, rounded to the nearest whole, a half to the even one. */
export function shareOf(amountMinor: number, basisPoints: number): number {
  const product = BigInt(amountMinor) * BigInt(basisPoints);
  const below = product / WHOLE;
  const twice = 2n * (product % WHOLE);
  const isUp = twice > WHOLE || (twice === WHOLE && below % 2n === 1n);
  return Number(isUp ? below + 1n : below);
}
