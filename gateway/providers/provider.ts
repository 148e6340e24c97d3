import type { Refusal } from "../../protocol/codes.ts";
import type { Currency } from "../../protocol/currencies.ts";

/** Who pays or is paid, as providers want to know it. It is handed on and written nowhere. */
export interface Customer {
  readonly name?: string | undefined;
  readonly mobile?: string | undefined;
  readonly email?: string | undefined;
}

/** Money that a person is to pay. `id` is the top-up's, and the order's at the provider. */
export interface TopUpOrder {
  readonly id: string;
  readonly method: string;
  readonly amountMinor: number;
  readonly currency: Currency;
  readonly expiresAtMs: number;
  readonly customer: Customer;
}

/** Where the money of a payout goes. */
export interface Destination extends Customer {
  readonly account?: string | undefined;
  readonly bankCode?: string | undefined;
  readonly nationalId?: string | undefined;
}

/** Money that a provider is to pay. `id` is the payout's, and the order's at the provider. */
export interface PayoutOrder {
  readonly id: string;
  readonly method: string;
  readonly amountMinor: number;
  readonly currency: Currency;
  readonly destination: Destination;
}

/** The provider has an order: its own reference, and how the person pays. */
export interface Accepted {
  readonly reference: string;
  readonly payment: { readonly code?: string; readonly url?: string };
}

/** Money that the provider says has moved. */
interface Moved {
  readonly transactionId: string;
  readonly amountMinor: number;
  readonly currency: Currency;
}

/**
 * What a provider knows of an order.
 *
 * `unknown`: it has none with this id, or none that anybody has tried to pay. `refunded`: it was paid, and paid back.
 */
export type OrderStatus =
  | { readonly state: "unknown" }
  | { readonly state: "pending"; readonly reference?: string; readonly payment?: Accepted["payment"] }
  | ({ readonly state: "paid"; readonly reference?: string } & Moved)
  | ({ readonly state: "refunded"; readonly reference?: string; readonly refundId: string } & Moved)
  | { readonly state: "failed"; readonly reference?: string; readonly reason: string };

/** What identifies an order, in the ledger and at the provider. */
export interface OrderKey {
  readonly id: string;
  readonly reference?: string;
}

export interface RefundOrder extends OrderKey {
  readonly transactionId: string;
  readonly amountMinor: number;
  readonly reason: string;
}

/** A callback as it came: nothing of it is trusted. */
export interface Callback {
  readonly body: Uint8Array;
  readonly query: (name: string) => string | null;
}

/** What a signed callback says about an order. */
export interface Report {
  readonly orderId: string;
  readonly status: OrderStatus;
}

export interface PayoutProvider {
  readonly methods: ReadonlySet<string>;
  /** **Errors**: throws `ProviderFailure`. */
  initiate(order: PayoutOrder): Promise<OrderStatus>;
  status(order: OrderKey): Promise<OrderStatus>;
}

/**
 * Somebody outside who collects and pays money. Every method but `verifyWebhook` asks over the network.
 *
 * **Errors**: throws `ProviderFailure`, which says whether anything may have happened.
 */
export interface Provider {
  readonly methods: ReadonlySet<string>;
  readonly currencies: ReadonlySet<string>;
  initiate(order: TopUpOrder): Promise<Accepted>;
  status(order: OrderKey): Promise<OrderStatus>;
  /** Pays the whole of a transaction back; returns the provider's id of that. */
  refund(order: RefundOrder): Promise<string>;
  /** **Errors**: `callback_signature_invalid`, `callback_malformed`. */
  verifyWebhook(callback: Callback): Report | Refusal;
  /** Absent where it pays nobody. */
  readonly payouts?: PayoutProvider;
}
