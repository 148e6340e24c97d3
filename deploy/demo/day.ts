import type { ActorCommand, ActorResult, CommandResult } from "../../client/index.ts";
import { onCard } from "./cards.ts";
import type { FoundedTown } from "./founding.ts";
import { CURRENCY, type Ledger } from "./ledger.ts";
import type { Errand, ErrandEnd } from "./tills.ts";
import type { Happening } from "./town.ts";

const COURIER_BASIS_POINTS = 1_000;

/** What has come of everything that was sent. */
interface Counts extends Record<ErrandEnd, number> {
  transfers: number;
  payments: number;
  /** Of the payments those with a part for a courier. */
  splits: number;
  claims: number;
  /** Batches of merchants that were closed. */
  batches: number;
}

type Payment = Extract<Happening, { type: "payment" }> & { readonly id: string };

/** What happens in a town, in commands. */
export class Day {
  readonly counts: Counts = {
    transfers: 0,
    payments: 0,
    splits: 0,
    claims: 0,
    topUps: 0,
    unpaid: 0,
    payouts: 0,
    batches: 0,
    refused: 0,
  };
  readonly #ledger: Ledger;
  readonly #town: FoundedTown;

  constructor(ledger: Ledger, town: FoundedTown) {
    this.#ledger = ledger;
    this.#town = town;
  }

  /** Has things happen, all at once, and resolves when each has come to its end. */
  async happen(things: readonly Happening[]): Promise<void> {
    await Promise.all([
      this.#transfer(things.filter((thing) => thing.type === "transfer")),
      this.#pay(things.filter((thing) => thing.type === "payment")),
      this.#claim(things.filter((thing) => thing.type === "claim")),
      this.#visit(things.filter((thing) => thing.type === "top-up" || thing.type === "payout")),
    ]);
  }

  /** Pays the merchants out. */
  async settle(): Promise<void> {
    const closed = await this.#town.shops.settle();
    this.counts.batches += closed;
    this.counts.refused += this.#town.shops.all.length - closed;
  }

  async #transfer(transfers: readonly Extract<Happening, { type: "transfer" }>[]): Promise<void> {
    const results = await this.#ledger.batch(
      transfers.map(({ from, to, amountMinor }) => {
        const sides = {
          fromWalletId: this.#town.people.all[from].walletId,
          toWalletId: this.#town.people.all[to].walletId,
        };
        return { type: "Transfer" as const, ...sides, amountMinor };
      }),
    );
    this.counts.transfers += this.#count(results);
  }

  async #pay(payments: readonly Extract<Happening, { type: "payment" }>[]): Promise<void> {
    const open = payments.map((payment): Payment => ({ ...payment, id: this.#ledger.ids.next() }));
    const initiated = await this.#each(open, ({ payer, shop, amountMinor, isDelivered }) => {
      const sides = {
        payerWalletId: this.#town.people.all[payer].walletId,
        merchantId: this.#town.shops.all[shop].merchantId,
      };
      const splits = [{ walletId: this.#town.shops.courierWalletId, basisPoints: COURIER_BASIS_POINTS }];
      const facts = { ...sides, amountMinor, currency: CURRENCY, ...(isDelivered ? { splits } : {}) };
      return { type: "InitiatePayment", ...facts };
    });
    const authorized = await this.#each(initiated, () => ({ type: "AuthorizePayment" }));
    const ended = await this.#each(authorized, ({ end, amountMinor }) => {
      if (end === "voided") return { type: "VoidPayment" };
      const isPart = end === "captured in part";
      return isPart
        ? { type: "CapturePayment", amountMinor: Math.ceil(amountMinor / 2), final: true }
        : { type: "CapturePayment" };
    });
    await this.#each(
      ended.filter(({ end }) => end === "refunded"),
      () => ({ type: "RefundPayment" }),
    );
    this.counts.payments += ended.length;
    this.counts.splits += ended.filter(({ isDelivered }) => isDelivered).length;
  }

  async #claim(claims: readonly Extract<Happening, { type: "claim" }>[]): Promise<void> {
    const results = await this.#ledger.actors(
      claims.map(({ person, shop, totalMinor }) => {
        const items = [{ code: "prescription", quantity: 1, unitPriceMinor: totalMinor }];
        const facts = {
          pharmacyWalletId: this.#town.shops.all[shop].ownWalletId,
          beneficiaryId: this.#town.people.all[person].id,
          category: "MEDICATION",
        };
        const claim = { type: "ClaimPrescription", claimId: this.#ledger.ids.next(), ...facts, totalMinor, items };
        return onCard(this.#town.cards.all[person], claim);
      }),
    );
    this.counts.claims += this.#count(results);
  }

  async #visit(errands: readonly Errand[]): Promise<void> {
    const ends = (await this.#town.tills?.serve(errands)) ?? [];
    for (const end of ends) this.counts[end] += 1;
  }

  /** Sends a command to each payment; returns those that took it. */
  async #each(
    payments: readonly Payment[],
    command: (payment: Payment) => ActorCommand["command"],
  ): Promise<readonly Payment[]> {
    const results = await this.#ledger.actors(
      payments.map((payment) => ({ actor: "Payment", actorId: payment.id, command: command(payment) })),
    );
    this.#count(results);
    return payments.filter((_, index) => results[index]?.ok === true);
  }

  #count(results: readonly (CommandResult | ActorResult)[]): number {
    const done = results.filter(({ ok }) => ok).length;
    this.counts.refused += results.length - done;
    return done;
  }
}
