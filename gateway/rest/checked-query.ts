import type { z } from "zod";
import { check } from "../../protocol/json-fault.ts";
import type { Exchange } from "./exchange.ts";

/** The query's fields, checked; **Errors**: answers `invalid_request` and returns undefined. */
export function checkedQuery<Schema extends z.ZodObject>(
  exchange: Exchange,
  schema: Schema,
  names: readonly string[] = Object.keys(schema.shape),
  more: Readonly<Record<string, unknown>> = {},
): z.output<Schema> | undefined {
  const fields: Record<string, unknown> = { ...more };
  for (const name of names) {
    const value = exchange.query(name);
    if (value !== null) fields[name] = name === "limit" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  }
  const result = check(schema, fields);
  if (result.ok) return result.value as z.output<Schema>;
  exchange.problem("invalid_request", { detail: result.fault.message, field: result.fault.field });
  return undefined;
}

/** What the fields of a query mean, as OpenAPI shows them: their descriptions. */
export function meaningsOf(schema: z.ZodObject): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(schema.shape).map(([name, field]) => [name, field.description ?? name]));
}
