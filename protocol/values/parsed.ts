import { z } from "zod";

/** A value that its parser has checked, so that whoever gets it need not look again. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };
declare const brand: unique symbol;

/** A checked value, or in one sentence what is wrong with what was given. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** Reads something of any type. Parsing what it gave out gives the same again. */
export type Parser<T> = (input: unknown) => Parsed<T>;

export function valid<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function invalid(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem };
}

/** The zod schema of a parser; `shape` is what JSON Schema says about it. */
export function schemaOf<T>(parse: Parser<T>, shape: Readonly<Record<string, unknown>>): z.ZodType<T> {
  return z
    .unknown()
    .transform((input, context): T => {
      const parsed = parse(input);
      if (parsed.ok) return parsed.value;
      context.issues.push({ code: "custom", input, message: parsed.problem });
      return z.NEVER;
    })
    .meta(shape);
}
