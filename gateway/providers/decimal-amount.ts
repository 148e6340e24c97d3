/**
 * Amounts as providers write them: whole pounds with two decimals, where the ledger counts piastres.
 *
 * Both ways go by digits, so that no amount is a rounded fraction.
 */

/** **Units**: minor, of a currency with two decimals. */
export function decimalText(amountMinor: number): string {
  const digits = String(amountMinor).padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** The amount that a JSON number or text stands for; undefined where it is none, or finer than a minor unit. */
export function minorOf(decimal: unknown): number | undefined {
  const text = typeof decimal === "number" || typeof decimal === "string" ? String(decimal) : "";
  const parts = /^(\d{1,13})(?:\.(\d{1,2})0*)?$/.exec(text);
  return parts === null ? undefined : Number(parts[1]) * 100 + Number((parts[2] ?? "").padEnd(2, "0"));
}
