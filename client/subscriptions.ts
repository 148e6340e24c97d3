import { isUuid } from "../protocol/ids.ts";
import { ActorTopics } from "./actor-topics.ts";
import type { ActorTopic, ActorUpdate } from "./actor-update.ts";
import type { Codec } from "./codec.ts";
import { MizanError } from "./errors.ts";
import { Exchange, type ExchangeBounds } from "./exchange.ts";
import { jsonCodec } from "./json-codec.ts";
import type { Endpoint } from "./socket.ts";
import type { SubscribeOptions, Subscription } from "./subscription.ts";
import { WalletTopics } from "./wallet-topics.ts";
import { WideTopic } from "./wide-topic.ts";

/** What to follow: one wallet, all wallets of an owner, or (admins) every wallet. */
export type SubscriptionTopic = { readonly walletId: string } | { readonly ownerId: string } | { readonly all: true };

/** All subscriptions of a client. */
export class Subscriptions {
  /** Those that run over the client's own connection. */
  readonly wallets = new WalletTopics();
  readonly #endpoint: Endpoint;
  readonly #codec: Codec;
  readonly #bounds: ExchangeBounds;
  readonly #wide = new Set<WideTopic>();
  readonly #actors: ActorTopics;
  #isClosed = false;

  constructor(endpoint: Endpoint, codec: Codec, bounds: ExchangeBounds) {
    this.#endpoint = endpoint;
    this.#codec = codec;
    this.#bounds = bounds;
    this.#actors = new ActorTopics((events) => new Exchange(endpoint, jsonCodec, bounds, events));
  }

  /** Follows wallets; `exchange` is the client's own. **Errors**: throws a MizanError `invalid_request` or `closed`. */
  subscribe(exchange: Exchange, topic: SubscriptionTopic, options: SubscribeOptions): Subscription {
    const id = "walletId" in topic ? topic.walletId : "ownerId" in topic ? topic.ownerId : undefined;
    this.#check(id, options.fromVersion);
    if ("walletId" in topic) return this.wallets.subscribe(exchange, topic.walletId.toLowerCase(), options);
    const wide = new WideTopic(this.#endpoint, this.#codec, this.#bounds, id?.toLowerCase(), options, () => {
      this.#wide.delete(wide);
    });
    this.#wide.add(wide);
    return wide.reader;
  }

  /** Follows an actor. **Errors**: those of `subscribe`. */
  subscribeActor(topic: ActorTopic, options: SubscribeOptions<ActorUpdate>): Subscription<ActorUpdate> {
    this.#check(topic.actorId, options.fromVersion);
    return this.#actors.subscribe({ ...topic, actorId: topic.actorId.toLowerCase() }, options);
  }

  /** Takes no more of them, and ends all without an error. */
  close(): void {
    this.#isClosed = true;
    this.wallets.close();
    this.#actors.close();
    for (const wide of this.#wide) wide.reader.close();
  }

  #check(id: string | undefined, fromVersion = 0): void {
    if (id !== undefined && !isUuid(id)) throw new MizanError("invalid_request", `not a UUID: ${id}`);
    if (!Number.isSafeInteger(fromVersion) || fromVersion < 0) {
      throw new MizanError("invalid_request", `not a version: ${fromVersion}`);
    }
    if (this.#isClosed) throw new MizanError("closed", "the client is closed");
  }
}
