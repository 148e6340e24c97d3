import { isUuid } from "../protocol/ids.ts";
import type { JsonRequest } from "../protocol/json-requests.ts";

/** Those that there must be; all of them are there where it is enough to count. */
const FIELDS = 6;

/**
 * Recognises the most frequent request, a Transfer with nothing optional in it but its trace, without a walk through the schemas.
 *
 * It never decides that a request is wrong: whatever it does not recognise goes to `jsonRequest`, which is the contract.
 */
export function asPlainTransfer(value: unknown): JsonRequest | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { requestId, type, id, fromWalletId, toWalletId, amountMinor, traceparent, tracestate } = fields;
  const traces = (traceparent === undefined ? 0 : 1) + (tracestate === undefined ? 0 : 1);
  const isPlain =
    type === "Transfer" &&
    isWhole(requestId, 4_294_967_295) &&
    isWhole(amountMinor, Number.MAX_SAFE_INTEGER) &&
    isId(id) &&
    isId(fromWalletId) &&
    isId(toWalletId) &&
    fieldsOf(value) === FIELDS + traces;
  return isPlain ? (value as JsonRequest) : undefined;
}

function isWhole(value: unknown, max: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
}

function isId(value: unknown): boolean {
  return typeof value === "string" && isUuid(value);
}

function fieldsOf(value: object): number {
  let fields = 0;
  for (const _ in value) fields += 1;
  return fields;
}
