import {
  BrokenCircuitError,
  type BulkheadPolicy,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  type RetryPolicy,
  retry,
} from "cockatiel";
import { ProviderFailure } from "./provider-failure.ts";
import { askProvider, type ProviderAnswer, type ProviderRequest } from "./provider-http.ts";

/** Limits of the requests to one provider. */
export interface CallLimits {
  readonly timeoutMs: number;
  readonly concurrentMax: number;
  readonly queuedMax: number;
  /** Requests in a row that fail until none is sent any more, and how long. */
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
}

/** What is asked of a provider, as the metrics name it. */
export const PROVIDER_OPERATIONS = ["initiate", "status", "refund", "payout", "payout_status", "token"] as const;
export type ProviderOperation = (typeof PROVIDER_OPERATIONS)[number];
export const PROVIDER_OUTCOMES = ["answered", "refused", "unsent", "unanswered", "unavailable"] as const;
export type ProviderOutcome = (typeof PROVIDER_OUTCOMES)[number];

const RETRIES = 2;
const RETRY_MS = { initialDelay: 200, maxDelay: 2_000 };

const isFailure = (error: unknown): boolean => error instanceof ProviderFailure && error.kind !== "refused";
const isUnsent = (error: unknown): boolean => error instanceof ProviderFailure && error.kind === "unsent";

/**
 * Sends the requests to one provider: so many at once, a bounded queue of others, tries with jitter where they can do no harm, and
 * none for a while where the provider does not answer.
 *
 * What only asks is tried again whatever happened; what changes something, only where it was certainly not sent.
 */
export class ProviderCalls {
  readonly #limits: CallLimits;
  readonly #bulkhead: BulkheadPolicy;
  readonly #breaker: CircuitBreakerPolicy;
  readonly #asking: RetryPolicy;
  readonly #changing: RetryPolicy;
  readonly #counts = new Map<string, number>();

  constructor(limits: CallLimits) {
    this.#limits = limits;
    this.#bulkhead = bulkhead(limits.concurrentMax, limits.queuedMax);
    this.#breaker = circuitBreaker(handleWhen(isFailure), {
      halfOpenAfter: limits.breakerOpenMs,
      breaker: new ConsecutiveBreaker(limits.breakerFailures),
    });
    const options = { maxAttempts: RETRIES, backoff: new ExponentialBackoff(RETRY_MS) };
    this.#asking = retry(handleWhen(isFailure), options);
    this.#changing = retry(handleWhen(isUnsent), options);
  }

  /** Whether a request would be refused now without being sent. */
  get isUnavailable(): boolean {
    return (
      this.#breaker.state === CircuitState.Open ||
      (this.#bulkhead.executionSlots === 0 && this.#bulkhead.queueSlots === 0)
    );
  }

  get isBroken(): boolean {
    return this.#breaker.state === CircuitState.Open;
  }

  /** Requests so far by operation and outcome. */
  count(operation: ProviderOperation, outcome: ProviderOutcome): number {
    return this.#counts.get(`${operation} ${outcome}`) ?? 0;
  }

  /**
   * Sends a request. `judge` makes of an answer what the caller wants of it, or throws a `ProviderFailure` that refuses.
   *
   * **Errors**: throws `ProviderFailure`; `unsent` also where as many run as may, or the breaker is open.
   */
  async send<T>(
    operation: ProviderOperation,
    request: ProviderRequest,
    judge: (answer: ProviderAnswer) => T,
  ): Promise<T> {
    const isAsking = operation === "status" || operation === "payout_status" || operation === "token";
    const tries = isAsking ? this.#asking : this.#changing;
    try {
      return await this.#bulkhead.execute(() =>
        tries.execute(() => this.#breaker.execute(() => this.#once(operation, request, judge))),
      );
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError || error instanceof BrokenCircuitError)) throw error;
      this.#add(operation, "unavailable");
      throw new ProviderFailure("unsent", error instanceof BrokenCircuitError ? "breaker open" : "queue full");
    }
  }

  async #once<T>(
    operation: ProviderOperation,
    request: ProviderRequest,
    judge: (answer: ProviderAnswer) => T,
  ): Promise<T> {
    try {
      const found = judge(await askProvider(request, this.#limits.timeoutMs));
      this.#add(operation, "answered");
      return found;
    } catch (error) {
      this.#add(operation, error instanceof ProviderFailure ? error.kind : "unanswered");
      throw error;
    }
  }

  #add(operation: ProviderOperation, outcome: ProviderOutcome): void {
    const key = `${operation} ${outcome}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }
}
