import { type Branded, invalid, type Parsed, schemaOf, valid } from "./parsed.ts";

/** A telephone number in the form of E.164: a plus sign, the country's code and the number, digits only. */
export type Phone = Branded<string, "Phone">;

const E164 = /^\+[1-9]\d{6,14}$/;
const EGYPT = /^\+20/;
/** Mobile: 10, 11, 12 or 15 and eight digits. Fixed: an area code and a number, eight or nine digits in all. */
const EGYPTIAN = /^\+20(?:1[0125]\d{8}|1[35]\d{7}|[2-9]\d{7,8})$/;

/**
 * Takes a number with its country, after a plus sign or 00, with spaces, hyphens, dots and brackets between its digits.
 * An Egyptian one must have a prefix that is in use there, and its length; of others only the length is looked at. Whether
 * somebody has the number is not known.
 *
 * **Source**: ITU-T E.164; for Egypt the mobile prefixes of its four networks.
 */
export function parsePhone(input: unknown): Parsed<Phone> {
  if (typeof input !== "string" || input.length > 32) return invalid("expected a telephone number");
  const text = input
    .trim()
    .replace(/[\s().-]/g, "")
    .replace(/^00/, "+");
  if (!E164.test(text)) return invalid("expected a telephone number with its country's code: +201001234567");
  if (EGYPT.test(text) && !EGYPTIAN.test(text)) return invalid("expected a number as Egypt has them");
  return valid(text as Phone);
}

export const phone = schemaOf(parsePhone, {
  type: "string",
  pattern: "^\\+[1-9][0-9]{6,14}$",
  description: "A telephone number in the form of E.164.",
});
