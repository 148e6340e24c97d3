import type { Codec, Payload, ServerMessage, Topic, TopicRequest } from "./codec.ts";
import { MizanError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { isAgainCode, type Outcome, type Question } from "./questions.ts";
import type { BalanceUpdate } from "./results.ts";
import type { StreamUpdate } from "./stream-update.ts";
import type { SubscriptionReader } from "./subscription.ts";

/** One topic followed over one exchange, and its readers; asks for the topic again on every new connection. */
export class TopicFeed<Update extends StreamUpdate = BalanceUpdate> {
  readonly #topic: Topic;
  readonly #exchange: Exchange;
  readonly #readers = new Set<SubscriptionReader<Update>>();
  /** Counts the connections: what was asked over an earlier one is not wanted any more. */
  #connection = 0;

  constructor(exchange: Exchange, topic: Topic) {
    this.#exchange = exchange;
    this.#topic = topic;
  }

  get isEmpty(): boolean {
    return this.#readers.size === 0;
  }

  add(reader: SubscriptionReader<Update>): void {
    this.#readers.add(reader);
    if (this.#exchange.isUp) this.#subscribe(reader.lastVersion(this.#topic.id));
  }

  /** Takes a reader out; `onLeft` is called when with the last one the topic is given up. */
  remove(reader: SubscriptionReader<Update>, onLeft: () => void): void {
    if (!this.#readers.delete(reader) || !this.isEmpty) return;
    if (!this.#exchange.isUp) {
      onLeft();
      return;
    }
    this.#ask(
      (codec, requestId) => codec.encodeUnsubscribe(requestId, this.#request(undefined)),
      () => this.isEmpty,
      () => {
        if (this.isEmpty) onLeft();
      },
    );
  }

  up(): void {
    this.#connection += 1;
    for (const reader of this.#readers) reader.resume();
    const versions = [...this.#readers].map((reader) => reader.lastVersion(this.#topic.id));
    // The readers pass over what they have had already, so the one furthest behind decides.
    const lowest = versions.reduce((a, b) => (a === undefined || b === undefined ? undefined : Math.min(a, b)));
    this.#subscribe(lowest);
  }

  down(): void {
    this.#connection += 1;
  }

  take(update: Update): void {
    for (const reader of this.#readers) reader.take(update);
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
  }

  fail(error: MizanError): void {
    for (const reader of this.#readers) reader.fail(error);
  }

  #subscribe(fromVersion: number | undefined): void {
    this.#ask(
      (codec, requestId) => codec.encodeSubscribe(requestId, this.#request(fromVersion)),
      () => !this.isEmpty,
      (message) => {
        if (message.type === "refused") this.fail(new MizanError(message.code, message.message));
        else for (const reader of this.#readers) reader.accept();
      },
    );
  }

  #request(fromVersion: number | undefined): TopicRequest {
    return { ...this.#topic, fromVersion };
  }

  #ask(
    encode: (codec: Codec, requestId: number) => Payload,
    isWanted: () => boolean,
    onAnswer: (message: ServerMessage) => void,
  ): void {
    const feed = this;
    const connection = this.#connection;
    this.#exchange.ask({
      encode,
      get isWanted(): boolean {
        return feed.#connection === connection && isWanted();
      },
      answer(message): Outcome {
        if (message.type === "refused" && isAgainCode(message.code)) return { question: this, code: message.code };
        if (message.type !== "refused" && message.type !== "subscribed") return "mismatch";
        onAnswer(message);
        return undefined;
      },
    } satisfies Question);
  }
}
