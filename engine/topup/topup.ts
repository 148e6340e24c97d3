import type { TopUpEvent } from "../../protocol/topup/events.ts";
import type { KeptAttention } from "../provider/attention.ts";

/** INITIATED → PENDING → COMPLETED → REFUNDING → REFUNDED; or FAILED, EXPIRED where nothing was paid in time. */
export type TopUpStatus = "INITIATED" | "PENDING" | "COMPLETED" | "REFUNDING" | "REFUNDED" | "FAILED" | "EXPIRED";

type Initiated = Omit<Extract<TopUpEvent, { type: "TopUpInitiated" }>, "type" | "atMs">;

/** A top-up: money that a person pays to a provider, and that the ledger then moves from the provider's account to a wallet. */
export interface TopUpState extends Initiated {
  readonly status: TopUpStatus;
  readonly initiatedAtMs: number;
  /** The last change of status. */
  readonly changedAtMs: number;
  /** The provider's own reference. */
  readonly reference?: string;
  readonly payment?: Extract<TopUpEvent, { type: "TopUpSubmitted" }>["payment"];
  /** What was paid: the provider's transaction and its amount. */
  readonly transactionId?: string;
  readonly paidMinor?: number;
  readonly completedAtMs?: number;
  /** What the wallet got in all. */
  readonly creditedMinor: number;
  readonly refundId?: string;
  readonly reason?: string;
  readonly attention: readonly KeptAttention[];
}
