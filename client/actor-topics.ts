import type { ActorTopic, ActorUpdate } from "./actor-update.ts";
import { MizanError } from "./errors.ts";
import type { Exchange, StreamEvents } from "./exchange.ts";
import { type SubscribeOptions, SubscriptionReader } from "./subscription.ts";
import { TopicFeed } from "./topic-feed.ts";
import { VersionGate } from "./version-gate.ts";

/** Subscriptions to actors: they share a connection that speaks JSON, which there is while there are any. */
export class ActorTopics implements StreamEvents {
  readonly #connect: (events: StreamEvents) => Exchange;
  readonly #feeds = new Map<string, { readonly isWhole: boolean; readonly feed: TopicFeed<ActorUpdate> }>();
  #exchange: Exchange | undefined;

  constructor(connect: (events: StreamEvents) => Exchange) {
    this.#connect = connect;
  }

  /** **Errors**: throws a MizanError `invalid_request` where the actor is followed already, and not as whole as this. */
  subscribe(topic: ActorTopic, options: SubscribeOptions<ActorUpdate>): SubscriptionReader<ActorUpdate> {
    const { actor, actorId, whole: isWhole = false } = topic;
    const key = `${actor} ${actorId}`;
    const known = this.#feeds.get(key);
    if (known !== undefined && known.isWhole !== isWhole) {
      throw new MizanError("invalid_request", `${key} is followed already, ${known.isWhole ? "" : "not "}as a whole`);
    }
    this.#exchange ??= this.#connect(this);
    const feed = known?.feed ?? new TopicFeed(this.#exchange, { topic: "actor", id: actorId, actor, isWhole });
    this.#feeds.set(key, { isWhole, feed });
    const gate = new VersionGate<ActorUpdate>(1);
    if (options.fromVersion) gate.begin(actorId, options.fromVersion);
    const reader = new SubscriptionReader<ActorUpdate>(gate, options, () => {
      feed.remove(reader, () => this.#left(key, feed));
    });
    feed.add(reader);
    return reader;
  }

  up(): void {
    for (const [key, { feed }] of this.#feeds) {
      if (feed.isEmpty) this.#left(key, feed);
      else feed.up();
    }
  }

  updates(): void {}

  actors(updates: readonly ActorUpdate[]): void {
    for (const update of updates) this.#feeds.get(`${update.actor} ${update.actorId}`)?.feed.take(update);
  }

  down(): void {
    for (const { feed } of this.#feeds.values()) feed.down();
  }

  failed(error: MizanError): void {
    this.#exchange = undefined;
    for (const { feed } of this.#feeds.values()) feed.fail(error);
  }

  /** Ends every subscription without an error. */
  close(): void {
    for (const { feed } of this.#feeds.values()) feed.close();
    this.#hangUp();
  }

  #left(key: string, feed: TopicFeed<ActorUpdate>): void {
    if (this.#feeds.get(key)?.feed === feed) this.#feeds.delete(key);
    if (this.#feeds.size === 0) this.#hangUp();
  }

  #hangUp(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.fail(new MizanError("closed", "nothing is followed any more"));
  }
}
