import { setTimeout as delay } from "node:timers/promises";
import type { ObjectOutcome } from "../../engine/views.ts";
import { CODES, type Code, type Refusal } from "../../protocol/codes.ts";
import { type ActorPage, type ActorPageAsked, listActors } from "../actor-lists.ts";
import { lookupActor } from "../actors.ts";
import type { Caller } from "../caller.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { commandActor } from "../found-actors.ts";
import { derivedId } from "../json-command.ts";

/** The types of actors that providers are about. */
export type ProviderActor = "TopUp" | "Payout" | "Stray";
export type Outcome = ObjectOutcome | Refusal;
type Facts = Readonly<Record<string, unknown>>;
type Command = Facts & { readonly type: string };

/** As whom the gateway tells the ledger what a provider has said. */
export const LEDGER: Caller = { role: "admin", ownerId: new Uint32Array(4), keyId: "" };

/** What passes while an actor's own command waits for wallets. */
const BUSY: ReadonlySet<Code> = new Set<Code>(["actor_busy", "overloaded"]);
const TRIES = 8;
const DELAY_MS = 25;
const PAGE = 100;

/** Commands and questions of the gateway to actors, as promises. */
export class ProviderLedger {
  readonly #dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  /** Sends a command under the id that its sender chose. */
  command(aggregate: ProviderActor, id: string, commandId: string, command: Command): Promise<Outcome> {
    return asPromise((done) => commandActor(this.#dispatcher, LEDGER, { aggregate, id, commandId, command }, done));
  }

  /**
   * Tells an actor what a provider has said, under an id that follows from it, and again while the actor is busy.
   *
   * `occasion` tells two of the same apart that are to count both.
   */
  async tell(aggregate: ProviderActor, id: string, command: Command, occasion = 0): Promise<Outcome> {
    const text = `mizan-provider\0${aggregate}\0${id}\0${occasion}\0${JSON.stringify(command)}`;
    for (let tries = 1; ; tries += 1) {
      const outcome = await this.command(aggregate, id, derivedId(text), command);
      if (!BUSY.has(codeOf(outcome)) || tries === TRIES) return outcome;
      await delay(DELAY_MS * 2 ** tries);
    }
  }

  find(aggregate: ProviderActor, id: string): Promise<Facts | Refusal> {
    return asPromise((done) => lookupActor(this.#dispatcher, LEDGER, { aggregate, id }, done));
  }

  /** All actors of a type with these fields, newest first. **Errors**: throws where the ledger does not answer. */
  async *all(
    aggregate: ProviderActor,
    where: Readonly<Record<string, string>>,
    during: { readonly fromMs?: number; readonly toMs?: number } = {},
  ): AsyncGenerator<Facts> {
    const asked = { aggregate, limit: PAGE, where, without: [], ...during };
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: ActorPage | Refusal = await this.#page(cursor === undefined ? asked : { ...asked, cursor });
      if (typeof page === "string") throw new Error(`the ledger does not list: ${page}`);
      yield* page.states;
      cursor = page.nextCursor;
    }
  }

  #page(asked: ActorPageAsked): Promise<ActorPage | Refusal> {
    return asPromise((done) => listActors(this.#dispatcher, LEDGER, asked, done));
  }
}

export function codeOf(outcome: Outcome): Code {
  return typeof outcome === "string" ? outcome : outcome.code;
}

/** Whether what was told is written down, whatever the actor made of it. */
export function isDurable(outcome: Outcome): boolean {
  const code = codeOf(outcome);
  return code === "ok" || code === "in_progress" || CODES[code].memory === "kept";
}

/** The actor's state in an outcome, if it has one. */
export function stateIn(outcome: Outcome): Facts | undefined {
  return typeof outcome === "string" || outcome.state === null ? undefined : (outcome.state as Facts);
}

function asPromise<T>(start: (done: (found: T | Refusal) => void) => Code): Promise<T | Refusal> {
  return new Promise((resolve) => {
    const code = start(resolve);
    if (code !== "ok") resolve(code);
  });
}
