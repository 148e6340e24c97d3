import type { ActorUpdate } from "./actor-update.ts";
import { backoffMs } from "./backoff.ts";
import type { Codec, ServerLimits, ServerMessage } from "./codec.ts";
import type { CommandCall, CommandPart } from "./command-call.ts";
import { Deadlines } from "./deadlines.ts";
import { MizanError } from "./errors.ts";
import { Fifo } from "./fifo.ts";
import { IN_PROGRESS_PAUSE_MS, OVERLOAD_PAUSE_MS_MAX, OVERLOAD_PAUSE_MS_MIN } from "./limits.ts";
import { Link } from "./link.ts";
import type { Nodes } from "./nodes.ts";
import type { Pending } from "./pending.ts";
import { type AgainCode, CommandMessage, isRunning, type Question } from "./questions.ts";
import type { BalanceUpdate } from "./results.ts";
import type { Endpoint } from "./socket.ts";

/** What an exchange tells the subscriptions that run over its connection. */
export interface StreamEvents {
  /** A new connection stands, without any topic yet. */
  up(): void;
  updates(updates: readonly BalanceUpdate[]): void;
  actors?(updates: readonly ActorUpdate[]): void;
  /** The connection and its topics are gone; the next one is on its way. */
  down(): void;
  failed(error: MizanError): void;
}

export interface ExchangeBounds {
  readonly inFlightMax: number;
  readonly pendingMax: number;
}

/**
 * Questions and answers over one link: gathers commands into messages, keeps a bounded number of messages in flight,
 * sends again under the same ids what a lost connection or a full server left unanswered, and lets every call end by
 * its timeout.
 */
export class Exchange {
  readonly #codec: Codec;
  readonly #bounds: ExchangeBounds;
  readonly #streams: StreamEvents;
  readonly #link: Link;
  readonly #deadlines = new Deadlines(() => this.#prune());
  readonly #inFlight = new Map<number, Question>();
  /** Questions that wait for room in flight; they go before the commands. */
  readonly #questions = new Fifo<Question>();
  readonly #parts = new Fifo<CommandPart>();
  readonly #connected = Promise.withResolvers<void>();
  #limits: ServerLimits | undefined;
  #lastRequestId = 0;
  #pendingWeight = 0;
  #flushScheduled = false;
  #overloads = 0;
  #pause: ReturnType<typeof setTimeout> | undefined;
  /** Why calls are not taken any more. */
  #failure: MizanError | undefined;
  #isEnded = false;
  #onDrained: () => void = () => {};

  constructor(endpoint: Endpoint, codec: Codec, bounds: ExchangeBounds, streams: StreamEvents) {
    this.#codec = codec;
    this.#bounds = bounds;
    this.#streams = streams;
    this.#connected.promise.catch(() => {});
    this.#link = new Link(endpoint, codec, {
      up: (limits) => this.#up(limits),
      message: (message) => this.#receive(message),
      down: () => this.#down(),
      failed: (error) => this.fail(error),
    });
    this.#link.open();
  }

  /** Resolves with the first welcome of the server. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  get isUp(): boolean {
    return this.#link.isUp;
  }

  get nodes(): Nodes {
    return this.#link.nodes;
  }

  get lastFailure(): unknown {
    return this.#link.lastFailure;
  }

  /** Hands in a call's commands; the call's `pending` tells how it ends. */
  submit(call: CommandCall): void {
    if (!this.#admit(call.pending)) return;
    if (this.#limits === undefined) throw new Error("a call before the first welcome");
    for (const part of call.divide(this.#codec, this.#limits)) this.#parts.push(part);
    this.#scheduleFlush();
  }

  /** Hands in a question that ends by its answer or its timeout. */
  inquire<T>(inquiry: Question & { readonly pending: Pending<T> }): void {
    if (this.#admit(inquiry.pending)) this.ask(inquiry);
  }

  /** Hands in a question that ends when it is not wanted any more. */
  ask(question: Question): void {
    this.#questions.push(question);
    this.#scheduleFlush();
  }

  /** Takes no more calls, and resolves when those that wait have their answers or timeouts. */
  async drain(): Promise<void> {
    this.#failure ??= new MizanError("closed", "the client is closed");
    if (this.#pendingWeight === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onDrained = resolve;
    await promise;
  }

  /** Ends everything: no connection any more, and every call that waits fails. */
  fail(error: MizanError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = error;
    this.#link.end();
    clearTimeout(this.#pause);
    this.#connected.reject(error);
    for (const pending of this.#deadlines.drain()) pending.fail(error.code, error.message, error);
    this.#streams.failed(error);
  }

  #admit<T>(pending: Pending<T>): boolean {
    if (this.#failure !== undefined) {
      pending.fail(this.#failure.code, this.#failure.message, this.#failure);
      return false;
    }
    if (this.#pendingWeight + pending.weight > this.#bounds.pendingMax) {
      pending.fail("overloaded", `more than ${this.#bounds.pendingMax} commands wait for their answers`);
      return false;
    }
    this.#pendingWeight += pending.weight;
    this.#deadlines.add(pending);
    pending.onSettled = () => {
      this.#deadlines.remove(pending);
      this.#pendingWeight -= pending.weight;
      if (this.#pendingWeight === 0) this.#onDrained();
    };
    return true;
  }

  /** Flushes after the current task's calls have gathered. */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#limits === undefined || this.#pause !== undefined) return;
    const inFlightMax = Math.min(this.#bounds.inFlightMax, this.#limits.inFlightMax);
    while (this.#link.isUp && this.#inFlight.size < inFlightMax) {
      const question = this.#nextQuestion(this.#limits);
      if (question === undefined) return;
      const requestId = this.#nextRequestId();
      this.#inFlight.set(requestId, question);
      this.#link.send(question.encode(this.#codec, requestId));
    }
  }

  #nextQuestion(limits: ServerLimits): Question | undefined {
    for (let question = this.#questions.shift(); question !== undefined; question = this.#questions.shift()) {
      if (question.isWanted) return question;
    }
    const parts: CommandPart[] = [];
    let commands = 0;
    let bytes = this.#codec.messageOverheadBytes;
    for (let part = this.#parts.peek(); part !== undefined; part = this.#parts.peek()) {
      commands += part.slots.length;
      bytes += part.bytes;
      // The first part always goes: it was cut to fit.
      if (parts.length > 0 && (commands > limits.commandsPerMessageMax || bytes > limits.messageBytesMax)) break;
      this.#parts.shift();
      parts.push(part);
    }
    return parts.length === 0 ? undefined : new CommandMessage(parts);
  }

  #nextRequestId(): number {
    do this.#lastRequestId = (this.#lastRequestId + 1) >>> 0;
    while (this.#lastRequestId === 0 || this.#inFlight.has(this.#lastRequestId));
    return this.#lastRequestId;
  }

  #up(limits: ServerLimits): void {
    this.#limits = limits;
    this.#connected.resolve();
    this.#streams.up();
    for (const [requestId, question] of this.#inFlight) this.#link.send(question.encode(this.#codec, requestId));
    this.#flush();
  }

  #down(): void {
    this.#streams.down();
    this.#prune();
  }

  #receive(message: ServerMessage): void {
    if (message.type === "updates") this.#streams.updates(message.updates);
    else if (message.type === "actors") this.#streams.actors?.(message.updates);
    if (!("requestId" in message)) return;
    const question = this.#inFlight.get(message.requestId);
    // An answer that came too late, or twice.
    if (question === undefined) return;
    const outcome = question.answer(message);
    if (outcome === "mismatch") {
      this.#link.lose(new MizanError("protocol_violation", "the server sent an answer that does not fit its request"));
      return;
    }
    this.#inFlight.delete(message.requestId);
    if (outcome === undefined) this.#overloads = 0;
    else this.#askAgain(outcome.question, outcome.code, message.type === "refused" ? message.leader : undefined);
    this.#scheduleFlush();
  }

  #askAgain(question: Question, code: AgainCode, leader: string | undefined): void {
    if (isRunning(code)) {
      setTimeout(() => this.ask(question), IN_PROGRESS_PAUSE_MS);
      return;
    }
    this.#questions.putBack(question);
    if (code === "not_leader" && this.#link.redirect(leader)) return;
    if (this.#pause !== undefined) return;
    const pauseMs = backoffMs(this.#overloads, OVERLOAD_PAUSE_MS_MIN, OVERLOAD_PAUSE_MS_MAX);
    this.#overloads += 1;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#flush();
    }, pauseMs);
  }

  /** Forgets what nobody waits for any more. */
  #prune(): void {
    for (const [requestId, question] of this.#inFlight) if (!question.isWanted) this.#inFlight.delete(requestId);
    this.#questions.retain((question) => question.isWanted);
    this.#parts.retain((part) => !part.call.pending.isSettled);
    this.#scheduleFlush();
  }
}
