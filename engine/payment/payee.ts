import type { Refusal } from "../../protocol/codes.ts";
import type { InitiatePayment, PaymentCommand } from "../../protocol/payment/commands.ts";
import type { Dependency, Found, Sender } from "../actor/actor.ts";
import { MERCHANT_TERMS, type MerchantTerms } from "../merchant/merchant.ts";
import type { PaymentState } from "./payment.ts";

/** Who is paid, and what it costs. */
type Payee = Pick<PaymentState, "merchantWalletId" | "ownerId" | "fee">;

/** A payment that names its merchant takes the wallet and the fee rule from it. */
export function dependencyOf(command: PaymentCommand | { readonly type: "ExpirePayment" }): Dependency | undefined {
  if (command.type !== "InitiatePayment" || command.merchantId === undefined) return undefined;
  return { aggregate: "Merchant", id: command.merchantId, fields: MERCHANT_TERMS };
}

/** Who is paid by a payment: the merchant that was found as it was then, or whom the command says. */
export function payeeOf(command: InitiatePayment, sender: Sender, found: Found | undefined): Payee | { code: Refusal } {
  const { merchantId, merchantWalletId, fee, currency } = command;
  if (merchantId === undefined) {
    const ownerId = command.ownerId?.toLowerCase() ?? sender.ownerId;
    if (!sender.isAdmin && (ownerId !== sender.ownerId || fee !== undefined)) return { code: "forbidden" };
    if (merchantWalletId === undefined) return { code: "merchant_not_found" };
    return { merchantWalletId, ownerId, ...(fee === undefined ? {} : { fee }) };
  }
  if (found?.code !== "ok") return { code: found?.code ?? "merchant_not_found" };
  const terms = found.facts as unknown as MerchantTerms;
  if (terms.status !== "ACTIVE") return { code: "merchant_status_conflict" };
  if (terms.currency !== currency) return { code: "currency_mismatch" };
  const { walletId, ownerId, fee: rule } = terms;
  return { merchantWalletId: walletId, ownerId, ...(rule === undefined ? {} : { fee: rule }) };
}
