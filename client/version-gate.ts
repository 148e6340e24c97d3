import type { BalanceUpdate } from "./results.ts";

interface Seen {
  version: number;
  /** The connection on which it was seen, counted. */
  connection: number;
}

/**
 * Lets each step of a wallet through once and in order, over all connections of a subscription.
 *
 * After a reconnect the first state of a wallet may replace a higher version too: a ledger that was restored from an
 * older copy has gone back, and its readers go back with it.
 */
export class VersionGate {
  readonly #seen = new Map<string, Seen>();
  readonly #walletsMax: number;
  #connection = 0;

  constructor(walletsMax: number) {
    this.#walletsMax = walletsMax;
  }

  /** Notes what the reader had seen before it subscribed. */
  begin(walletId: string, version: number): void {
    this.#seen.set(walletId, { version, connection: -1 });
  }

  /** A new connection begins. */
  resume(): void {
    this.#connection += 1;
  }

  /** The last version of a wallet that was let through. */
  lastVersion(walletId: string): number | undefined {
    return this.#seen.get(walletId)?.version;
  }

  /** The update as it is to be given to the reader, or undefined where the reader has had it. */
  pass(update: BalanceUpdate): BalanceUpdate | undefined {
    const { walletId, version } = update;
    const last = this.#seen.get(walletId);
    if (last !== undefined && version <= last.version) {
      const isFirstState = update.kind === "state" && last.connection < this.#connection;
      if (isFirstState) last.connection = this.#connection;
      if (!isFirstState || version === last.version) return undefined;
    }
    // Taken out and put in again, the wallets stay in the order of their last steps.
    this.#seen.delete(walletId);
    this.#seen.set(walletId, { version, connection: this.#connection });
    if (this.#seen.size > this.#walletsMax) this.#forgetOldest();
    // Versions count by one: where one is missing, and not because the reader is slow, it was lost with a connection.
    const isGap = last !== undefined && version !== last.version + 1 && !update.conflated;
    return isGap && !update.reset ? { ...update, reset: true } : update;
  }

  #forgetOldest(): void {
    for (const walletId of this.#seen.keys()) {
      this.#seen.delete(walletId);
      return;
    }
  }
}
