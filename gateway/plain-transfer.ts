import { isUuid } from "../protocol/ids.ts";
import type { JsonRequest } from "../protocol/json-requests.ts";

const FIELDS = 6;

/**
 * Recognises the most frequent request, a Transfer with nothing optional in it, without a walk through the schemas.
 *
 * It never decides that a request is wrong: whatever it does not recognise goes to `jsonRequest`, which is the contract.
 */
export function asPlainTransfer(value: unknown): JsonRequest | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { requestId, type, id, fromWalletId, toWalletId, amountMinor } = value as Readonly<Record<string, unknown>>;
  const isPlain =
    type === "Transfer" &&
    isWhole(requestId, 4_294_967_295) &&
    isWhole(amountMinor, Number.MAX_SAFE_INTEGER) &&
    isId(id) &&
    isId(fromWalletId) &&
    isId(toWalletId) &&
    hasOnlyItsFields(value);
  return isPlain ? (value as JsonRequest) : undefined;
}

function isWhole(value: unknown, max: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
}

function isId(value: unknown): boolean {
  return typeof value === "string" && isUuid(value);
}

/** All six are there already, so it is enough to count. */
function hasOnlyItsFields(value: object): boolean {
  let fields = 0;
  for (const _ in value) fields += 1;
  return fields === FIELDS;
}
