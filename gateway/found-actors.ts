/** Looks up what commands have to know of other actors, before they are sent. */

import type { Dependency, Found } from "../engine/actor/actor.ts";
import { actorOf } from "../engine/actor/registry.ts";
import type { ObjectCommand, ObjectOutcome } from "../engine/views.ts";
import { CODES, type Code, type Refusal } from "../protocol/codes.ts";
import { lookupActor, sendToActor } from "./actors.ts";
import type { Caller } from "./caller.ts";
import type { Dispatcher } from "./dispatcher.ts";

type Sent = Omit<ObjectCommand, "by">;

/** Sends a command to an actor; `done` gets its outcome when wallets have done their part, or why there is none. */
export function commandActor(
  dispatcher: Dispatcher,
  caller: Caller,
  command: Omit<Sent, "found">,
  done: (outcome: ObjectOutcome | Refusal) => void,
): Code {
  const send = ([sent]: readonly (Sent | Refusal)[]): Code =>
    typeof sent === "object" ? sendToActor(dispatcher, caller, sent, done) : (sent ?? "internal_error");
  return withFound(dispatcher, caller, [command], send, done);
}

/**
 * Hands commands on with what they depend on: at once where none does, and later else. Each actor is looked up once.
 *
 * A look-up that fails for what passes refuses the command, so that the same id may come again; any other refusal is the
 * command's to answer. What `go` returns later than this call goes to `late`, unless it is `ok`.
 */
export function withFound(
  dispatcher: Dispatcher,
  caller: Caller,
  commands: readonly (Sent | Refusal)[],
  go: (commands: readonly (Sent | Refusal)[]) => Code,
  late: (code: Refusal) => void,
): Code {
  const dependencies = commands.map((sent) => (typeof sent === "string" ? undefined : dependencyOf(sent)));
  const asked = new Map<string, Dependency>();
  for (const dependency of dependencies) if (dependency !== undefined) asked.set(keyOf(dependency), dependency);
  if (asked.size === 0) return go(commands);
  const answers = new Map<string, Found | Refusal>();
  const take = (key: string, answer: Found | Refusal): void => {
    answers.set(key, answer);
    if (answers.size < asked.size) return;
    const code = go(
      commands.map((sent, index) => {
        const dependency = dependencies[index];
        const found = dependency === undefined ? undefined : answers.get(keyOf(dependency));
        return typeof sent === "string" || found === undefined
          ? sent
          : typeof found === "string"
            ? found
            : { ...sent, found };
      }),
    );
    if (code !== "ok") late(code);
  };
  for (const [key, dependency] of asked) {
    const code = lookupActor(dispatcher, caller, dependency, (facts) => take(key, foundOf(facts)));
    // An answer never comes before the call has returned.
    if (code !== "ok") setImmediate(take, key, foundOf(code));
  }
  return "ok";
}

function dependencyOf({ aggregate, command }: Sent): Dependency | undefined {
  return actorOf(aggregate)?.dependsOn?.(command);
}

function keyOf({ aggregate, id }: Dependency): string {
  return `${aggregate}\0${id}`;
}

function foundOf(facts: Readonly<Record<string, unknown>> | Refusal): Found | Refusal {
  if (typeof facts !== "string") return { code: "ok", facts };
  return CODES[facts].memory === "passing" ? facts : { code: facts };
}
