import type { Expiring } from "./deadlines.ts";
import { type FailureCode, MizanError } from "./errors.ts";

/** What a caller waits for: settles once, by its answer, by its timeout or by the end of the client. */
export class Pending<T> implements Expiring {
  readonly timeoutMs: number;
  /** How many commands or questions it stands for. */
  readonly weight: number;
  readonly promise: Promise<T>;
  #settle: { resolve(value: T): void; reject(error: MizanError): void } | undefined;
  readonly #openCommandIds: () => readonly string[];
  /** Set by the exchange that waits for the answer. */
  onSettled: () => void = () => {};

  constructor(timeoutMs: number, weight: number, openCommandIds: () => readonly string[] = () => []) {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.timeoutMs = timeoutMs;
    this.weight = weight;
    this.promise = promise;
    this.#settle = { resolve, reject };
    this.#openCommandIds = openCommandIds;
  }

  get isSettled(): boolean {
    return this.#settle === undefined;
  }

  resolve(value: T): void {
    const settle = this.#end();
    settle?.resolve(value);
  }

  fail(code: FailureCode, message: string, cause?: unknown): void {
    const commandIds = this.#openCommandIds();
    const settle = this.#end();
    settle?.reject(new MizanError(code, message, { commandIds, cause }));
  }

  expire(): void {
    this.fail("timeout", `no answer within ${this.timeoutMs} ms`);
  }

  #end() {
    const settle = this.#settle;
    this.#settle = undefined;
    if (settle !== undefined) this.onSettled();
    return settle;
  }
}
