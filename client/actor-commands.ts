/** Commands on actors: payments, medical cards, and whatever else is no wallet. */

import { isUuid } from "../protocol/ids.ts";
import { ACTOR_NAME_BYTES_MAX, ACTOR_TEXT_BYTES_MAX } from "../protocol/limits.ts";
import { type Answer, type Rejection, type RejectionCode, rejection } from "./results.ts";

/**
 * The commands of each type of actors, by its name.
 *
 * Empty here, so that the client needs no schemas: `client/actors.ts` fills it from them. A type that is not in it takes any command.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface ActorCommands {}

/** What a type of actors takes. */
export type ActorCommandOf<Name extends string> = Name extends keyof ActorCommands
  ? ActorCommands[Name]
  : { readonly type: string; readonly [field: string]: unknown };

/** A command on one actor. */
export interface ActorCommand {
  /** Names the command for ever: sent again under the same id, it is answered again and not applied again. A UUIDv7; made where left out. */
  readonly commandId?: string;
  /** The type of the actor: `Payment`. */
  readonly actor: string;
  /** The actor; a new UUID where the command begins one. */
  readonly actorId: string;
  readonly command: { readonly type: string };
}

/** One that is ready to be sent. */
export type NamedActorCommand = ActorCommand & { readonly commandId: string };

/** One actor, to send commands to. */
export interface ActorHandle<Name extends string> {
  send(
    command: ActorCommandOf<Name>,
    options?: { readonly commandId?: string; readonly timeoutMs?: number },
  ): Promise<ActorResult>;
}

/** A command that was applied and is durable. */
export interface ActorApplied {
  readonly ok: true;
  readonly commandId: string;
  readonly actorId: string;
  /** One more with each event of the actor. */
  readonly version: number;
  /** Journal position of the record that ended the command, `shard:sequence`. */
  readonly position: string;
  /** The command had been applied before under this id; the state is that of now. */
  readonly replayed: boolean;
  /** The actor as it is; times are milliseconds since the epoch. */
  readonly state: Readonly<Record<string, unknown>>;
}

/** What a command on an actor came to. */
export type ActorResult = ActorApplied | ActorRejected;

/** A command that was refused. */
export interface ActorRejected extends Rejection {
  readonly commandId: string;
  readonly actorId: string;
  /** Journal position of the refusal, or null where the code is not remembered under the id. */
  readonly position: string | null;
  readonly replayed: boolean;
}

/** Joins an answer with its command. */
export function actorResultOf({ commandId, actorId }: NamedActorCommand, answer: Answer): ActorResult {
  const { code, position, replayed, actor } = answer;
  if (code !== "ok") return { ...rejection(code), commandId, actorId, position, replayed };
  const { version, state } = actor ?? { version: 0, state: {} };
  return { ok: true, commandId, actorId, version, position: position ?? "", replayed, state };
}

/** The code of what makes a command impossible to send, as the ledger itself would answer it, or undefined. */
export function actorFault({ commandId, actor, actorId, command }: NamedActorCommand): RejectionCode | undefined {
  if (![commandId, actorId].every((id) => typeof id === "string" && isUuid(id))) return "invalid_request";
  if (!/^[!-~]+$/.test(actor) || actor.length > ACTOR_NAME_BYTES_MAX) return "unknown_operation";
  return actorText(command).length > ACTOR_TEXT_BYTES_MAX ? "message_too_large" : undefined;
}

/** A command as it travels. */
export function actorText(command: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(command));
}
