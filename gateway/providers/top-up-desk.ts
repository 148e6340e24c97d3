import type { TopUpState } from "../../engine/topup/topup.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Customer, OrderStatus } from "./provider.ts";
import { ProviderFailure } from "./provider-failure.ts";
import { codeOf, type Outcome, type ProviderLedger, stateIn } from "./provider-ledger.ts";
import type { RegisteredProvider } from "./provider-register.ts";

/** A top-up as the ledger shows it. */
export type FoundTopUp = TopUpState & { readonly id: string };

/** What a person asks for. */
export interface TopUpAsked {
  readonly id: string;
  readonly commandId: string;
  readonly ownerId: string;
  readonly walletId: string;
  readonly method: string;
  readonly amountMinor: number;
  readonly currency: TopUpState["currency"];
  readonly expiresAt?: string | undefined;
  readonly customer: Customer;
}

const OPEN: ReadonlySet<TopUpState["status"]> = new Set(["INITIATED", "PENDING"]);

/** Has providers collect money, and tells the ledger what they say about it. */
export class TopUpDesk {
  readonly #ledger: ProviderLedger;

  constructor(ledger: ProviderLedger) {
    this.#ledger = ledger;
  }

  /**
   * Writes a top-up down, and then has the provider take the order.
   *
   * Where the provider does not answer, the top-up is left as it is: the reconciliation asks what became of it. It is not sent again,
   * since what the provider wants to know of the person is kept nowhere.
   */
  async open({ name, walletId: providerWalletId, provider }: RegisteredProvider, asked: TopUpAsked): Promise<Outcome> {
    const { id, commandId, customer, ...facts } = asked;
    const { method, amountMinor, currency } = facts;
    const command = { type: "InitiateTopUp", ...facts, provider: name, providerWalletId };
    const begun = await this.#ledger.command("TopUp", id, commandId, command);
    const state = stateIn(begun) as FoundTopUp | undefined;
    if (state === undefined || (typeof begun !== "string" && begun.replayed)) return begun;
    const { expiresAtMs } = state;
    try {
      const accepted = await provider.initiate({ id, method, amountMinor, currency, expiresAtMs, customer });
      return await this.#ledger.tell("TopUp", id, { type: "SubmitTopUp", ...accepted });
    } catch (error) {
      if (!(error instanceof ProviderFailure)) throw error;
      if (error.kind === "unanswered") return begun;
      return this.#ledger.tell("TopUp", id, { type: "FailTopUp", reason: `${error.kind}: ${error.message}` });
    }
  }

  /** Takes a top-up back: out of the wallet first, then at the provider. */
  async refund(registered: RegisteredProvider, id: string, commandId: string, reason: string): Promise<Outcome> {
    const begun = await this.#ledger.command("TopUp", id, commandId, { type: "RefundTopUp", reason });
    const state = stateIn(begun) as FoundTopUp | undefined;
    if (state === undefined || (typeof begun !== "string" && begun.replayed)) return begun;
    try {
      return await this.#refundAtProvider(registered, state);
    } catch (error) {
      if (!(error instanceof ProviderFailure)) throw error;
      return error.kind === "unanswered" ? begun : this.#failRefund(state, error);
    }
  }

  /** Makes of a top-up what the provider says about its order; undefined where nothing follows from it. */
  async settle(registered: RegisteredProvider, state: FoundTopUp, said: OrderStatus): Promise<Outcome | undefined> {
    const { id, status } = state;
    const isOpen = OPEN.has(status);
    const isQuiet = Date.now() - state.changedAtMs > registered.quietMs;
    switch (said.state) {
      case "unknown":
        // Nobody could pay what nobody was told how to pay.
        if (status !== "INITIATED" || !isQuiet) return undefined;
        return this.#ledger.tell("TopUp", id, { type: "FailTopUp", reason: "interrupted" });
      case "pending":
        return this.#submit(state, said.reference, said.payment);
      case "failed":
        if (!isOpen) return undefined;
        return this.#ledger.tell("TopUp", id, { type: "FailTopUp", reason: said.reason });
      case "paid": {
        if (status === "REFUNDING") return isQuiet ? this.#refundAgain(registered, state) : undefined;
        await this.#submit(state, said.reference);
        return this.#confirm(id, said);
      }
      case "refunded":
        if (status === "REFUNDING") return this.#confirmRefund(id, said.refundId);
        if (!isOpen) return undefined;
        return this.#ledger.tell("TopUp", id, { type: "FailTopUp", reason: "refunded by the provider" });
      default:
        return unreachable(said);
    }
  }

  async #submit(
    { id, reference: known }: FoundTopUp,
    reference: string | undefined,
    payment: object = {},
  ): Promise<Outcome | undefined> {
    if (known !== undefined || reference === undefined) return undefined;
    return this.#ledger.tell("TopUp", id, { type: "SubmitTopUp", reference, payment });
  }

  #confirm(id: string, said: Extract<OrderStatus, { state: "paid" }>): Promise<Outcome> {
    const { transactionId, amountMinor, currency } = said;
    return this.#ledger.tell("TopUp", id, { type: "ConfirmTopUp", transactionId, amountMinor, currency });
  }

  #confirmRefund(id: string, refundId: string): Promise<Outcome> {
    return this.#ledger.tell("TopUp", id, { type: "ConfirmTopUpRefund", refundId });
  }

  async #refundAtProvider({ provider }: RegisteredProvider, state: FoundTopUp): Promise<Outcome> {
    const { id, transactionId = "", paidMinor = state.amountMinor, reason = "" } = state;
    const reference = state.reference === undefined ? {} : { reference: state.reference };
    const refundId = await provider.refund({ id, ...reference, transactionId, amountMinor: paidMinor, reason });
    return this.#confirmRefund(id, refundId);
  }

  /** The provider does not show the refund after a long time, so it has not heard of it, or has refused it. */
  async #refundAgain(registered: RegisteredProvider, state: FoundTopUp): Promise<Outcome | undefined> {
    try {
      return await this.#refundAtProvider(registered, state);
    } catch (error) {
      if (!(error instanceof ProviderFailure) || error.kind !== "refused") throw error;
      // It may refuse because it has just done it.
      const said = await registered.provider.status(state);
      return said.state === "refunded" ? this.#confirmRefund(state.id, said.refundId) : this.#failRefund(state, error);
    }
  }

  #failRefund({ id, changedAtMs }: FoundTopUp, { kind, message }: ProviderFailure): Promise<Outcome> {
    return this.#ledger.tell("TopUp", id, { type: "FailTopUpRefund", reason: `${kind}: ${message}` }, changedAtMs);
  }
}

/** Whether what was told has moved a top-up or payout on. */
export function hasMoved(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && codeOf(outcome) === "ok";
}
