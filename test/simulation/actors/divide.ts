/** Divides an amount by claims: to each its share without the fraction, and one more to those of the largest fractions. */
export function divide(amountMinor: number, claimsMinor: readonly number[]): readonly number[] {
  const totalMinor = claimsMinor.reduce((sum, claimMinor) => sum + claimMinor, 0);
  if (totalMinor === 0) return claimsMinor;
  const parts = claimsMinor.map((claimMinor) => Math.floor((claimMinor * amountMinor) / totalMinor));
  const fractions = claimsMinor.map((claimMinor) => (claimMinor * amountMinor) % totalMinor);
  let overMinor = amountMinor - parts.reduce((sum, part) => sum + part, 0);
  for (; overMinor > 0; overMinor -= 1) {
    const first = fractions.indexOf(Math.max(...fractions));
    parts[first] += 1;
    fractions[first] = -1;
  }
  return parts;
}
