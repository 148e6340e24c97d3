import type { Outbox } from "./outbox.ts";
import type { Subscriber } from "./subscriber.ts";

/** The outbox of each subscriber. */
export class Outboxes {
  readonly #bySubscriber = new Map<Subscriber, Outbox>();
  readonly #create: (subscriber: Subscriber) => Outbox;
  #patient = 0;

  constructor(create: (subscriber: Subscriber) => Outbox) {
    this.#create = create;
  }

  /** Whether any of them is told changes only when the log has confirmed them. */
  get hasPatient(): boolean {
    return this.#patient > 0;
  }

  find(subscriber: Subscriber): Outbox | undefined {
    return this.#bySubscriber.get(subscriber);
  }

  /** The outbox of a subscriber, made where it has none yet. */
  of(subscriber: Subscriber): Outbox {
    const known = this.#bySubscriber.get(subscriber);
    if (known !== undefined) return known;
    const outbox = this.#create(subscriber);
    this.#bySubscriber.set(subscriber, outbox);
    if (outbox.isPatient) this.#patient += 1;
    return outbox;
  }

  /** Takes an outbox out, to which nothing is added any more. */
  remove(subscriber: Subscriber): Outbox | undefined {
    const outbox = this.#bySubscriber.get(subscriber);
    if (outbox === undefined) return undefined;
    this.#bySubscriber.delete(subscriber);
    if (outbox.isPatient) this.#patient -= 1;
    outbox.closed = true;
    return outbox;
  }

  /** Those that are told changes only when the log has confirmed them. */
  patient(): Outbox[] {
    return [...this.#bySubscriber.values()].filter(({ isPatient }) => isPatient);
  }
}
