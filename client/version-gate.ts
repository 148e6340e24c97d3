import type { BalanceUpdate } from "./results.ts";
import { type StreamUpdate, subjectOf } from "./stream-update.ts";

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
export class VersionGate<Update extends StreamUpdate = BalanceUpdate> {
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
  pass(update: Update): Update | undefined {
    const { version, previousVersion = version - 1 } = update;
    const subject = subjectOf(update);
    const last = this.#seen.get(subject);
    if (last !== undefined && version <= last.version) {
      const isFirstState = update.kind === "state" && last.connection < this.#connection;
      if (isFirstState) last.connection = this.#connection;
      if (!isFirstState || version === last.version) return undefined;
    }
    // Taken out and put in again, the wallets stay in the order of their last steps.
    this.#seen.delete(subject);
    this.#seen.set(subject, { version, connection: this.#connection });
    if (this.#seen.size > this.#walletsMax) this.#forgetOldest();
    // A step begins where the one before it ended; where it does not, and not because the reader is slow, some were lost with a connection.
    const follows = last === undefined || (version > last.version && previousVersion <= last.version);
    return !follows && !update.conflated && !update.reset ? { ...update, reset: true } : update;
  }

  #forgetOldest(): void {
    for (const walletId of this.#seen.keys()) {
      this.#seen.delete(walletId);
      return;
    }
  }
}
