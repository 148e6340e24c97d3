import { MizanError } from "./errors.ts";
import { UPDATES_BUFFERED_MAX, WALLETS_BUFFERED_MAX } from "./limits.ts";
import type { BalanceUpdate } from "./results.ts";
import type { StreamUpdate } from "./stream-update.ts";
import { UpdateBuffer } from "./update-buffer.ts";
import type { VersionGate } from "./version-gate.ts";

export interface SubscribeOptions<Update = BalanceUpdate> {
  /** Last version that the reader has seen; only for a subscription to one wallet or actor. */
  readonly fromVersion?: number;
  /** Most updates that wait for the reader before only the latest of each wallet is kept. */
  readonly bufferedMax?: number;
  /** Takes each update as it comes, in place of iteration. */
  readonly onUpdate?: (update: Update) => void;
  /** Told once, with the reason, when a subscription with `onUpdate` ends other than by `close`. */
  readonly onError?: (error: MizanError) => void;
}

/**
 * A running subscription, to be read once by `for await`; leaving the loop closes it.
 *
 * It survives reconnects: no step is given twice and none out of order.
 *
 * **Errors**: iteration throws a MizanError with the ledger's code where the topic is refused (`forbidden`,
 * `too_many_subscriptions`), `slow_consumer` where the latest updates of more wallets wait than there is room for, or
 * the error that ended the client.
 */
export interface Subscription<Update = BalanceUpdate> extends AsyncIterableIterator<Update, undefined> {
  /** Resolves when the ledger has accepted the topic: every change from then on is given. */
  readonly ready: Promise<void>;
  /** Ends the subscription; what the reader has not taken yet is dropped. */
  close(): void;
}

type Step<Update> = IteratorResult<Update, undefined>;
const DONE = { done: true, value: undefined } as const;

/** The receiving side of a subscription. */
export class SubscriptionReader<Update extends StreamUpdate = BalanceUpdate> implements Subscription<Update> {
  readonly #gate: VersionGate<Update>;
  readonly #options: SubscribeOptions<Update>;
  readonly #onEnd: (reader: SubscriptionReader<Update>) => void;
  readonly #buffer: UpdateBuffer<Update>;
  readonly #ready = Promise.withResolvers<void>();
  #waiting: { resolve(step: Step<Update>): void; reject(error: MizanError): void }[] = [];
  #isEnded = false;
  #error: MizanError | undefined;

  constructor(
    gate: VersionGate<Update>,
    options: SubscribeOptions<Update>,
    onEnd: (reader: SubscriptionReader<Update>) => void,
  ) {
    this.#gate = gate;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#buffer = new UpdateBuffer(options.bufferedMax ?? UPDATES_BUFFERED_MAX, WALLETS_BUFFERED_MAX);
    this.#ready.promise.catch(() => {});
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  close(): void {
    this.#buffer.clear();
    this.#end(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step<Update>> {
    const update = this.#buffer.shift();
    if (update !== undefined) return Promise.resolve({ done: false, value: update });
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) return Promise.reject(error);
    if (this.#isEnded) return Promise.resolve(DONE);
    const { promise, resolve, reject } = Promise.withResolvers<Step<Update>>();
    this.#waiting.push({ resolve, reject });
    return promise;
  }

  return(): Promise<Step<Update>> {
    this.close();
    return Promise.resolve(DONE);
  }

  /** A new connection begins. */
  resume(): void {
    this.#gate.resume();
  }

  lastVersion(subject: string): number | undefined {
    return this.#gate.lastVersion(subject);
  }

  /** The ledger has accepted the topic. */
  accept(): void {
    this.#ready.resolve();
  }

  /** Takes an update off the wire. */
  take(received: Update): void {
    const update = this.#isEnded ? undefined : this.#gate.pass(received);
    if (update === undefined) return;
    const { onUpdate } = this.#options;
    if (onUpdate !== undefined) {
      isolate(() => onUpdate(update));
      return;
    }
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: update });
    else if (!this.#buffer.push(update)) {
      this.#buffer.clear();
      this.fail(new MizanError("slow_consumer", "the reader of the subscription fell too far behind"));
    }
  }

  /** Ends the subscription by an error, after what the reader has still to take. */
  fail(error: MizanError): void {
    if (!this.#isEnded) this.#end(error);
  }

  #end(error: MizanError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#ready.reject(error ?? new MizanError("closed", "the subscription was closed"));
    const { onUpdate, onError } = this.#options;
    if (error !== undefined && onUpdate !== undefined) isolate(() => onError?.(error));
    const waiting = this.#waiting;
    this.#waiting = [];
    if (error === undefined) for (const { resolve } of waiting) resolve(DONE);
    else if (waiting.length > 0) for (const { reject } of waiting) reject(error);
    else this.#error = error;
    this.#onEnd(this);
  }
}

/** Calls the caller's code such that its exception is reported as uncaught and does not disturb the connection. */
function isolate(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
