import { CURRENCY, type Ledger } from "./ledger.ts";
import type { People } from "./people.ts";
import type { SandboxProcess } from "./sandbox-process.ts";
import type { Happening } from "./town.ts";

/** What the provider may come to owe. */
const OVERDRAFT_MINOR = 1_000_000_000_000;
const SERVED_AT_ONCE = 16;

export type Errand = Extract<Happening, { type: "top-up" | "payout" }>;

/** What became of an errand; `unpaid`: the person has the number, and has not paid yet. */
export type ErrandEnd = "topUps" | "unpaid" | "payouts" | "refused";

/** Where money comes into the town and leaves it: the sandbox provider, and the ledger's account of it. */
export class Tills {
  readonly #ledger: Ledger;
  readonly #people: People;
  readonly #sandbox: SandboxProcess;

  constructor(ledger: Ledger, people: People, sandbox: SandboxProcess) {
    this.#ledger = ledger;
    this.#people = people;
    this.#sandbox = sandbox;
  }

  /** Opens the account. **Errors**: throws where it is refused. */
  async open(): Promise<void> {
    const { walletId } = this.#sandbox;
    const ownerId = this.#ledger.ids.next();
    const account = { walletId, ownerId, walletType: "system", overdraftLimitMinor: OVERDRAFT_MINOR } as const;
    await this.#ledger.openWallets([account]);
  }

  /** Serves the first few; the others find too long a queue, and go home. */
  serve(errands: readonly Errand[]): Promise<readonly ErrandEnd[]> {
    return Promise.all(errands.slice(0, SERVED_AT_ONCE).map((errand) => this.#serve(errand)));
  }

  async #serve(errand: Errand): Promise<ErrandEnd> {
    const { walletId, facts } = this.#people.all[errand.person];
    const id = this.#ledger.ids.next();
    const order = { id, walletId, amountMinor: errand.amountMinor, currency: CURRENCY };
    const who = { name: facts.name, mobile: facts.phone, email: facts.email };
    if (errand.type === "payout") {
      const to = { provider: "paymob", method: "vodafone", destination: who };
      const { ok } = await this.#ledger.rest("/payouts", { ...order, ...to });
      return ok ? "payouts" : "refused";
    }
    const { provider, isPaid } = errand;
    const method = provider === "fawry" ? "PAYATFAWRY" : "card";
    const { ok } = await this.#ledger.rest("/topups", { ...order, provider, method, customer: who });
    if (!ok) return "refused";
    return isPaid && (await this.#sandbox.pay(id)) ? "topUps" : "unpaid";
  }
}
