import { setTimeout as delay } from "node:timers/promises";
import { type Consumer, type EachMessagePayload, Kafka, logLevel, type Producer } from "kafkajs";
import { type BrokerAccess, kafkaConnection } from "../protocol/broker-access.ts";
import { EVENT_TOPICS } from "../protocol/events/event-types.ts";
import { backoffMs } from "./backoff.ts";
import { deadLetterTopic, putAside } from "./dead-letters.ts";
import { type MizanEvent, NotAnEventError, readEvent } from "./event.ts";
import { SeenEvents } from "./seen-events.ts";

/** How events are read. Everything but the first three has a default. */
export interface EventConsumerOptions {
  /** How the brokers are reached, or a client of the caller's own. */
  readonly kafka: BrokerAccess | Kafka;
  /** Readers of one group share the events among them, and go on where the group was. */
  readonly groupId: string;
  /** Called for one event of a partition at a time; what it throws is tried again. */
  readonly handle: (event: MizanEvent) => Promise<void> | void;
  /** Default: all that there are, of a ledger without a prefix. */
  readonly topics?: readonly string[];
  /** Where a group begins that has read nothing yet: with all that is there, or with what comes. Default: all. */
  readonly fromBeginning?: boolean;
  /** How often an event is tried before it goes to the dead-letter topic. Default 5. */
  readonly attemptsMax?: number;
  /** Time before the second attempt; it doubles with each further one. Default 100. **Units**: milliseconds. */
  readonly retryMs?: number;
  /** Events whose ids are remembered, so that none is handled twice. Default 100,000. */
  readonly seenMax?: number;
}

const ATTEMPTS_MAX = 5;
const RETRY_MS = 100;
const RETRY_MS_MAX = 10_000;
const SEEN_MAX = 100_000;
/** A consumer that is stopped waits for its last fetch. */
const FETCH_WAIT_MS = 100;

/**
 * Reads a ledger's events: committed ones only, typed, each handled once as far as its id is remembered.
 *
 * What cannot be handled goes to `<topic>.dlq`, which must exist, with the reason in its headers, and does not hold up
 * the events behind it. `replay` takes it from there.
 */
export class EventConsumer {
  readonly #options: EventConsumerOptions;
  readonly #kafka: Kafka;
  readonly #consumer: Consumer;
  readonly #producer: Producer;
  readonly #seen: SeenEvents;
  readonly #failure = Promise.withResolvers<never>();

  private constructor(options: EventConsumerOptions) {
    this.#options = options;
    const { kafka } = options;
    this.#kafka = "brokers" in kafka ? new Kafka({ ...kafkaConnection(kafka), logLevel: logLevel.ERROR }) : kafka;
    this.#consumer = this.#kafka.consumer({ groupId: options.groupId, maxWaitTimeInMs: FETCH_WAIT_MS });
    this.#producer = this.#kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    this.#seen = new SeenEvents(options.seenMax ?? SEEN_MAX);
    // Whoever does not ask need not be told.
    this.#failure.promise.catch(() => {});
    this.#consumer.on(this.#consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart) this.#failure.reject(error);
    });
  }

  /** Rejects when it reads no further by itself, as where an event can be neither handled nor put aside; else stays open. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  /** Begins to read, and goes on until `stop`. **Errors**: rejects where Kafka cannot be reached, or has not the topics. */
  static async start(options: EventConsumerOptions): Promise<EventConsumer> {
    const consumer = new EventConsumer(options);
    try {
      await consumer.#read(options.topics ?? EVENT_TOPICS, options.fromBeginning ?? true);
    } catch (error) {
      await consumer.stop();
      throw error;
    }
    return consumer;
  }

  /**
   * Hands the dead letters of some topics to `handle`, those that are there when it begins, and resolves with how many
   * were handled and how many failed again. Those are dead letters anew. One replay of a group runs at a time.
   *
   * **Errors**: rejects where it cannot go on; what it has not handled is there for the next one.
   */
  static async replay(options: EventConsumerOptions): Promise<{ readonly handled: number; readonly failed: number }> {
    const consumer = new EventConsumer(options);
    try {
      return await consumer.#replay((options.topics ?? EVENT_TOPICS).map(deadLetterTopic));
    } finally {
      await consumer.stop();
    }
  }

  /** Ends after the event that is being handled. */
  async stop(): Promise<void> {
    await this.#consumer.disconnect();
    await this.#producer.disconnect();
  }

  async #read(topics: readonly string[], fromBeginning: boolean): Promise<void> {
    await this.#producer.connect();
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning });
    await this.#consumer.run({ eachMessage: (payload) => this.#take(payload).then(() => {}) });
  }

  async #replay(topics: readonly string[]): Promise<{ readonly handled: number; readonly failed: number }> {
    const ends = await this.#openEnds(topics);
    const counts = { handled: 0, failed: 0 };
    if (ends.size === 0) return counts;
    const { promise: isOver, resolve: onEnd } = Promise.withResolvers<void>();
    await this.#producer.connect();
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await this.#consumer.run({
      eachMessage: async (payload) => {
        const place = `${payload.topic} ${payload.partition}`;
        counts[(await this.#take(payload)) ? "handled" : "failed"] += 1;
        const end = ends.get(place);
        if (end === undefined || BigInt(payload.message.offset) < end - 1n) return;
        // What fails again stands behind the end, and is for the next replay.
        payload.pause();
        ends.delete(place);
        if (ends.size === 0) onEnd();
      },
    });
    await Promise.race([isOver, this.failed]);
    return counts;
  }

  /** The ends of the partitions that the group has not read to the end. */
  async #openEnds(topics: readonly string[]): Promise<Map<string, bigint>> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      const ends = new Map<string, bigint>();
      const read = await admin.fetchOffsets({ groupId: this.#options.groupId, topics: [...topics] });
      for (const topic of topics) {
        const offsets = read.find((entry) => entry.topic === topic)?.partitions ?? [];
        for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
          const committed = BigInt(offsets.find((entry) => entry.partition === partition)?.offset ?? -1);
          const next = committed < BigInt(low) ? BigInt(low) : committed;
          if (next < BigInt(high)) ends.set(`${topic} ${partition}`, BigInt(high));
        }
      }
      return ends;
    } finally {
      await admin.disconnect();
    }
  }

  /** Handles a record, or puts it aside; whether it was handled. */
  async #take({ topic, partition, message, heartbeat }: EachMessagePayload): Promise<boolean> {
    const { handle, attemptsMax = ATTEMPTS_MAX, retryMs = RETRY_MS } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const event = readEvent(message);
        if (!this.#seen.has(event)) await handle(event);
        this.#seen.add(event);
        return true;
      } catch (error) {
        if (error instanceof NotAnEventError || attempt >= attemptsMax) {
          await putAside(this.#producer, { topic, partition, message }, reasonOf(error), attempt);
          return false;
        }
        await delay(backoffMs(attempt - 1, retryMs, RETRY_MS_MAX));
        await heartbeat();
      }
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
