import type { MedCardState } from "../engine/medcard/medcard.ts";
import type { ObjectCommand } from "../engine/views.ts";
import type { HarnessJournal, HarnessOptions } from "./engine-harness.ts";
import { untimedId } from "./ledger-command.ts";
import { ADMIN_SENDER, PAYING_SENDER, PaymentSession } from "./payment-session.ts";

export const ISSUING_SENDER = { isAdmin: false, ownerId: untimedId(0xb1) };

/**
 * A medical card on the second of two shards: funded with 5,000 from there, the holder's wallet with 1,000 and the clearing
 * wallet on the first, the pharmacy's on the second.
 */
export class MedCardSession extends PaymentSession {
  readonly cardId: string;
  readonly funding: string;
  readonly clearing: string;
  #commands = 0;

  constructor(options: Partial<HarnessOptions> = {}, journals?: readonly HarnessJournal[]) {
    // What waits for a minute is asked again under its old id, which is still remembered then.
    super({ idempotencyWindowMs: 86_400_000, ...options }, journals);
    this.cardId = this.nextWalletId(1);
    this.funding = this.nextWalletId(1);
    this.clearing = this.nextWalletId(0);
  }

  override opened(): this {
    super.opened();
    this.openWallet(1, { walletId: this.funding, balanceMinor: 5_000n, ownerId: ISSUING_SENDER.ownerId });
    this.openWallet(0, { walletId: this.clearing, ownerId: untimedId(0xb2) });
    return this;
  }

  card(type: string, body: object = {}, by = ISSUING_SENDER, id = this.cardId): ObjectCommand {
    this.#commands += 1;
    const commandId = untimedId(0xd_0000 + this.#commands);
    return { aggregate: "MedCard", id, commandId, command: { type, ...body }, by };
  }

  /** Issues and activates the card: a fifth is the holder's, and 3,000 a month are covered. */
  withCard(body: object = {}, id = this.cardId): this {
    const facts = {
      ownerId: ISSUING_SENDER.ownerId,
      holderId: PAYING_SENDER.ownerId,
      tier: "SILVER",
      currency: "EGP",
      fundingWalletId: this.funding,
      holderWalletId: this.payer,
      clearingWalletId: this.clearing,
      monthlyLimitMinor: 3_000,
      expiresAt: new Date(this.nowMs + 400 * 86_400_000).toISOString(),
    };
    const issued = this.pay(this.card("IssueCard", { ...facts, ...body }, ADMIN_SENDER, id));
    const activated = this.pay(this.card("ActivateCard", {}, PAYING_SENDER, id));
    if (issued?.code !== "ok" || activated?.code !== "ok") throw new Error("there is no card");
    return this;
  }

  claiming(
    claimId: string,
    totalMinor: number,
    by = PAYING_SENDER,
    more: object = {},
    id = this.cardId,
  ): ObjectCommand {
    const items = [{ code: "a", quantity: 1, unitPriceMinor: totalMinor }];
    const facts = { pharmacyWalletId: this.shop, beneficiaryId: PAYING_SENDER.ownerId, category: "MEDICATION" };
    return this.card("ClaimPrescription", { claimId, ...facts, totalMinor, items, ...more }, by, id);
  }

  state(): MedCardState {
    return this.engine.state(1).actors.get("MedCard", this.cardId)?.state as MedCardState;
  }

  /** What has been used of the limit of the running month. */
  usedMinor(): number {
    return this.state().months.at(-1)?.usedMinor ?? 0;
  }

  /** What the card's four wallets have: funding, holder, clearing, pharmacy. */
  moneys(): readonly number[] {
    return [this.funding, this.payer, this.clearing, this.shop].map((id) => this.money(id)[0]);
  }
}
