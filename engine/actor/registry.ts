import { medCardActor } from "../medcard/actor.ts";
import { merchantActor } from "../merchant/actor.ts";
import { paymentActor } from "../payment/actor.ts";
import { payoutActor } from "../payout/actor.ts";
import { personActor } from "../person/actor.ts";
import { strayActor } from "../stray/actor.ts";
import { topUpActor } from "../topup/actor.ts";
import type { Actor, Upcast } from "./actor.ts";

/** A command or an event of some actor. */
export interface AnyCommand {
  readonly type: string;
}

/** An actor of some type, with the types of its own parts forgotten. */
export type AnyActor = Actor<unknown, AnyCommand, AnyCommand>;

/** Every type of actors. A new one is a folder of its own, and one line here. */
export const ACTORS: readonly AnyActor[] = [
  sealed(paymentActor),
  sealed(medCardActor),
  sealed(personActor),
  sealed(topUpActor),
  sealed(payoutActor),
  sealed(merchantActor),
  sealed(strayActor),
];

/** By name. */
const BY_NAME: ReadonlyMap<string, AnyActor> = new Map(ACTORS.map((actor) => [actor.name, actor]));

export function actorOf(name: string): AnyActor | undefined {
  return BY_NAME.get(name);
}

/** What a table of many types takes: states, commands and events come back to the actor that they came from. */
function sealed<State, Command extends AnyCommand, Event extends AnyCommand>(
  actor: Actor<State, Command, Event>,
): AnyActor {
  return actor as unknown as AnyActor;
}

type Versioned = Pick<AnyActor, "name" | "upcasts">;

/** The version in which this program writes events and states of a type. */
export function versionOf({ upcasts }: Pick<AnyActor, "upcasts">): number {
  return upcasts.length + 1;
}

/** The events of a record in their newest version. **Errors**: throws where they are newer than this program. */
export function upcast(actor: Versioned, events: readonly unknown[], version: number): readonly unknown[] {
  return after(actor, version).reduce((older, { event }) => older.map(event), events);
}

/** The state of an actor in its newest version. **Errors**: as `upcast`. */
export function upcastState(actor: Versioned, state: unknown, version: number): unknown {
  return after(actor, version).reduce((older, next) => next.state(older), state);
}

function after(actor: Versioned, version: number): readonly Upcast[] {
  if (version > versionOf(actor)) {
    throw new Error(
      `a ${actor.name} is of version ${version}, and this program knows ${versionOf(actor)}; start a newer one`,
    );
  }
  return actor.upcasts.slice(version - 1);
}
