import { z } from "zod";

/**
 * One setting of the ledger: how it is named, checked, defaulted and explained. The configuration is read from these and
 * its table in the README is written from them.
 */
export interface Setting<T> {
  readonly name: `MIZAN_${string}`;
  readonly schema: z.ZodType<T, string>;
  readonly default: T;
  /** What the table shows where the default is not a plain value. */
  readonly defaultText: string;
  readonly unit: string;
  readonly meaning: string;
}

interface WholeNumber {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly meaning: string;
}

export function wholeSchema(min: number, max: number): z.ZodType<number, string> {
  const wanted = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,16}$/, wanted)
    .transform(Number)
    .refine((value) => value >= min && value <= max, wanted);
}

export function whole(name: Setting<number>["name"], facts: WholeNumber): Setting<number> {
  return { ...facts, name, schema: wholeSchema(facts.min, facts.max), defaultText: String(facts.default) };
}

/** A number from 0 to 1. */
export function share(
  name: Setting<number>["name"],
  facts: { readonly default: number; readonly meaning: string },
): Setting<number> {
  const wanted = "must be a number from 0 to 1";
  const schema = z
    .string()
    .regex(/^(?:0|1|0?\.\d{1,9}|1\.0{1,9})$/, wanted)
    .transform(Number);
  return { ...facts, name, schema, defaultText: String(facts.default), unit: "" };
}

export function powerOfTwo(name: Setting<number>["name"], facts: WholeNumber): Setting<number> {
  const schema = wholeSchema(facts.min, facts.max).refine(
    (value) => Number.isInteger(Math.log2(value)),
    "must be a power of two",
  );
  return { ...facts, name, schema, defaultText: String(facts.default) };
}

export function oneOf<const T extends string>(
  name: Setting<T>["name"],
  facts: { readonly values: readonly T[]; readonly default: T; readonly meaning: string },
): Setting<T> {
  const { values, meaning } = facts;
  const schema = z.string().pipe(z.enum(values, `must be ${values.join(" or ")}`)) as z.ZodType<T, string>;
  return { name, schema, default: facts.default, defaultText: facts.default, unit: "", meaning };
}

/** A text that may be left out. */
export function optional(name: Setting<string | undefined>["name"], defaultText: string, meaning: string) {
  const schema = z.string().min(1, "must not be empty");
  return { name, schema, default: undefined, defaultText, unit: "", meaning } satisfies Setting<string | undefined>;
}
