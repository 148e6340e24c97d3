import type { Asker } from "../caller.ts";
import type { Counters } from "../counters.ts";
import type { ActorStep, StepMarks } from "./actor-step.ts";
import type { ActorTopic } from "./actor-topic.ts";
import type { FlushList, Listed } from "./flush-list.ts";
import type { OutboxLimits } from "./outbox.ts";

/** Text of one message, but for its last step. **Units**: characters. */
const MESSAGE_TEXT_MAX = 65_536;

/** A reader of actors, as the streams see a connection. */
export interface ActorSubscriber {
  readonly principal: Asker;
  bufferedBytes(): number;
  /** Sends steps, joined by commas. */
  sendActors(steps: string): void;
  closeSlow(): void;
}

/** What a reader follows: how far he has been told, and whether he takes the long fields, too. */
export interface Followed {
  readonly topic: ActorTopic;
  readonly isWhole: boolean;
  /** The last version that was put in here for him; -1 before the first one. */
  version: number;
}

interface Waiting {
  readonly step: ActorStep;
  readonly marks: StepMarks;
}

const CHANGE: StepMarks = { kind: "change", isReset: false, isConflated: false };

/**
 * The steps that wait for one reader: all of them while he reads along, the latest of each actor once he does not.
 */
export class ActorOutbox implements Listed {
  readonly subscriber: ActorSubscriber;
  readonly isPatient: boolean;
  /** By key of the topic. */
  readonly followed = new Map<string, Followed>();
  /** Subscriptions that a shard has yet to confirm; nothing is sent meanwhile, so that states follow the confirmation. */
  asking = 0;
  listed = false;
  closed = false;
  readonly #limits: OutboxLimits;
  readonly #counters: Counters;
  readonly #flushList: FlushList;
  #waiting: Waiting[] = [];
  #isConflating = false;

  constructor(subscriber: ActorSubscriber, limits: OutboxLimits, counters: Counters, flushList: FlushList) {
    this.subscriber = subscriber;
    this.isPatient = subscriber.principal.awaitsLog === true;
    this.#limits = limits;
    this.#counters = counters;
    this.#flushList = flushList;
  }

  /** Adds a step of an actor that the reader follows, unless it is told already. */
  push(step: ActorStep, marks = CHANGE): void {
    const followed = this.followed.get(step.key);
    if (this.closed || followed === undefined || step.version <= followed.version) return;
    const isConflated = marks.kind === "change" && step.isConflated;
    followed.version = step.version;
    this.#waiting.push({ step, marks: isConflated ? { ...marks, isConflated } : marks });
    if (this.#isConflating || this.#waiting.length > this.#limits.streamPendingDeltasMax) this.#conflate();
    this.#flushList.add(this);
  }

  /** Drops what waits of an actor that is no longer followed. */
  forget(key: string): void {
    this.#waiting = this.#waiting.filter(({ step }) => step.key !== key);
  }

  flush(): void {
    if (this.#waiting.length === 0 || this.closed || this.asking > 0) return;
    const buffered = this.subscriber.bufferedBytes();
    if (buffered > this.#limits.socketBufferedMaxBytes) {
      this.#counters.slowConsumersClosed += 1;
      this.subscriber.closeSlow();
    } else if (buffered > this.#limits.socketBufferedSoftBytes) {
      this.#conflate();
    } else {
      this.#send();
    }
  }

  /** A state that was never sent stays a state, with what came later; a change takes the place of those before it. */
  #conflate(): void {
    this.#isConflating = true;
    const latest = new Map<string, Waiting>();
    for (const waiting of this.#waiting) {
      const { key } = waiting.step;
      const before = latest.get(key);
      if (before !== undefined) this.#counters.deltasConflated += 1;
      const isState = before?.marks.kind === "state";
      const marks = isState ? before.marks : { ...waiting.marks, isConflated: true };
      latest.set(key, before === undefined ? waiting : { step: waiting.step, marks });
    }
    this.#waiting = [...latest.values()];
  }

  #send(): void {
    this.#isConflating = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    let steps = "";
    for (const { step, marks } of waiting) {
      const isWhole = this.followed.get(step.key)?.isWhole ?? false;
      steps += `${steps === "" ? "" : ","}${step.text(marks, isWhole)}`;
      this.#counters.deltasDelivered += 1;
      if (steps.length < MESSAGE_TEXT_MAX) continue;
      this.subscriber.sendActors(steps);
      steps = "";
    }
    if (steps !== "") this.subscriber.sendActors(steps);
  }
}
