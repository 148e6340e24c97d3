/** How a provider may misbehave about one order. What is left out goes well. */
export interface Script {
  /** What becomes of a request that changes something: see `Fault`. */
  readonly initiate?: Fault;
  readonly refund?: Fault;
  /** Of questions; only so many of them where `statusFaults` says so. */
  readonly status?: Fault;
  readonly statusFaults?: number;
  /** The person pays as soon as the order is taken; a payout is paid at once, else it is pending. */
  readonly pays?: boolean;
  /** What is paid, where it is another amount. */
  readonly paidMinor?: number;
  readonly callbacks?: CallbackFault;
}

/**
 * `slow`: the answer takes longer than anybody waits. `error_*`, `reset_*`: HTTP 503, or the connection is cut, before or after what was
 * asked is done. `refused`: it is not done, and the answer says so.
 */
export type Fault = "slow" | "error_before" | "error_after" | "reset_before" | "reset_after" | "refused" | "broken";

/**
 * `twice`: each is sent twice at once. `lost`: none is sent. `forged`: the signature is wrong. `before_answer`: sent before the answer to
 * the request that led to it. `out_of_order`: one that says that nothing is paid yet comes after it.
 */
type CallbackFault = "twice" | "lost" | "forged" | "before_answer" | "out_of_order";

/** PENDING → PAID → REFUNDED; FAILED or EXPIRED, which a person may pay nevertheless. */
type OrderState = "PENDING" | "PAID" | "REFUNDED" | "FAILED" | "EXPIRED";

/** One order or payout in the provider's own books. */
export interface Order {
  readonly kind: "top_up" | "payout";
  /** The merchant's id. */
  readonly id: string;
  readonly reference: string;
  readonly transactionId: string;
  readonly amountMinor: number;
  readonly createdAtMs: number;
  state: OrderState;
  /** What has been paid, and what of it was paid back. */
  paidMinor: number;
  refundedMinor: number;
  /** The HTTP status of each callback that was answered. */
  readonly callbacks: number[];
}

/** The books of a provider: what it has taken, paid and paid back. */
export class Books {
  readonly orders = new Map<string, Order>();
  readonly #scripts = new Map<string, Script>();
  #numbers = 900_000_000;

  /** The script of an order, else that of all. */
  script(id: string): Script {
    return this.#scripts.get(id) ?? this.#scripts.get("*") ?? {};
  }

  /** `*` is every order that has no script of its own. */
  setScript(id: string, script: Script): void {
    this.#scripts.set(id, script);
  }

  /** Takes an order; undefined where there is one with its id, as real providers refuse it. */
  add(kind: Order["kind"], id: string, amountMinor: number): Order | undefined {
    if (this.orders.has(id)) return undefined;
    this.#numbers += 2;
    const order: Order = {
      kind,
      id,
      reference: String(this.#numbers),
      transactionId: String(this.#numbers + 1),
      amountMinor,
      createdAtMs: Date.now(),
      state: "PENDING",
      paidMinor: 0,
      refundedMinor: 0,
      callbacks: [],
    };
    this.orders.set(id, order);
    return order;
  }

  /** The person, or the provider itself, pays; once. */
  pay(order: Order): boolean {
    if (order.paidMinor > 0) return false;
    order.paidMinor = this.script(order.id).paidMinor ?? order.amountMinor;
    order.state = "PAID";
    return true;
  }

  /** Pays back all that was paid; once. */
  refund(order: Order): boolean {
    if (order.state !== "PAID") return false;
    order.refundedMinor = order.paidMinor;
    order.state = "REFUNDED";
    return true;
  }

  /** Whether a question is to fail, and takes note of it. */
  statusFault(id: string): Fault | undefined {
    const script = this.script(id);
    const { status, statusFaults = Number.POSITIVE_INFINITY } = script;
    if (status === undefined || statusFaults <= 0) return undefined;
    this.#scripts.set(id, { ...script, statusFaults: statusFaults - 1 });
    return status;
  }

  byReference(reference: string): Order | undefined {
    return [...this.orders.values()].find(
      (order) => order.reference === reference || order.transactionId === reference,
    );
  }
}
