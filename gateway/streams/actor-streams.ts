import { pack, unpack } from "msgpackr";
import { actorOf } from "../../engine/actor/registry.ts";
import { ENTRY_HEADER_BYTES, REPLY, REQUEST_KIND } from "../../engine/port/entries.ts";
import type { RingReader } from "../../engine/port/ring.ts";
import type { WatchedActor } from "../../engine/views.ts";
import { type Code, codeName } from "../../protocol/codes.ts";
import { shardOfUuid } from "../../protocol/ids.ts";
import { ACTOR_SUBSCRIPTIONS_PER_CONNECTION_MAX } from "../../protocol/limits.ts";
import { senderOf } from "../actors.ts";
import type { Config } from "../config.ts";
import type { Counters } from "../counters.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { Pace } from "../pace.ts";
import { SingleAnswer } from "../single-answer.ts";
import { ActorOutbox, type ActorSubscriber, type Followed } from "./actor-outbox.ts";
import { ActorStep } from "./actor-step.ts";
import { ActorTopic } from "./actor-topic.ts";
import type { Audience } from "./audience.ts";
import type { HistoryBudget } from "./delta-history.ts";
import type { FlushList } from "./flush-list.ts";
import { IdleTopics } from "./idle-topics.ts";

type Done = (code: Code) => void;

/** Which actor is followed, and from where on. */
export interface ActorFollowing {
  readonly actor: string;
  readonly actorId: string;
  /** With the fields of the state that are long. */
  readonly isWhole: boolean;
  /** The last version that the reader has seen; -1 for none. */
  readonly fromVersion: number;
}

/** What they share with the streams of balances. */
interface ActorStreamParts {
  readonly dispatcher: Dispatcher;
  readonly config: Config;
  readonly counters: Counters;
  readonly flushList: FlushList;
  readonly pace: Pace;
  /** For what is kept of steps. */
  readonly budget: HistoryBudget;
}

/**
 * Streams of actors: who follows which of them, and how their changes get to him. They work as those of balances do: a shard
 * tells of an actor only while somebody here follows it, and its answer to a subscription stands in the same queue as the changes.
 */
export class ActorStreams {
  readonly #parts: ActorStreamParts;
  readonly #topics = new Map<string, ActorTopic>();
  readonly #outboxes = new Map<ActorSubscriber, ActorOutbox>();
  readonly #idle: IdleTopics<ActorTopic>;

  constructor(parts: ActorStreamParts) {
    const { streamGraceMs, streamGraceWalletsMax } = parts.config;
    this.#parts = parts;
    this.#idle = new IdleTopics(streamGraceMs, streamGraceWalletsMax);
  }

  /** Whether anybody here is told changes only when the log has confirmed them. */
  get hasPatientReaders(): boolean {
    for (const { isPatient } of this.#outboxes.values()) if (isPatient) return true;
    return false;
  }

  /** Lets a subscriber follow an actor that he may see: `done` first, then its state, or what he has missed, then each change. */
  subscribe(subscriber: ActorSubscriber, following: ActorFollowing, done: Done): void {
    const actor = actorOf(following.actor);
    if (actor === undefined || actor.isRestOnly) {
      done("unknown_operation");
      return;
    }
    const outbox = this.#outboxOf(subscriber);
    const isTaken = this.#parts.pace.run(() => {
      // Whose connection has closed meanwhile waits for no answer.
      if (!outbox.closed) this.#subscribe(outbox, following, done);
    });
    if (!isTaken) done("overloaded");
  }

  /** Ends a subscription; one that does not exist is fine. */
  unsubscribe(
    subscriber: ActorSubscriber,
    { actor, actorId }: Pick<ActorFollowing, "actor" | "actorId">,
    done: Done,
  ): void {
    const isTaken = this.#parts.pace.run(() => {
      const outbox = this.#outboxes.get(subscriber);
      const followed = outbox?.followed.get(`${actor} ${actorId}`);
      if (outbox !== undefined && followed !== undefined) this.#leave(outbox, followed.topic);
      done("ok");
    });
    if (!isTaken) done("overloaded");
  }

  /** Forgets a subscriber whose connection has closed. */
  drop(subscriber: ActorSubscriber): void {
    const outbox = this.#outboxes.get(subscriber);
    if (outbox === undefined) return;
    outbox.closed = true;
    this.#outboxes.delete(subscriber);
    for (const { topic } of [...outbox.followed.values()]) this.#leave(outbox, topic);
  }

  /** Closes the readers that wait for the log as slow: it is too far behind for them. */
  closePatientReaders(): void {
    for (const { subscriber, isPatient } of [...this.#outboxes.values()]) {
      if (!isPatient) continue;
      this.#parts.counters.slowConsumersClosed += 1;
      subscriber.closeSlow();
      this.drop(subscriber);
    }
  }

  /** The socket of a subscriber has room again. */
  drained(subscriber: ActorSubscriber): void {
    this.#outboxes.get(subscriber)?.flush();
  }

  /** Lets go of what nobody has followed for the grace period. */
  sweep(nowMs: number): void {
    this.#idle.sweep(nowMs, ({ key, actor, actorId, shard, history }) => {
      const payload = pack({ aggregate: actor, id: actorId });
      if (!this.#parts.dispatcher.tell(shard, REQUEST_KIND.UnwatchActor, 1, payload)) return false;
      this.#topics.delete(key);
      history.free();
      return true;
    });
  }

  #subscribe(outbox: ActorOutbox, following: ActorFollowing, done: Done): void {
    const { actor, actorId, isWhole, fromVersion } = following;
    const { principal } = outbox.subscriber;
    const key = `${actor} ${actorId}`;
    if (!outbox.followed.has(key) && outbox.followed.size >= ACTOR_SUBSCRIPTIONS_PER_CONNECTION_MAX) {
      done("too_many_subscriptions");
      return;
    }
    const shard = shardOfUuid(actorId, this.#parts.dispatcher.shardCount);
    const topic = this.#topics.get(key) ?? new ActorTopic(actor, actorId, shard, this.#parts.budget);
    const followed: Followed = { topic, isWhole, version: fromVersion };
    const waiting = new SingleAnswer(
      (replies, offset) => {
        const code = codeName(replies.lanes[(offset >>> 2) + REPLY.code] as number);
        this.#onAnswer(outbox, followed, code, code === "ok" ? this.#stepIn(replies, offset, shard) : undefined, done);
      },
      () => this.#onAnswer(outbox, followed, "replication_pending", undefined, done),
    );
    const payload = pack({ aggregate: actor, id: actorId, by: senderOf(principal) });
    const code = this.#parts.dispatcher.ask(shard, REQUEST_KIND.WatchActor, principal, 1, payload, waiting);
    if (code !== "ok") {
      done(code);
      return;
    }
    this.#topics.set(key, topic);
    this.#idle.remove(topic);
    topic.asking += 1;
    outbox.asking += 1;
    outbox.followed.set(key, followed);
  }

  #onAnswer(outbox: ActorOutbox, followed: Followed, code: Code, state: ActorStep | undefined, done: Done): void {
    const { topic } = followed;
    topic.asking -= 1;
    outbox.asking -= 1;
    if (state !== undefined) topic.isWatched = true;
    const isWanted = !outbox.closed && outbox.followed.get(topic.key) === followed;
    if (state !== undefined && isWanted) {
      topic.add(outbox);
      done("ok");
      this.#resume(outbox, followed, state);
    } else {
      if (isWanted) {
        outbox.followed.delete(topic.key);
        topic.remove(outbox);
      }
      this.#leaveIfUnused(topic);
      done(code);
    }
    this.#parts.flushList.add(outbox);
  }

  /**
   * Brings a reader from what he has seen to what is. Changes that the shard had not told yet when it answered come behind the answer, so
   * the newest version that is kept may be an older one than that of the state.
   */
  #resume(outbox: ActorOutbox, followed: Followed, state: ActorStep): void {
    const { topic, version } = followed;
    if (version === state.version) return;
    const missed = version < 0 ? undefined : topic.history.after(version);
    if (missed !== undefined && version < state.version) {
      for (const step of missed) outbox.push(step);
      return;
    }
    followed.version = -1;
    outbox.push(state, { kind: "state", isReset: version >= 0, isConflated: false });
  }

  #leave(outbox: ActorOutbox, topic: ActorTopic): void {
    outbox.followed.delete(topic.key);
    outbox.forget(topic.key);
    topic.remove(outbox);
    this.#leaveIfUnused(topic);
  }

  #leaveIfUnused(topic: ActorTopic): void {
    if (!topic.isUnused) return;
    // Where no shard ever confirmed it, none tells of it.
    if (topic.isWatched) this.#idle.add(topic, Date.now());
    else this.#topics.delete(topic.key);
  }

  /** Hands the change that an entry tells to those who follow its actor. */
  publish(replies: RingReader, offset: number, shard: number, audience: Audience): void {
    const step = this.#stepIn(replies, offset, shard);
    this.#topics.get(step.key)?.publish(step, audience);
    this.#parts.counters.deltasPublished += 1;
  }

  #stepIn(replies: RingReader, offset: number, shard: number): ActorStep {
    const bytes = replies.lanes[(offset >>> 2) + REPLY.payloadBytes] as number;
    const payload = replies.bytes.slice(offset + ENTRY_HEADER_BYTES, offset + ENTRY_HEADER_BYTES + bytes);
    return new ActorStep(unpack(payload) as WatchedActor, shard, bytes);
  }

  #outboxOf(subscriber: ActorSubscriber): ActorOutbox {
    let outbox = this.#outboxes.get(subscriber);
    if (outbox === undefined) {
      outbox = new ActorOutbox(subscriber, this.#parts.config, this.#parts.counters, this.#parts.flushList);
      this.#outboxes.set(subscriber, outbox);
    }
    return outbox;
  }
}
