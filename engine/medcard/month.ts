/** One for each time zone, of which there are some hundreds: making one takes longer than a claim. */
const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** The calendar month of a time in a time zone, as `2026-03`: texts are in the order of time. **Errors**: throws on no time zone. */
export function monthOf(timeZone: string, timeMs: number): string {
  let format = FORMATS.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", { timeZone, year: "numeric", month: "2-digit" });
    FORMATS.set(timeZone, format);
  }
  const parts = new Map(format.formatToParts(timeMs).map(({ type, value }) => [type, value]));
  return `${parts.get("year")}-${parts.get("month")}`;
}
