import type { PayoutState } from "../../engine/payout/payout.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Destination, OrderStatus, PayoutProvider } from "./provider.ts";
import { ProviderFailure } from "./provider-failure.ts";
import { type Outcome, type ProviderLedger, stateIn } from "./provider-ledger.ts";
import type { RegisteredProvider } from "./provider-register.ts";

/** A payout as the ledger shows it. */
export type FoundPayout = PayoutState & { readonly id: string };

/** What a person asks for. */
export interface PayoutAsked {
  readonly id: string;
  readonly commandId: string;
  readonly ownerId: string;
  readonly walletId: string;
  readonly method: string;
  readonly amountMinor: number;
  readonly currency: PayoutState["currency"];
  readonly destination: Destination;
}

const OPEN: ReadonlySet<PayoutState["status"]> = new Set(["RESERVED", "PENDING"]);

/** Has providers pay money out, and tells the ledger what they say about it. */
export class PayoutDesk {
  readonly #ledger: ProviderLedger;

  constructor(ledger: ProviderLedger) {
    this.#ledger = ledger;
  }

  /**
   * Reserves the money, and then has the provider pay it.
   *
   * Where the provider does not answer, the money stays reserved: the reconciliation asks what became of it. It is never sent twice.
   */
  async open(registered: RegisteredProvider, payouts: PayoutProvider, asked: PayoutAsked): Promise<Outcome> {
    const { id, commandId, destination, ...facts } = asked;
    const { method, amountMinor, currency } = facts;
    const { name: provider, walletId: providerWalletId } = registered;
    const command = { type: "InitiatePayout", ...facts, provider, providerWalletId };
    const begun = await this.#ledger.command("Payout", id, commandId, command);
    const state = stateIn(begun) as FoundPayout | undefined;
    if (state === undefined || (typeof begun !== "string" && begun.replayed)) return begun;
    try {
      const said = await payouts.initiate({ id, method, amountMinor, currency, destination });
      return (await this.settle(registered, state, said)) ?? begun;
    } catch (error) {
      if (!(error instanceof ProviderFailure)) throw error;
      return error.kind === "unanswered" ? begun : this.#fail(id, `${error.kind}: ${error.message}`);
    }
  }

  /** Makes of a payout what the provider says about its order; undefined where nothing follows from it. */
  async settle(registered: RegisteredProvider, state: FoundPayout, said: OrderStatus): Promise<Outcome | undefined> {
    const { id, status, reference } = state;
    switch (said.state) {
      case "unknown": {
        const isQuiet = Date.now() - state.changedAtMs > registered.quietMs;
        return status === "RESERVED" && isQuiet ? this.#fail(id, "interrupted") : undefined;
      }
      case "pending":
        if (reference !== undefined || said.reference === undefined) return undefined;
        return this.#ledger.tell("Payout", id, { type: "SubmitPayout", reference: said.reference });
      case "paid": {
        if (reference === undefined && said.reference !== undefined) {
          await this.#ledger.tell("Payout", id, { type: "SubmitPayout", reference: said.reference });
        }
        const { transactionId, amountMinor, currency } = said;
        return this.#ledger.tell("Payout", id, { type: "ConfirmPayout", transactionId, amountMinor, currency });
      }
      case "failed":
        return OPEN.has(status) ? this.#fail(id, said.reason) : undefined;
      case "refunded":
        return OPEN.has(status) ? this.#fail(id, "returned to the provider") : undefined;
      default:
        return unreachable(said);
    }
  }

  #fail(id: string, reason: string): Promise<Outcome> {
    return this.#ledger.tell("Payout", id, { type: "FailPayout", reason });
  }
}
