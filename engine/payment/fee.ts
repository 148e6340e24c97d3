import { shareMinor } from "../../protocol/values/percentage.ts";
import type { PaymentState } from "./payment.ts";

/**
 * The fee of a capture: what all captures together cost, less what was taken before. So the sum does not depend on how a
 * payment is captured, and never exceeds what was captured.
 */
export function captureFeeMinor(
  { fee, capturedMinor, feesMinor }: Pick<PaymentState, "fee" | "capturedMinor" | "feesMinor">,
  amountMinor: number,
): number {
  if (fee === undefined) return 0;
  const totalMinor = fee.fixedMinor + shareMinor(capturedMinor + amountMinor, fee.basisPoints);
  return Math.min(amountMinor, totalMinor - feesMinor);
}
