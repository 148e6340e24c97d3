/** Turns what zod finds wrong with a JSON value into the ledger's own codes. */

import type { z } from "zod";
import type { Code } from "./codes.ts";

/** Why a JSON value was refused. */
interface Fault {
  readonly code: Exclude<Code, "ok">;
  /** The first wrong field, as a path such as `commands.3.amountMinor`; empty where the value as a whole is wrong. */
  readonly field: string;
  readonly message: string;
}

/** A JSON value in the shape of its schema, or why not. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

/** Fields whose values, where they are of the right type, are refused with a code of their own. */
const VALUE_FAULTS: ReadonlyMap<PropertyKey, { readonly type: string; readonly code: Fault["code"] }> = new Map([
  ["amountMinor", { type: "number", code: "amount_invalid" }],
  ["totalMinor", { type: "number", code: "amount_invalid" }],
  ["approvedMinor", { type: "number", code: "amount_invalid" }],
  ["monthlyLimitMinor", { type: "number", code: "amount_invalid" }],
  ["overdraftLimitMinor", { type: "number", code: "amount_invalid" }],
  ["expectedVersion", { type: "number", code: "expected_version_invalid" }],
  ["currency", { type: "string", code: "currency_unknown" }],
  ["walletType", { type: "string", code: "wallet_type_invalid" }],
]);

/** Fields in which anything that is wrong makes the limits wrong. */
const LIMITS: ReadonlySet<PropertyKey> = new Set(["limits", "debit", "credit"]);

/**
 * Checks a JSON value.
 *
 * **Errors**: `invalid_request` naming the first wrong field, or the field's own code (`amount_invalid`,
 * `currency_unknown`, `too_many_commands`, …).
 */
export function check<T>(schema: z.ZodType<T>, value: unknown): Checked<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0] as z.core.$ZodIssue;
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] as string] : issue.path;
  return { ok: false, fault: { code: codeOf(issue, value), field: path.join("."), message: issue.message } };
}

/** A fault with the path to the value in which it was found. */
export function placed<T>(checked: Checked<T> & { readonly ok: false }, path: string): Checked<never> {
  const { field, ...fault } = checked.fault;
  return { ok: false, fault: { ...fault, field: field === "" ? path : `${path}.${field}` } };
}

function codeOf(issue: z.core.$ZodIssue, value: unknown): Fault["code"] {
  const field = issue.path.at(-1);
  if (issue.path.some((key) => LIMITS.has(key))) return "limits_invalid";
  if (issue.code === "unrecognized_keys" || field === undefined) return "invalid_request";
  const given = valueAt(value, issue.path);
  if (field === "type" && typeof given === "string") {
    return issue.code === "invalid_union" ? "unknown_operation" : "wallet_type_invalid";
  }
  if (field === "metadata" && issue.code === "custom") return "metadata_too_large";
  if ((field === "commands" || field === "walletIds") && issue.code === "too_big") return "too_many_commands";
  const fault = VALUE_FAULTS.get(field);
  return fault !== undefined && typeof given === fault.type ? fault.code : "invalid_request";
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) at = (at as Readonly<Record<PropertyKey, unknown>>)[key];
  return at;
}
