import type { ActorCommand, ActorResult, Command, CommandResult, Mizan } from "../../client/index.ts";
import { UuidV7 } from "../../protocol/ids.ts";
import type { Happening, Town } from "./town.ts";

const OPENING_MINOR = 10_000_000;
const INSURER_MINOR = 1_000_000_000;
const YEAR_MS = 366 * 86_400_000;
const COMMANDS_AT_ONCE = 1_000;
const CURRENCY = "EGP";

/** What has come of everything that was sent. */
export interface Counts {
  transfers: number;
  payments: number;
  claims: number;
  refused: number;
}

type Payment = Extract<Happening, { type: "payment" }> & { readonly id: string };

/** The wallets and cards of a town, and what happens there, in commands. For an admin. */
export class Day {
  readonly counts: Counts = { transfers: 0, payments: 0, claims: 0, refused: 0 };
  /** An example of each, for REST. */
  readonly examples: { readonly walletId: string; readonly cardId: string; paymentId: string };
  readonly #mizan: Mizan;
  readonly #ids = new UuidV7();
  readonly #people: readonly string[];
  readonly #shops: readonly string[];
  readonly #cards: readonly string[];
  readonly #insurer: string;
  readonly #clearing: readonly string[];

  constructor(mizan: Mizan, { people, shops }: Town) {
    const some = (count: number): readonly string[] => Array.from({ length: count }, () => this.#ids.next());
    this.#mizan = mizan;
    this.#people = some(people);
    this.#shops = some(shops);
    this.#cards = some(people);
    this.#clearing = some(people);
    this.#insurer = this.#ids.next();
    this.examples = { walletId: this.#people[0], cardId: this.#cards[0], paymentId: "" };
  }

  /** Opens the wallets and issues the cards. **Errors**: throws where one is refused. */
  async begin(): Promise<void> {
    const ownerId = this.#ids.next();
    await this.#open(this.#people, "customer", OPENING_MINOR);
    await this.#open(this.#shops, "merchant", OPENING_MINOR);
    await this.#open([this.#insurer], "system", INSURER_MINOR);
    await this.#open(this.#clearing, "system", 0, ownerId);
    const expiresAt = new Date(Date.now() + YEAR_MS).toISOString();
    const tiers = ["BRONZE", "SILVER", "GOLD"] as const;
    const commands = this.#cards.flatMap((id, person) => {
      const facts = {
        holderId: id,
        tier: tiers[person % tiers.length],
        currency: CURRENCY,
        fundingWalletId: this.#insurer,
        holderWalletId: this.#people[person],
        clearingWalletId: this.#clearing[person],
        expiresAt,
      };
      return [card(id, { type: "IssueCard", ...facts }), card(id, { type: "ActivateCard" })];
    });
    for (let first = 0; first < commands.length; first += COMMANDS_AT_ONCE) {
      const results = await this.#mizan.actors(commands.slice(first, first + COMMANDS_AT_ONCE));
      const refused = results.find((result) => !result.ok);
      if (refused?.ok === false) throw new Error(`a card was refused: ${refused.message}`);
    }
  }

  /** Has things happen, all at once, and resolves when each has come to its end. */
  async happen(things: readonly Happening[]): Promise<void> {
    await Promise.all([
      this.#transfer(things.filter((thing) => thing.type === "transfer")),
      this.#pay(things.filter((thing) => thing.type === "payment")),
      this.#claim(things.filter((thing) => thing.type === "claim")),
    ]);
  }

  async #transfer(transfers: readonly Extract<Happening, { type: "transfer" }>[]): Promise<void> {
    const results = await this.#mizan.batch(
      transfers.map(({ from, to, amountMinor }) => {
        const sides = { fromWalletId: this.#people[from], toWalletId: this.#people[to] };
        return { type: "Transfer" as const, ...sides, amountMinor };
      }),
    );
    this.counts.transfers += this.#count(results);
  }

  async #pay(payments: readonly Extract<Happening, { type: "payment" }>[]): Promise<void> {
    const open = payments.map((payment): Payment => ({ ...payment, id: this.#ids.next() }));
    const initiated = await this.#each(open, ({ payer, shop, amountMinor }) => {
      const wallets = { payerWalletId: this.#people[payer], merchantWalletId: this.#shops[shop] };
      return { type: "InitiatePayment", ...wallets, amountMinor, currency: CURRENCY };
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
    this.examples.paymentId = ended[0]?.id ?? this.examples.paymentId;
  }

  async #claim(claims: readonly Extract<Happening, { type: "claim" }>[]): Promise<void> {
    const results = await this.#actors(
      claims.map(({ person, shop, totalMinor }) => {
        const items = [{ code: "prescription", quantity: 1, unitPriceMinor: totalMinor }];
        const facts = {
          pharmacyWalletId: this.#shops[shop],
          beneficiaryId: this.#cards[person],
          category: "MEDICATION",
        };
        const claim = { type: "ClaimPrescription", claimId: this.#ids.next(), ...facts, totalMinor, items };
        return card(this.#cards[person], claim);
      }),
    );
    this.counts.claims += this.#count(results);
  }

  /** Sends a command to each payment; returns those that took it. */
  async #each(
    payments: readonly Payment[],
    command: (payment: Payment) => ActorCommand["command"],
  ): Promise<readonly Payment[]> {
    const results = await this.#actors(
      payments.map((payment) => ({ actor: "Payment", actorId: payment.id, command: command(payment) })),
    );
    this.#count(results);
    return payments.filter((_, index) => results[index]?.ok === true);
  }

  async #actors(commands: readonly ActorCommand[]): Promise<readonly ActorResult[]> {
    const parts: (readonly ActorResult[])[] = [];
    for (let first = 0; first < commands.length; first += COMMANDS_AT_ONCE) {
      parts.push(await this.#mizan.actors(commands.slice(first, first + COMMANDS_AT_ONCE)));
    }
    return parts.flat();
  }

  async #open(
    wallets: readonly string[],
    walletType: "customer" | "merchant" | "system",
    amountMinor: number,
    ownerId?: string,
  ): Promise<void> {
    for (let first = 0; first < wallets.length; first += COMMANDS_AT_ONCE) {
      const commands = wallets
        .slice(first, first + COMMANDS_AT_ONCE)
        .flatMap((walletId): Command[] => [
          { type: "CreateWallet", walletId, ownerId: ownerId ?? this.#ids.next(), currency: CURRENCY, walletType },
          { type: "ActivateWallet", walletId },
          ...(amountMinor === 0 ? [] : [{ type: "Credit" as const, walletId, amountMinor }]),
        ]);
      const refused = (await this.#mizan.batch(commands)).find((result) => !result.ok);
      if (refused?.ok === false) throw new Error(`a wallet was refused: ${refused.message}`);
    }
  }

  #count(results: readonly (CommandResult | ActorResult)[]): number {
    const done = results.filter(({ ok }) => ok).length;
    this.counts.refused += results.length - done;
    return done;
  }
}

function card(actorId: string, command: ActorCommand["command"]): ActorCommand {
  return { actor: "MedCard", actorId, command };
}
