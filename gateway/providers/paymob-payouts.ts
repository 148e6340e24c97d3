import { decimalText, minorOf } from "./decimal-amount.ts";
import type { OrderKey, OrderStatus, PayoutOrder, PayoutProvider } from "./provider.ts";
import type { ProviderCalls } from "./provider-calls.ts";
import { ProviderFailure } from "./provider-failure.ts";
import { type Json, objectOf, textOf } from "./provider-json.ts";

/** What Paymob Payouts gives a merchant. */
export interface PaymobPayoutKeys {
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly username: string;
  readonly password: string;
}

/** A token lasts an hour. */
const TOKEN_MS = 45 * 60_000;

/**
 * Paymob Payouts: pays into a mobile wallet or a bank account at once, or says that it is pending.
 *
 * The payout's id is its `client_reference`, which has to be unique there. How its callbacks are signed is nowhere public, so none is
 * taken: a pending payout is asked for.
 *
 * Unverified for want of an account: the path of the token, and the inquiry by reference with its body (`client_references`), which one
 * published collection has and the public page has not.
 *
 * **Source**: payouts.paymobsolutions.com/docs/instant_cashin_api; developers.paymob.com/egypt/payouts.
 */
export class PaymobPayouts implements PayoutProvider {
  readonly methods: ReadonlySet<string> = new Set([
    "vodafone",
    "etisalat",
    "orange",
    "bank_wallet",
    "bank_card",
    "instant_bank",
  ]);
  readonly #keys: PaymobPayoutKeys;
  readonly #calls: ProviderCalls;
  #token = { text: "", untilMs: 0 };

  constructor(keys: PaymobPayoutKeys, calls: ProviderCalls) {
    this.#keys = keys;
    this.#calls = calls;
  }

  async initiate({ id, method, amountMinor, destination }: PayoutOrder): Promise<OrderStatus> {
    const { name, mobile, account, bankCode, nationalId } = destination;
    const body = {
      issuer: method,
      amount: Number(decimalText(amountMinor)),
      msisdn: mobile,
      full_name: name,
      bank_card_number: account,
      bank_code: bankCode,
      bank_transaction_type: account === undefined ? undefined : "cash_transfer",
      national_id: nationalId,
      client_reference: id,
    };
    const url = `${this.#keys.baseUrl}/disburse/`;
    const request = { method: "POST", url, headers: await this.#headers(), body } as const;
    return this.#calls.send("payout", request, ({ status, json }) => {
      if (status !== 200 && status !== 201) throw new ProviderFailure("refused", `HTTP ${status}`);
      return statusOf(json);
    });
  }

  async status({ id }: OrderKey): Promise<OrderStatus> {
    const url = `${this.#keys.baseUrl}/bulk_transaction/inquire_by_reference/`;
    const body = { client_references: [id] };
    const request = { method: "POST", url, headers: await this.#headers(), body } as const;
    return this.#calls.send("payout_status", request, ({ status, json }) => {
      if (status !== 200) throw new ProviderFailure("refused", `HTTP ${status}`);
      const found = (Array.isArray(json.results) ? json.results : []).map(objectOf);
      const own = found.find((one) => one?.client_reference === id);
      return own === undefined ? { state: "unknown" } : statusOf(own);
    });
  }

  /** **Errors**: `unsent`, whatever became of the token: the order itself was not sent. */
  async #headers(): Promise<Readonly<Record<string, string>>> {
    if (Date.now() >= this.#token.untilMs) {
      try {
        this.#token = { text: await this.#newToken(), untilMs: Date.now() + TOKEN_MS };
      } catch (error) {
        throw new ProviderFailure("unsent", (error as Error).message);
      }
    }
    return { authorization: `Bearer ${this.#token.text}` };
  }

  #newToken(): Promise<string> {
    const { baseUrl, clientId, clientSecret, username, password } = this.#keys;
    const facts = { grant_type: "password", client_id: clientId, client_secret: clientSecret, username, password };
    const request = { method: "POST", url: `${baseUrl}/o/token/`, body: new URLSearchParams(facts) } as const;
    return this.#calls.send("token", request, ({ status, json }) => {
      const text = textOf(json.access_token);
      if (status >= 300 || text === undefined) throw new ProviderFailure("refused", `no token, HTTP ${status}`);
      return text;
    });
  }
}

/** **Errors**: throws where the answer says nothing of how it ended, which is no refusal. */
function statusOf(json: Json): OrderStatus {
  const reference = textOf(json.transaction_id);
  const state = String(json.disbursement_status).toLowerCase();
  const amountMinor = minorOf(json.amount);
  if (state === "failed") {
    const known = reference === undefined ? {} : { reference };
    return { state: "failed", ...known, reason: `failed, ${textOf(json.status_code) ?? "no code"}` };
  }
  if (reference === undefined || !(state === "pending" || state === "success" || state === "successful")) {
    throw new ProviderFailure("unanswered", "the disbursement has no id or status");
  }
  if (state === "pending") return { state, reference };
  if (amountMinor === undefined) throw new ProviderFailure("unanswered", "the disbursement has no amount");
  return { state: "paid", reference, transactionId: reference, amountMinor, currency: "EGP" };
}
