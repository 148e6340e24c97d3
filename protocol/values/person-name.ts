import { type Branded, invalid, type Parsed, schemaOf, valid } from "./parsed.ts";

/** What a person is called, in one line of any script. */
export type PersonName = Branded<string, "PersonName">;

const LENGTH_MAX = 200;
const CONTROLS = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;
const LETTER = /\p{L}/u;

/** Takes a name of 1 to 200 characters with a letter in it; runs of spaces become one, and the text is put into NFC. */
export function parsePersonName(input: unknown): Parsed<PersonName> {
  if (typeof input !== "string") return invalid("expected a name");
  const text = input.normalize("NFC").trim().replace(/ +/g, " ");
  if (text.length > LENGTH_MAX) return invalid(`expected a name of at most ${LENGTH_MAX} characters`);
  if (!LETTER.test(text) || CONTROLS.test(text)) return invalid("expected a name in one line");
  return valid(text as PersonName);
}

export const personName = schemaOf(parsePersonName, {
  type: "string",
  minLength: 1,
  maxLength: LENGTH_MAX,
  description: "A person's name.",
});
