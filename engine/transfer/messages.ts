import type { Code } from "../../protocol/codes.ts";

/**
 * From the debited shard to the credited one, as soon as the debit is durable, and again after a crash.
 *
 * `completedThrough` says that the sender knows the answers to all its transfers to this shard up to that number.
 */
export interface CreditRequest {
  readonly fromShard: number;
  readonly number: number;
  readonly completedThrough: number;
  readonly id: string;
  readonly fromWalletId: string;
  readonly toWalletId: string;
  readonly amountMinor: number;
  readonly currency: number;
}

/** From the credited shard back, as soon as its decision is durable. */
export interface CreditAnswer {
  readonly id: string;
  readonly code: Code;
  readonly position: string;
  readonly postedMinor: number;
  readonly availableMinor: number;
  readonly version: number;
}
