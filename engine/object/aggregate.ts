import type { Code } from "../../protocol/codes.ts";

/** What a decision may depend on besides the state and the command; all of it is journaled, so a replay sees the same. */
export interface DecisionContext {
  readonly nowMs: number;
}

/** Events to journal, or the reason why not. */
export type Decision<Event> =
  | { readonly code: "ok"; readonly events: readonly Event[] }
  | { readonly code: Exclude<Code, "ok"> };

/**
 * An actor whose state is an object: it handles one command at a time, and its events are journaled as MessagePack.
 *
 * `decide` and `evolve` are pure. Wallets follow the same split in `engine/wallet`, on columns instead of objects.
 */
export interface Aggregate<State, Command, Event> {
  /** Name in commands and in the journal; it never changes. */
  readonly name: string;
  readonly decide: (state: State | undefined, command: Command, context: DecisionContext) => Decision<Event>;
  /** The state after an event; undefined when the aggregate has come to its end and may be forgotten. */
  readonly evolve: (state: State | undefined, event: Event) => State | undefined;
}

/** The states of all aggregates of one type on a shard. */
export class AggregateStore<State, Command, Event> {
  readonly aggregate: Aggregate<State, Command, Event>;
  readonly #states = new Map<string, State>();

  constructor(aggregate: Aggregate<State, Command, Event>) {
    this.aggregate = aggregate;
  }

  get size(): number {
    return this.#states.size;
  }

  get(id: string): State | undefined {
    return this.#states.get(id);
  }

  states(): IterableIterator<State> {
    return this.#states.values();
  }

  entries(): IterableIterator<[string, State]> {
    return this.#states.entries();
  }

  /** Takes a state as it is: how a snapshot is loaded. */
  adopt(id: string, state: State): void {
    this.#states.set(id, state);
  }

  decide(id: string, command: Command, context: DecisionContext): Decision<Event> {
    return this.aggregate.decide(this.#states.get(id), command, context);
  }

  forget(id: string): void {
    this.#states.delete(id);
  }

  evolve(id: string, events: readonly Event[]): void {
    for (const event of events) {
      const state = this.aggregate.evolve(this.#states.get(id), event);
      if (state === undefined) this.#states.delete(id);
      else this.#states.set(id, state);
    }
  }
}
