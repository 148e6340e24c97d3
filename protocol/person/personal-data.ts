/** What is known of a person: it leaves the gateway sealed only. */

import { z } from "zod";
import { email } from "../values/email.ts";
import { nationalId, nationalIdFacts } from "../values/national-id.ts";
import { personName } from "../values/person-name.ts";
import { phone } from "../values/phone.ts";

/** Raised whenever a field is added or means something else; sealed bytes say theirs. */
export const PERSONAL_DATA_VERSION = 1;

/** In this order they are sealed. */
const fields = {
  name: personName,
  nationalId: nationalId.optional(),
  birthDate: z.iso
    .date("expected a date such as 1999-01-31")
    .optional()
    .describe("That of the national id, where both are given."),
  phone: phone.optional(),
  email: email.optional(),
};

/** The names of the fields. */
export const PERSONAL_FIELDS = Object.keys(fields) as readonly (keyof typeof fields)[];

/** Adds to an object of other fields what is known of a person, with its checks across fields. */
export function withPersonalData<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject({ ...shape, ...fields }).check(({ value, issues }) => {
    const { nationalId: id, birthDate } = value as PersonalData;
    if (id === undefined || birthDate === undefined || nationalIdFacts(id).birthDate === birthDate) return;
    const message = "expected the date of birth that the national id has";
    // The input of an issue is shown nowhere, and must not be kept either.
    issues.push({ code: "custom", path: ["birthDate"], message, input: undefined });
  });
}

const personalData = z.strictObject(fields);
export type PersonalData = z.output<typeof personalData>;

/** The same fields as somebody sees them who may not see all: parts of each text are asterisks. */
export const shownPersonalData = {
  name: z.string(),
  nationalId: z.string().optional(),
  birthDate: z.string().optional(),
  phone: z.string().optional(),
  email: z.string().optional(),
};
