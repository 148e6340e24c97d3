import { actorOf } from "../engine/actor/registry.ts";
import type { MerchantState } from "../engine/merchant/merchant.ts";
import type { PaymentState } from "../engine/payment/payment.ts";
import type { ObjectCommand } from "../engine/views.ts";
import type { HarnessOptions } from "./engine-harness.ts";
import { untimedId } from "./ledger-command.ts";
import { ADMIN_SENDER, MERCHANT_SENDER, PaymentSession } from "./payment-session.ts";

const OTHERS_ID = untimedId(0xb7);

/**
 * A merchant on the second of two shards, with its wallet there and the one that it is paid out to on the first; a courier with a
 * wallet on the first shard and the tax office with one on the second have parts in payments.
 */
export class MerchantSession extends PaymentSession {
  readonly merchantId: string;
  readonly bank: string;
  readonly courier: string;
  readonly tax: string;
  #commands = 0;

  constructor(options: Partial<HarnessOptions> = {}) {
    // What waits for a minute is asked again under its old id, which is still remembered then.
    super({ idempotencyWindowMs: 86_400_000, ...options });
    this.merchantId = this.nextWalletId(1);
    this.bank = this.nextWalletId(0);
    this.courier = this.nextWalletId(0);
    this.tax = this.nextWalletId(1);
  }

  override opened(): this {
    super.opened();
    this.openWallet(0, { walletId: this.bank });
    this.openWallet(0, { walletId: this.courier, ownerId: OTHERS_ID });
    this.openWallet(1, { walletId: this.tax, ownerId: OTHERS_ID });
    return this;
  }

  merchant(type: string, body: object = {}, by = ADMIN_SENDER): ObjectCommand {
    this.#commands += 1;
    const commandId = untimedId(0xe_0000 + this.#commands);
    return { aggregate: "Merchant", id: this.merchantId, commandId, command: { type, ...body }, by };
  }

  /** Registers the merchant: 10 and 2.5 % of each payment are the fee, and it is settled each midnight in Cairo. */
  withMerchant(body: object = {}): this {
    const facts = {
      name: "Koshary",
      ownerId: MERCHANT_SENDER.ownerId,
      walletId: this.shop,
      payoutWalletId: this.bank,
      currency: "EGP",
      fee: { walletId: this.fees, fixedMinor: 10, basisPoints: 250 },
      settlement: { every: "day", hour: 0, timeZone: "Africa/Cairo" },
      minimumPayoutMinor: 1,
    };
    const registered = this.pay(this.merchant("RegisterMerchant", { ...facts, ...body }));
    if (registered?.code !== "ok") throw new Error("there is no merchant");
    return this;
  }

  /** A payment to the merchant, which a gateway has looked up. */
  override initiating(body: object = {}, by = MERCHANT_SENDER, id = this.paymentId): ObjectCommand {
    const { merchantId, payer: payerWalletId } = this;
    const facts = { payerWalletId, merchantId, amountMinor: 600, currency: "EGP" };
    const command = this.command("InitiatePayment", { ...facts, ...body }, by, id);
    const dependency = actorOf("Payment")?.dependsOn?.(command.command);
    if (dependency === undefined) return command;
    const found = this.look({ ...dependency, by });
    return { ...command, found: found === null ? { code: "merchant_not_found" } : { code: "ok", facts: found } };
  }

  splits(amountMinor: number): object {
    return {
      splits: [
        { walletId: this.courier, amountMinor },
        { walletId: this.tax, basisPoints: 1_400 },
      ],
    };
  }

  state(): MerchantState {
    return this.engine.state(1).actors.get("Merchant", this.merchantId)?.state as MerchantState;
  }

  paymentState(id = this.paymentId): PaymentState | undefined {
    return this.engine.state(1).actors.get("Payment", id)?.state as PaymentState | undefined;
  }

  /** What the wallets have: payer, merchant, courier, tax, fees, bank. */
  moneys(): readonly number[] {
    const wallets = [this.payer, this.shop, this.courier, this.tax, this.fees, this.bank];
    return wallets.map((id) => this.money(id)[0]);
  }
}
