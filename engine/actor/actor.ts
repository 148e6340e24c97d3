import type { z } from "zod";
import type { Code, Refusal } from "../../protocol/codes.ts";
import type { MedCardTiers } from "../../protocol/medcard/tiers.ts";
import type { Saga, SagaStep } from "../saga/saga.ts";
import type { StepAnswer } from "./messages.ts";

/** Who sends a command. `ownerId` is empty for an admin. */
export interface Sender {
  readonly isAdmin: boolean;
  readonly ownerId: string;
}

/** What an operator has set for decisions. What a decision takes from it stands in its events, so a replay needs none of it. */
export interface ActorSettings {
  readonly medCardTiers?: MedCardTiers;
}

/** Another actor that a command depends on, and what of it. */
export interface Dependency {
  readonly aggregate: string;
  readonly id: string;
  readonly fields: readonly string[];
}

/** What was found of it when the command came, or why nothing was. */
export type Found =
  | { readonly code: "ok"; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly code: Refusal };

/** What a decision may depend on besides the state and the command. All of it is journaled, so a replay sees the same. */
export interface ActorContext {
  /** The actor's id. */
  readonly id: string;
  readonly sender: Sender;
  /** The clock of the frame. */
  readonly nowMs: number;
  readonly settings?: ActorSettings;
  /** What the command depends on, where it depends on anything. */
  readonly found?: Found;
}

/**
 * What happened at once; or what has to happen to wallets first, with what has happened as that begins, such as a reservation;
 * or why not.
 */
export type ActorDecision<Event> =
  | { readonly code: "ok"; readonly events: readonly Event[] }
  | { readonly code: "ok"; readonly events?: readonly Event[]; readonly steps: readonly SagaStep[] }
  | { readonly code: Refusal };

/** The end of a saga: the command that began it and how it ended. `askIds` are those of its steps that were done. */
export interface SagaEnd<Command> {
  readonly command: Command;
  readonly saga: Saga;
  readonly sender: Sender;
  readonly code: Code;
  /** The id under which each step was done. */
  readonly askIds: readonly string[];
  /** What the wallet said that was asked last; absent where an operator ended the saga. */
  readonly answer?: StepAnswer;
}

/** What brings something of one version of a type to the next. */
export interface Upcast {
  readonly event: (event: unknown) => unknown;
  readonly state: (state: unknown) => unknown;
}

/**
 * A type of actors: what integrators may ask of one, and what becomes of it.
 *
 * `decide`, `conclude` and `evolve` are pure. Money moves by steps only: they are commands to wallets, which the engine sends
 * and sends again until they are answered. An actor takes one command at a time, to its end.
 */
export interface Actor<State, Command extends { readonly type: string }, Event extends { readonly type: string }> {
  /** Name in commands and in the journal; it never changes. */
  readonly name: string;
  readonly commands: z.ZodType<Command>;
  /** The events of the newest version. */
  readonly events: z.ZodType<Event>;
  /**
   * For each older version of the type, from 1 on, what brings its events and states to the next one. An event of the journal, and
   * a state of a snapshot, have the version in which they were written.
   */
  readonly upcasts: readonly Upcast[];
  /** `state` is undefined where nothing has happened to the actor yet. */
  readonly decide: (state: State | undefined, command: Command, context: ActorContext) => ActorDecision<Event>;
  /**
   * What a command has to know of another actor, on whatever shard that is: it is looked up with the sender's right before the
   * command is sent, and journaled with it. It is no part of what was asked for, so the same id may come with something else.
   */
  readonly dependsOn?: (command: Command) => Dependency | undefined;
  /** What has happened to the actor with the end of a saga. */
  readonly conclude: (state: State, end: SagaEnd<Command>) => readonly Event[];
  readonly evolve: (state: State | undefined, event: Event) => State;
  /** When the actor is to be sent `dueCommand`, while no command on it runs; infinity for never. **Units**: milliseconds. */
  readonly dueAtMs: (state: State) => number;
  readonly dueCommand: Command;
  readonly mayRead: (state: State, sender: Sender) => boolean;
  /** The clock of the frame in which it came, where its state says so: lists go by it. **Units**: milliseconds. */
  readonly cameAtMs?: (state: State) => number;
  /** Fields of the state that are long, and shown only where the whole state is asked for. */
  readonly longFields?: readonly (keyof State & string)[];
  /** The code for a command on an actor that there is not. */
  readonly notFound: Refusal;
  /** Its commands and states hold what a desk of the gateway makes and reads, so clients have them over REST alone. */
  readonly isRestOnly?: true;
  /** What a shard keeps of all of them together, where it keeps anything. */
  readonly projection?: () => Projection<State>;
}

/**
 * What a shard keeps of all actors of a type together.
 *
 * It is told the difference of each change and follows from the states alone, whatever their order: so a replay, a snapshot that is
 * loaded and a shard that follows another one come to the same, and nothing of it is stored.
 */
export interface Projection<State> {
  /** An actor has another state; it is new where it had none before. */
  readonly change: (before: State | undefined, after: State) => void;
  /** What somebody may see of what he asks for. */
  readonly read: (question: unknown, sender: Sender) => unknown;
}
