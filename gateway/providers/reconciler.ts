import type { Logger } from "pino";
import type { NodeRole } from "../node-role.ts";
import type { ProviderDesk } from "./provider-desk.ts";

/** Asks the providers again and again about what is open, as long as this node leads. */
export class Reconciler {
  readonly #desk: ProviderDesk;
  readonly #role: Pick<NodeRole, "isLeading">;
  readonly #intervalMs: number;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(desk: ProviderDesk, role: Pick<NodeRole, "isLeading">, intervalMs: number, log: Logger) {
    this.#desk = desk;
    this.#role = role;
    this.#intervalMs = intervalMs;
    this.#log = log;
  }

  /** The first run comes soon: what a crash has interrupted waits for it. */
  start(): void {
    if (this.#intervalMs > 0 && this.#desk.providers.size > 0) this.#after(Math.min(1_000, this.#intervalMs));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** With jitter, so that nodes that began together do not ask together. */
  #after(intervalMs: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => this.#run(), intervalMs * (0.75 + Math.random() / 2));
    this.#timer.unref();
  }

  #run(): void {
    const runs = this.#role.isLeading
      ? [...this.#desk.providers.values()].map((provider) => this.#desk.reconcile(provider))
      : [];
    Promise.all(runs)
      .catch((error: unknown) => {
        if (!this.#isStopped) this.#log.error({ error: String(error) }, "the reconciliation with providers failed");
      })
      .finally(() => this.#after(this.#intervalMs));
  }
}
