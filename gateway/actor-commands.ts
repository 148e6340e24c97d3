/** Commands on actors that come over sockets: checked by the schema of their type, and handed over in one entry a shard. */

import { pack } from "msgpackr";
import { actorOf } from "../engine/actor/registry.ts";
import { REQUEST_KIND } from "../engine/port/entries.ts";
import type { ActorBatch, ActorResult, ObjectCommand } from "../engine/views.ts";
import { type Code, codeName, type Refusal } from "../protocol/codes.ts";
import { shardOfUuid } from "../protocol/ids.ts";
import { type Checked, check, placed } from "../protocol/json-fault.ts";
import { answerTo, senderOf } from "./actors.ts";
import type { Caller } from "./caller.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { withFound } from "./found-actors.ts";

/** A command on an actor, checked. */
export type ActorCommand = ActorBatch["commands"][number];

/** What one came to. */
export interface ActorOutcome {
  readonly code: Code;
  readonly replayed: boolean;
  readonly shard: number;
  /** 0 where nothing was journaled. */
  readonly sequence: number;
  /** Of the actor, where the command succeeded; else 0. */
  readonly version: number;
  /** Null where it was not asked for. */
  readonly state: Readonly<Record<string, unknown>> | null;
}

/**
 * Checks a command by the schema of its actor's type.
 *
 * **Errors**: `unknown_operation` where there is no such type or command; else that of the first wrong field.
 */
export function checkActorCommand(name: string, command: unknown): Checked<ObjectCommand["command"]> {
  const actor = actorOf(name);
  if (actor === undefined || actor.isRestOnly) {
    const message = actor === undefined ? `no type of actors: ${name}` : `${name} takes commands over REST alone`;
    return { ok: false, fault: { code: "unknown_operation", field: "actor", message } };
  }
  const checked = check(actor.commands, command);
  if (checked.ok) return { ok: true, value: checked.value as ObjectCommand["command"] };
  return placed(checked, "command");
}

/**
 * Sends commands to their actors. `done` gets the outcome of each, in their order, when the last of them has come to its end.
 *
 * What is a code already is its own outcome. Those of one shard are executed in their order.
 * **Errors**: a code other than `ok` refuses all of them, and `done` is never called.
 */
export function commandActors(
  dispatcher: Dispatcher,
  caller: Caller,
  commands: readonly (ActorCommand | Refusal)[],
  withStates: boolean,
  done: (outcomes: readonly ActorOutcome[]) => void,
): Code {
  if (dispatcher.refusal !== "ok") return dispatcher.refusal;
  const send = (found: readonly (ActorCommand | Refusal)[]): Code =>
    sendAll(dispatcher, caller, found, withStates, done);
  return withFound(dispatcher, caller, commands, send, (code) => done(commands.map(() => refused(code))));
}

function sendAll(
  dispatcher: Dispatcher,
  caller: Caller,
  commands: readonly (ActorCommand | Refusal)[],
  withStates: boolean,
  done: (outcomes: readonly ActorOutcome[]) => void,
): Code {
  const outcomes = new Array<ActorOutcome>(commands.length);
  const by = senderOf(caller);
  const parts = new Map<number, number[]>();
  for (const [index, command] of commands.entries()) {
    if (typeof command === "string") {
      outcomes[index] = refused(command);
      continue;
    }
    const shard = shardOfUuid(command.id, dispatcher.shardCount);
    const part = parts.get(shard);
    if (part === undefined) parts.set(shard, [index]);
    else part.push(index);
  }
  let left = 1;
  const finish = (): void => {
    left -= 1;
    if (left === 0) done(outcomes);
  };
  let refusal: Code = "ok";
  for (const [shard, part] of parts) {
    const sent = part.map((index) => commands[index] as ActorCommand);
    const batch: ActorBatch = { by, withStates, commands: sent };
    const waiting = answerTo((code, value) => {
      for (const [at, index] of part.entries()) outcomes[index] = outcomeOf(code, value, at, shard);
      finish();
    });
    const code = dispatcher.ask(shard, REQUEST_KIND.ActorCommands, caller, sent.length, pack(batch), waiting);
    if (code === "ok") {
      left += 1;
      continue;
    }
    refusal = code;
    for (const index of part) outcomes[index] = refused(code as Refusal);
  }
  if (left === 1 && refusal !== "ok") return refusal;
  // Answers never come before the call has returned.
  setImmediate(finish);
  return "ok";
}

function outcomeOf(code: Code, value: unknown, at: number, shard: number): ActorOutcome {
  if (value === null) return refused(code === "ok" ? "internal_error" : code);
  const [number, replayed, sequence, version, state] = (value as readonly ActorResult[])[at];
  return { code: codeName(number), replayed, shard, sequence, version, state };
}

function refused(code: Refusal): ActorOutcome {
  return { code, replayed: false, shard: 0, sequence: 0, version: 0, state: null };
}
