import { isNil, isSystemAccountId, isUuid, RESERVED_VARIANT, uuidBytes } from "../ids.ts";
import { type Branded, invalid, type Parsed, type Parser, schemaOf, valid } from "./parsed.ts";

/** Ids of aggregates: UUIDs in lower case, each kind a type of its own. */
export type WalletId = Branded<string, "WalletId">;
export type PaymentId = Branded<string, "PaymentId">;
export type MedCardId = Branded<string, "MedCardId">;
export type PersonId = Branded<string, "PersonId">;
export type MerchantId = Branded<string, "MerchantId">;

/**
 * Makes the parser of one kind of ids.
 *
 * **Errors**: no UUID; all zeros; the variant or the range that the ledger keeps for its own keys and accounts.
 */
function entityId<Id extends string>(): Parser<Id> {
  return (input): Parsed<Id> => {
    if (typeof input !== "string" || !isUuid(input)) return invalid("expected a UUID");
    const lanes = new Uint32Array(uuidBytes(input).buffer);
    if (isNil(lanes, 0)) return invalid("expected a UUID that is not all zeros");
    if (((lanes[2] as number) & RESERVED_VARIANT) === RESERVED_VARIANT || isSystemAccountId(lanes, 0)) {
      return invalid("expected a UUID that is not reserved");
    }
    return valid(input.toLowerCase() as Id);
  };
}

const UUID_SHAPE = { type: "string", format: "uuid" } as const;

export const parseWalletId = entityId<WalletId>();
export const parsePaymentId = entityId<PaymentId>();
export const parseMedCardId = entityId<MedCardId>();
export const parsePersonId = entityId<PersonId>();
export const parseMerchantId = entityId<MerchantId>();

export const walletId = schemaOf(parseWalletId, { ...UUID_SHAPE, description: "A wallet's id." });
export const paymentId = schemaOf(parsePaymentId, { ...UUID_SHAPE, description: "A payment's id." });
export const medCardId = schemaOf(parseMedCardId, { ...UUID_SHAPE, description: "A medical card's id." });
export const personId = schemaOf(parsePersonId, { ...UUID_SHAPE, description: "A person's id." });
export const merchantId = schemaOf(parseMerchantId, { ...UUID_SHAPE, description: "A merchant's id." });
