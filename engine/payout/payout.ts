import type { PayoutEvent } from "../../protocol/payout/events.ts";
import type { KeptAttention } from "../provider/attention.ts";

/** INITIATED → RESERVED → PENDING → PAID; or FAILED, with the money back in the wallet. */
export type PayoutStatus = "INITIATED" | "RESERVED" | "PENDING" | "PAID" | "FAILED";

type Initiated = Omit<Extract<PayoutEvent, { type: "PayoutInitiated" }>, "type" | "atMs">;

/** A payout: money that the ledger moves from a wallet to the provider's account, and that the provider then pays to somebody. */
export interface PayoutState extends Initiated {
  readonly status: PayoutStatus;
  readonly initiatedAtMs: number;
  /** The last change of status. */
  readonly changedAtMs: number;
  /** The provider's own reference. */
  readonly reference?: string;
  /** The provider's transaction that paid it. */
  readonly transactionId?: string;
  readonly paidAtMs?: number;
  readonly reason?: string;
  readonly attention: readonly KeptAttention[];
}
