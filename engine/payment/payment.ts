import type { PaymentEvent } from "../../protocol/payment/events.ts";

/**
 * INITIATED → AUTHORIZED → PARTIALLY_CAPTURED → CAPTURED → REFUNDED, or VOIDED, EXPIRED, FAILED where nothing was captured.
 */
export type PaymentStatus =
  | "INITIATED"
  | "AUTHORIZED"
  | "PARTIALLY_CAPTURED"
  | "CAPTURED"
  | "REFUNDED"
  | "VOIDED"
  | "EXPIRED"
  | "FAILED";

type Initiated = Extract<PaymentEvent, { type: "PaymentInitiated" }>;

/** A part of a payment that is not the merchant's. refundedMinor ≤ capturedMinor ≤ amountMinor. */
export interface Split {
  readonly walletId: string;
  readonly amountMinor: number;
  readonly capturedMinor: number;
  readonly refundedMinor: number;
}

/**
 * A payment from a wallet to a merchant's.
 *
 * capturedMinor ≤ amountMinor and refundedMinor ≤ capturedMinor; feesMinor is part of what was captured.
 */
export interface PaymentState extends Omit<Initiated, "type" | "splits"> {
  readonly status: PaymentStatus;
  readonly splits?: readonly Split[];
  readonly capturedMinor: number;
  readonly refundedMinor: number;
  readonly feesMinor: number;
  /** The hold on the payer's wallet. */
  readonly holdId?: string;
  /** Whose wallet pays; empty where an admin authorised it. */
  readonly payerOwnerId?: string;
  readonly reason?: string;
}
