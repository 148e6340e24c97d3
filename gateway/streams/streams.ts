import {
  ENTRY_HEADER_BYTES,
  REPLY,
  REPLY_FLAG,
  REQUEST_KIND,
  RING_DELTA,
  RING_DELTA_BYTES,
  WATCHED,
} from "../../engine/port/entries.ts";
import type { RingReader } from "../../engine/port/ring.ts";
import { type Code, codeName } from "../../protocol/codes.ts";
import { shardOf } from "../../protocol/ids.ts";
import { SUBSCRIPTIONS_PER_CONNECTION_MAX } from "../../protocol/limits.ts";
import { WALLET } from "../../protocol/result-record.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { TopicName } from "../../protocol/wire-frame.ts";
import { isOwnId } from "../caller.ts";
import type { Config } from "../config.ts";
import type { Counters } from "../counters.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { Pace } from "../pace.ts";
import { ActorStreams } from "./actor-streams.ts";
import { AUDIENCE, type Audience } from "./audience.ts";
import { CatchUp } from "./catch-up.ts";
import { DeltaHistory, HistoryBudget } from "./delta-history.ts";
import { FlushList } from "./flush-list.ts";
import { IdleTopics } from "./idle-topics.ts";
import { deltaKey, topicKey } from "./keys.ts";
import { Outbox } from "./outbox.ts";
import { Outboxes } from "./outboxes.ts";
import type { Subscriber } from "./subscriber.ts";
import { OwnerTopic, Topic, WalletTopic } from "./topic.ts";

const NOTHING = new Uint8Array(0);
const SLOT_LANE = RING_DELTA.slot >>> 2;
const OWNER_LANE = RING_DELTA.ownerIndex >>> 2;
const RING_DELTA_LANES = RING_DELTA_BYTES >>> 2;
const SWEEP_INTERVAL_MS = 250;
/** Subscriptions that begin or end in one turn of the event loop: some 30 µs each until their states have left. */
const SUBSCRIPTIONS_PER_TURN = 32;
/** Subscriptions of all connections that may wait for their turn; beyond it `overloaded`. */
const SUBSCRIPTIONS_WAITING_MAX = 131_072;

type Done = (code: Code) => void;

/** What is watched on one shard, by the numbers that its deltas carry. */
interface ShardTopics {
  readonly wallets: Map<number, WalletTopic>;
  readonly owners: Map<number, OwnerTopic>;
}

/**
 * Balance streams: who follows which wallets, and how the deltas of the shards get to them.
 *
 * A shard reports on a wallet only while somebody here follows it. Its answer to a subscription stands in the same queue
 * as its deltas, so a reader that gets the state from the answer and from then on every delta misses nothing.
 */
export class Streams {
  readonly actors: ActorStreams;
  readonly #dispatcher: Dispatcher;
  readonly #config: Config;
  readonly #counters: Counters;
  readonly #shards: readonly ShardTopics[];
  readonly #outboxes: Outboxes;
  readonly #wallets = new Map<string, WalletTopic>();
  readonly #owners = new Map<string, OwnerTopic>();
  readonly #all = new Topic("all");
  readonly #idle: IdleTopics<WalletTopic>;
  /** Topics without a reader whose shards have yet to be told. */
  readonly #unwatching = new Set<Topic>();
  readonly #budget: HistoryBudget;
  readonly #flushList: FlushList;
  readonly #catchUp = new CatchUp();
  readonly #sweepTimer: NodeJS.Timeout;
  readonly #pace = new Pace(SUBSCRIPTIONS_PER_TURN, SUBSCRIPTIONS_WAITING_MAX);
  #stamp = 0;
  #publishing = false;
  readonly #leaving: Outbox[] = [];

  constructor(dispatcher: Dispatcher, config: Config, counters: Counters) {
    this.#dispatcher = dispatcher;
    this.#config = config;
    this.#counters = counters;
    this.#shards = Array.from({ length: dispatcher.shardCount }, () => ({ wallets: new Map(), owners: new Map() }));
    this.#idle = new IdleTopics(config.streamGraceMs, config.streamGraceWalletsMax);
    this.#budget = new HistoryBudget(config.streamHistoryBytes);
    this.#flushList = new FlushList(config.streamFlushIntervalMs);
    this.#outboxes = new Outboxes((subscriber) => new Outbox(subscriber, config, counters, this.#flushList));
    this.#sweepTimer = setInterval(() => this.sweep(Date.now()), SWEEP_INTERVAL_MS).unref();
    this.actors = new ActorStreams({
      dispatcher,
      config,
      counters,
      flushList: this.#flushList,
      pace: this.#pace,
      budget: this.#budget,
    });
    dispatcher.onChanges(
      (replies, offset, shard, audience) => this.#publish(replies, offset, shard, audience),
      (replies, offset, shard, audience) => this.actors.publish(replies, offset, shard, audience),
    );
  }

  /** Whether anybody here is told changes only when the log has confirmed them. */
  get hasPatientReaders(): boolean {
    return this.#outboxes.hasPatient || this.actors.hasPatientReaders;
  }

  /**
   * Lets a subscriber follow a topic: `done` first, then the state of each wallet, then its deltas.
   *
   * `fromVersion` is the last version of a wallet that the reader has seen: where all later deltas are still kept it gets
   * just those; where they are not, a state marked `reset`. -1 asks for the state. `id` must not change until `done`.
   */
  subscribe(subscriber: Subscriber, topic: TopicName, id: Uint8Array, fromVersion: number, done: Done): void {
    const outbox = this.#outboxes.of(subscriber);
    const isTaken = this.#pace.run(() => {
      // Whose connection has closed meanwhile waits for no answer.
      if (!outbox.closed) this.#subscribe(outbox, topic, id, fromVersion, done);
    });
    if (!isTaken) done("overloaded");
  }

  /** Ends a subscription; one that does not exist is fine. */
  unsubscribe(subscriber: Subscriber, topic: TopicName, id: Uint8Array, done: Done): void {
    const isTaken = this.#pace.run(() => {
      const outbox = this.#outboxes.find(subscriber);
      const left = outbox?.topics.get(topicKey(topic, id));
      if (outbox !== undefined && left !== undefined) {
        outbox.topics.delete(left.key);
        this.#leave(outbox, left);
      }
      done("ok");
    });
    if (!isTaken) done("overloaded");
  }

  #subscribe(outbox: Outbox, topic: TopicName, id: Uint8Array, fromVersion: number, done: Done): void {
    const key = topicKey(topic, id);
    if (!outbox.topics.has(key) && outbox.topics.size >= SUBSCRIPTIONS_PER_CONNECTION_MAX) {
      done("too_many_subscriptions");
      return;
    }
    switch (topic) {
      case "wallet":
        this.#subscribeWallet(outbox, key, id, fromVersion, done);
        break;
      case "owner":
        this.#subscribeOwner(outbox, key, id, done);
        break;
      case "all":
        this.#subscribeAll(outbox, key, done);
        break;
      default:
        unreachable(topic);
    }
  }

  /** Forgets a subscriber whose connection has closed. */
  drop(subscriber: Subscriber): void {
    const outbox = this.#outboxes.remove(subscriber);
    if (outbox === undefined) return;
    // The readers of a topic must not change while they are gone through.
    if (this.#publishing) this.#leaving.push(outbox);
    else this.#leaveAll(outbox);
  }

  /** Closes the readers that wait for the log as slow: it is too far behind for them. */
  closePatientReaders(): void {
    this.actors.closePatientReaders();
    for (const { subscriber } of this.#outboxes.patient()) {
      this.#counters.slowConsumersClosed += 1;
      subscriber.closeSlow();
      this.drop(subscriber);
    }
  }

  /** The socket of a subscriber has room again. */
  drained(subscriber: Subscriber): void {
    this.#outboxes.find(subscriber)?.flush();
  }

  /** Called at the end of each turn of the drain loop: sends what gathered, at most once per flush interval. */
  endTurn(): void {
    this.#flushList.endTurn();
  }

  /** Stops the timers. */
  stop(): void {
    clearInterval(this.#sweepTimer);
    this.#flushList.stop();
  }

  /** Lets go of what nobody has followed for the grace period. */
  sweep(nowMs: number): void {
    this.actors.sweep(nowMs);
    this.#idle.sweep(nowMs, (topic) => {
      if (!this.#dispatcher.tell(topic.shard, REQUEST_KIND.UnwatchWallets, 1, topic.id)) return false;
      this.#wallets.delete(topic.key);
      this.#shards[topic.shard]?.wallets.delete(topic.slot);
      topic.history.free();
      return true;
    });
    for (const topic of this.#unwatching) {
      if (!topic.isUnused || this.#unwatch(topic)) this.#unwatching.delete(topic);
    }
    this.#counters.watchedWallets = this.#wallets.size;
  }

  #subscribeWallet(outbox: Outbox, key: string, id: Uint8Array, fromVersion: number, done: Done): void {
    const topic = this.#wallets.get(key) ?? this.#newWalletTopic(key, id);
    const { principal } = outbox.subscriber;
    const take = (replies: RingReader, offset: number): boolean => {
      this.#onWatchedWallet(topic, outbox, fromVersion, replies, offset, done);
      return true;
    };
    const code = this.#dispatcher.ask(topic.shard, REQUEST_KIND.WatchWallets, principal, 1, id, { take });
    if (code !== "ok") {
      done(code);
      return;
    }
    this.#wallets.set(key, topic);
    this.#idle.remove(topic);
    this.#ask(outbox, topic);
    outbox.asking += 1;
  }

  #onWatchedWallet(
    topic: WalletTopic,
    outbox: Outbox,
    fromVersion: number,
    replies: RingReader,
    offset: number,
    done: Done,
  ): void {
    const { lanes, bytes } = replies;
    const at = offset + ENTRY_HEADER_BYTES;
    const code = codeName((bytes[at + WALLET.code] as number) | ((bytes[at + WALLET.code + 1] as number) << 8));
    topic.asking -= 1;
    outbox.asking -= 1;
    if (code === "ok" && topic.slot < 0) {
      topic.slot = lanes[(at + WATCHED.slot) >>> 2] as number;
      this.#shards[topic.shard]?.wallets.set(topic.slot, topic);
    }
    const wanted = !outbox.closed && outbox.topics.get(topic.key) === topic;
    if (code === "ok" && wanted) {
      topic.add(outbox);
      done("ok");
      this.#catchUp.resume(topic, outbox, fromVersion, lanes, bytes, at);
    } else {
      if (code !== "ok") outbox.topics.delete(topic.key);
      this.#leave(outbox, topic);
      done(code);
    }
    this.#flushList.add(outbox);
  }

  #subscribeOwner(outbox: Outbox, key: string, id: Uint8Array, done: Done): void {
    const { principal } = outbox.subscriber;
    if (principal.role !== "admin" && !isOwnId(principal, id)) {
      done("forbidden");
      return;
    }
    const topic = this.#owners.get(key) ?? new OwnerTopic(key, id.slice());
    this.#owners.set(key, topic);
    this.#askShards(REQUEST_KIND.WatchOwner, outbox, topic, topic.id, done, (replies, offset, shard) => {
      const header = offset >>> 2;
      if (outbox.topics.get(key) === topic && !outbox.closed) {
        topic.add(outbox);
        const index = replies.lanes[header + REPLY.index] as number;
        topic.indexOfShard[shard] = index;
        this.#shards[shard]?.owners.set(index, topic);
        this.#catchUp.tellStates(outbox, replies, offset, shard);
      }
      return ((replies.lanes[header + REPLY.flags] as number) & REPLY_FLAG.last) !== 0;
    });
  }

  #subscribeAll(outbox: Outbox, key: string, done: Done): void {
    if (outbox.subscriber.principal.role !== "admin") {
      done("forbidden");
      return;
    }
    this.#askShards(REQUEST_KIND.WatchAll, outbox, this.#all, NOTHING, done, () => {
      if (outbox.topics.get(key) === this.#all && !outbox.closed) this.#all.add(outbox);
      return true;
    });
  }

  /**
   * Asks every shard to report on a topic. It is confirmed at once, because a shard handles requests in order: whatever is
   * sent after the confirmation will be reported.
   */
  #askShards(
    kind: number,
    outbox: Outbox,
    topic: Topic,
    id: Uint8Array,
    done: Done,
    take: (replies: RingReader, offset: number, shard: number) => boolean,
  ): void {
    for (let shard = 0; shard < this.#dispatcher.shardCount; shard += 1) {
      const takeEntry = (replies: RingReader, offset: number): boolean => {
        if (!take(replies, offset, shard)) return false;
        topic.asking -= 1;
        this.#leaveIfUnused(topic);
        return true;
      };
      const code = this.#dispatcher.ask(shard, kind, outbox.subscriber.principal, 1, id, { take: takeEntry });
      if (code !== "ok") {
        outbox.topics.delete(topic.key);
        this.#leave(outbox, topic);
        done(code);
        return;
      }
      this.#ask(outbox, topic);
    }
    done("ok");
  }

  #ask(outbox: Outbox, topic: Topic): void {
    topic.asking += 1;
    outbox.topics.set(topic.key, topic);
  }

  #leaveAll(outbox: Outbox): void {
    for (const topic of outbox.topics.values()) this.#leave(outbox, topic);
    outbox.topics.clear();
  }

  #leave(outbox: Outbox, topic: Topic): void {
    topic.remove(outbox);
    this.#leaveIfUnused(topic);
  }

  #leaveIfUnused(topic: Topic): void {
    if (!topic.isUnused) return;
    if (!(topic instanceof WalletTopic)) {
      if (!this.#unwatch(topic)) this.#unwatching.add(topic);
    } else if (topic.slot < 0) {
      // No shard ever confirmed it, so none reports on it.
      this.#wallets.delete(topic.key);
    } else {
      this.#idle.add(topic, Date.now());
    }
  }

  /** Tells every shard that a topic has no reader left; false where one had no room for it. */
  #unwatch(topic: Topic): boolean {
    const isOwner = topic instanceof OwnerTopic;
    const kind = isOwner ? REQUEST_KIND.UnwatchOwner : REQUEST_KIND.UnwatchAll;
    for (let shard = 0; shard < this.#dispatcher.shardCount; shard += 1) {
      if (!this.#dispatcher.tell(shard, kind, 1, isOwner ? topic.id : NOTHING)) return false;
    }
    if (isOwner) {
      this.#owners.delete(topic.key);
      for (const [shard, index] of topic.indexOfShard.entries()) {
        if (index !== undefined) this.#shards[shard]?.owners.delete(index);
      }
    }
    return true;
  }

  #publish(replies: RingReader, offset: number, shard: number, audience: Audience): void {
    const { lanes } = replies;
    const count = lanes[(offset >>> 2) + REPLY.count] as number;
    const { wallets, owners } = this.#shards[shard] as ShardTopics;
    // What waited for the log was told to the others before.
    const isFirst = audience !== AUDIENCE.patient;
    this.#publishing = true;
    let at = (offset + ENTRY_HEADER_BYTES) >>> 2;
    for (let i = 0; i < count; i += 1, at += RING_DELTA_LANES) {
      const slot = lanes[at + SLOT_LANE] as number;
      const key = deltaKey(shard, slot);
      this.#stamp += 1;
      const wallet = wallets.get(slot);
      if (wallet !== undefined) {
        if (isFirst) wallet.history.keep(lanes, at);
        wallet.publish(lanes, at, key, this.#stamp, audience);
      }
      if (owners.size > 0) owners.get(lanes[at + OWNER_LANE] as number)?.publish(lanes, at, key, this.#stamp, audience);
      this.#all.publish(lanes, at, key, this.#stamp, audience);
    }
    this.#publishing = false;
    if (isFirst) this.#counters.deltasPublished += count;
    for (const outbox of this.#leaving) this.#leaveAll(outbox);
    this.#leaving.length = 0;
  }

  #newWalletTopic(key: string, id: Uint8Array): WalletTopic {
    const copy = id.slice();
    const shard = shardOf(new Uint32Array(copy.buffer), 0, this.#dispatcher.shardCount);
    return new WalletTopic(key, copy, shard, new DeltaHistory(this.#config.streamHistoryDeltas, this.#budget));
  }
}
