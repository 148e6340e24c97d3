import type { MizanError } from "./errors.ts";
import type { Exchange, StreamEvents } from "./exchange.ts";
import type { BalanceUpdate } from "./results.ts";
import { type SubscribeOptions, SubscriptionReader } from "./subscription.ts";
import { TopicFeed } from "./topic-feed.ts";
import { VersionGate } from "./version-gate.ts";

/** Subscriptions to single wallets: they share one connection, since each update names its wallet. */
export class WalletTopics implements StreamEvents {
  readonly #feeds = new Map<string, TopicFeed>();

  subscribe(exchange: Exchange, walletId: string, options: SubscribeOptions): SubscriptionReader {
    let feed = this.#feeds.get(walletId);
    if (feed === undefined) {
      feed = new TopicFeed(exchange, { topic: "wallet", id: walletId });
      this.#feeds.set(walletId, feed);
    }
    const gate = new VersionGate(1);
    // Versions begin with 1: who has seen version 0 has seen nothing.
    if (options.fromVersion) gate.begin(walletId, options.fromVersion);
    const joined = feed;
    const reader = new SubscriptionReader(gate, options, () => {
      joined.remove(reader, () => this.#feeds.delete(walletId));
    });
    joined.add(reader);
    return reader;
  }

  up(): void {
    for (const [walletId, feed] of this.#feeds) {
      if (feed.isEmpty) this.#feeds.delete(walletId);
      else feed.up();
    }
  }

  updates(updates: readonly BalanceUpdate[]): void {
    for (const update of updates) this.#feeds.get(update.walletId)?.take(update);
  }

  down(): void {
    for (const feed of this.#feeds.values()) feed.down();
  }

  failed(error: MizanError): void {
    for (const feed of this.#feeds.values()) feed.fail(error);
  }

  /** Ends every subscription without an error. */
  close(): void {
    for (const feed of this.#feeds.values()) feed.close();
  }
}
