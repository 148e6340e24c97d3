import type { Codec } from "./codec.ts";
import { MizanError } from "./errors.ts";
import { Exchange, type ExchangeBounds } from "./exchange.ts";
import { VERSIONS_REMEMBERED_MAX } from "./limits.ts";
import type { Endpoint } from "./socket.ts";
import { type SubscribeOptions, SubscriptionReader } from "./subscription.ts";
import { TopicFeed } from "./topic-feed.ts";
import { VersionGate } from "./version-gate.ts";

/** A subscription to the wallets of an owner, or to all, over a connection of its own. */
export class WideTopic {
  readonly reader: SubscriptionReader;

  /** Without an owner's id it follows every wallet. */
  constructor(
    endpoint: Endpoint,
    codec: Codec,
    bounds: ExchangeBounds,
    ownerId: string | undefined,
    options: SubscribeOptions,
    onEnd: () => void,
  ) {
    const exchange: Exchange = new Exchange(endpoint, codec, bounds, {
      up: () => feed.up(),
      updates: (updates) => {
        for (const update of updates) feed.take(update);
      },
      down: () => feed.down(),
      failed: (error) => feed.fail(error),
    });
    const feed = new TopicFeed(
      exchange,
      ownerId === undefined ? { topic: "all", id: "" } : { topic: "owner", id: ownerId },
    );
    this.reader = new SubscriptionReader(new VersionGate(VERSIONS_REMEMBERED_MAX), options, () => {
      exchange.fail(new MizanError("closed", "the subscription was closed"));
      onEnd();
    });
    feed.add(this.reader);
  }
}
