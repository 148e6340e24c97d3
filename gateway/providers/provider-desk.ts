import type { Logger } from "pino";
import type { Code } from "../../protocol/codes.ts";
import { isUuid } from "../../protocol/ids.ts";
import { derivedId } from "../json-command.ts";
import { LimitedLines } from "../limited-lines.ts";
import { type FoundPayout, PayoutDesk } from "./payout-desk.ts";
import type { Callback, OrderStatus, Report } from "./provider.ts";
import { ProviderFailure } from "./provider-failure.ts";
import { codeOf, isDurable, type Outcome, type ProviderLedger } from "./provider-ledger.ts";
import type { RegisteredProvider } from "./provider-register.ts";
import { type FoundTopUp, hasMoved, TopUpDesk } from "./top-up-desk.ts";

/** Money of unknown orders that is kept a provider, and not closed. */
const STRAYS_MAX = 1_000;

/** Orders that are asked for at once. */
const ASKED_AT_ONCE = 4;

/** What a run of the reconciliation did. */
interface Reconciled {
  readonly asked: number;
  readonly changed: number;
  readonly unanswered: number;
}

/** What the gateway does with providers: orders, their callbacks, and asking for what is open. */
export class ProviderDesk {
  readonly providers: ReadonlyMap<string, RegisteredProvider>;
  readonly topUps: TopUpDesk;
  readonly payouts: PayoutDesk;
  readonly ledger: ProviderLedger;
  readonly #failures: LimitedLines;
  /** Runs of the reconciliation: one a provider at a time, so that two do not ask for the same. */
  readonly #running = new Map<string, Promise<Reconciled>>();

  constructor(providers: ReadonlyMap<string, RegisteredProvider>, ledger: ProviderLedger, log: Logger) {
    this.providers = providers;
    this.ledger = ledger;
    this.topUps = new TopUpDesk(ledger);
    this.payouts = new PayoutDesk(ledger);
    this.#failures = new LimitedLines((fields) => log.warn(fields, "a provider did not answer"));
  }

  /**
   * Takes a callback; `ok` once what it says is durable.
   *
   * **Errors**: `provider_not_found`, `callback_signature_invalid`, `callback_malformed`, `callbacks_full`; and passing ones, after
   * which the provider is to send it again.
   */
  async callback(name: string, callback: Callback): Promise<Code> {
    const registered = this.providers.get(name);
    if (registered === undefined) return "provider_not_found";
    const { callbacks } = registered;
    const report = registered.provider.verifyWebhook(callback);
    if (typeof report === "string") {
      callbacks[report === "callback_signature_invalid" ? "forged" : "malformed"] += 1;
      return report;
    }
    const code = await this.#take(registered, report);
    if (code !== "ok") callbacks.deferred += 1;
    return code;
  }

  async #take(registered: RegisteredProvider, { orderId, status }: Report): Promise<Code> {
    const id = orderId.toLowerCase();
    const found = isUuid(id) ? await this.ledger.find("TopUp", id) : "topup_not_found";
    if (typeof found === "string" && found !== "topup_not_found") return found;
    if (typeof found === "string" || found.provider !== registered.name)
      return this.#stray(registered, orderId, status);
    const outcome = await this.topUps.settle(registered, found as unknown as FoundTopUp, status);
    if (outcome !== undefined && !isDurable(outcome)) return codeOf(outcome);
    registered.callbacks.taken += 1;
    return "ok";
  }

  /** Writes down money of an order that the ledger does not know. What has not moved money need not be kept. */
  async #stray({ name, callbacks }: RegisteredProvider, orderId: string, status: OrderStatus): Promise<Code> {
    if (status.state === "paid" || status.state === "refunded") {
      let open = 0;
      for await (const _ of this.ledger.all("Stray", { provider: name, status: "OPEN" })) {
        open += 1;
        if (open >= STRAYS_MAX) return "callbacks_full";
      }
      const { transactionId, amountMinor, currency } = status;
      const id = derivedId(`mizan-stray\0${name}\0${transactionId}`);
      const command = { type: "RecordStray", provider: name, orderId, transactionId, amountMinor, currency };
      const outcome = await this.ledger.tell("Stray", id, command);
      if (!isDurable(outcome)) return codeOf(outcome);
    }
    callbacks.stray += 1;
    return "ok";
  }

  /** Asks a provider about every order that is open, and takes what it says. Whoever asks while it runs gets the same run. */
  reconcile(registered: RegisteredProvider): Promise<Reconciled> {
    const running = this.#running.get(registered.name);
    if (running !== undefined) return running;
    const run = this.#reconcile(registered).finally(() => this.#running.delete(registered.name));
    this.#running.set(registered.name, run);
    return run;
  }

  async #reconcile(registered: RegisteredProvider): Promise<Reconciled> {
    const { name, provider } = registered;
    const done = { asked: 0, changed: 0, unanswered: 0 };
    const settle = async (ask: () => Promise<Outcome | undefined>): Promise<void> => {
      done.asked += 1;
      try {
        if (hasMoved(await ask())) done.changed += 1;
      } catch (error) {
        if (!(error instanceof ProviderFailure)) throw error;
        done.unanswered += 1;
        this.#failures.add({ provider: name, kind: error.kind, failure: error.message });
      }
    };
    for (const status of ["INITIATED", "PENDING", "REFUNDING"]) {
      await eachOf(this.ledger.all("TopUp", { provider: name, status }), (facts) =>
        settle(async () => {
          const state = facts as unknown as FoundTopUp;
          return this.topUps.settle(registered, state, await provider.status(state));
        }),
      );
    }
    const { payouts } = provider;
    if (payouts === undefined) return done;
    for (const status of ["RESERVED", "PENDING"]) {
      await eachOf(this.ledger.all("Payout", { provider: name, status }), (facts) =>
        settle(async () => {
          const state = facts as unknown as FoundPayout;
          return this.payouts.settle(registered, state, await payouts.status(state));
        }),
      );
    }
    return done;
  }
}

/** Takes all of a list, a few at once. */
export async function eachOf<T>(list: AsyncIterable<T>, take: (one: T) => Promise<void>): Promise<void> {
  const running = new Set<Promise<void>>();
  for await (const one of list) {
    const turn = take(one).finally(() => running.delete(turn));
    running.add(turn);
    if (running.size >= ASKED_AT_ONCE) await Promise.race(running);
  }
  await Promise.all(running);
}
