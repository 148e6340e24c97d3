import type { MerchantEvent } from "../../protocol/merchant/events.ts";

/** ACTIVE ⇄ SUSPENDED; CLOSED is the end. */
export type MerchantStatus = "ACTIVE" | "SUSPENDED" | "CLOSED";

type Facts<Type extends MerchantEvent["type"]> = Omit<Extract<MerchantEvent, { type: Type }>, "type">;

/** Batches that a merchant remembers, and one more, at whose end the first of them began. */
export const BATCHES_KEPT = 101;

/** A merchant. Batches hold everything that happened to its wallet, without gaps: each ends where the next one begins. */
export interface MerchantState extends Facts<"MerchantRegistered"> {
  readonly status: MerchantStatus;
  /** Why it is suspended or closed. */
  readonly reason?: string;
  /** In the order of time. */
  readonly batches: readonly Facts<"BatchClosed">[];
  /** The batch that is being closed. */
  readonly closing?: Facts<"BatchBegun">;
  /** Why the running batch could not be closed when that was tried last. */
  readonly refusal?: Facts<"BatchRefused">["code"];
}

/** What a payment has to know of its merchant. */
export const MERCHANT_TERMS = ["ownerId", "walletId", "currency", "fee", "status"] as const;
export type MerchantTerms = Pick<MerchantState, (typeof MERCHANT_TERMS)[number]>;

export function nextNumber({ batches }: MerchantState): number {
  return (batches.at(-1)?.number ?? 0) + 1;
}
