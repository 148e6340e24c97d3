import { ACTOR_COMMANDS_PER_FRAME_MAX } from "../protocol/limits.ts";
import {
  type ActorCommand,
  type ActorHandle,
  type ActorResult,
  actorFault,
  actorResultOf,
  type NamedActorCommand,
} from "./actor-commands.ts";
import type { Codec, Payload, ServerMessage } from "./codec.ts";
import { MizanError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { Pending } from "./pending.ts";
import { isAgainCode, type Outcome, type Question } from "./questions.ts";
import { type Answer, refusal } from "./results.ts";

/** One actor, whose commands go through a client. */
export function actorHandle<Name extends string>(
  mizan: {
    actors(
      commands: readonly ActorCommand[],
      options?: { readonly timeoutMs?: number },
    ): Promise<readonly ActorResult[]>;
  },
  actor: Name,
  actorId: string,
): ActorHandle<Name> {
  return {
    send: async (command, options) => {
      const [result] = await mizan.actors([{ ...options, actor, actorId, command }], options);
      if (result === undefined) throw new MizanError("protocol_violation", "a command without a result");
      return result;
    },
  };
}

/**
 * Sends commands on actors in one message; what cannot be sent is answered as the ledger would.
 *
 * **Errors**: MizanError `too_many_commands`, and those of every call.
 */
export async function commandActors(
  exchange: Exchange,
  commands: readonly ActorCommand[],
  nextId: () => string,
  timeoutMs: number,
): Promise<readonly ActorResult[]> {
  if (commands.length > ACTOR_COMMANDS_PER_FRAME_MAX) {
    throw new MizanError("too_many_commands", `at most ${ACTOR_COMMANDS_PER_FRAME_MAX} commands on actors at once`);
  }
  const named = commands.map((command) => ({ ...command, commandId: command.commandId ?? nextId() }));
  const faults = named.map(actorFault);
  const sound = named.filter((_, index) => faults[index] === undefined);
  const call = new ActorCall(sound, timeoutMs);
  if (sound.length > 0) exchange.inquire(call);
  const results = sound.length === 0 ? [] : await call.pending.promise;
  const rest = results.values();
  return named.map((command, index) => {
    const fault = faults[index];
    return fault === undefined ? (rest.next().value as ActorResult) : actorResultOf(command, refusal(fault));
  });
}

/** Commands on actors in one message. Where one of them is to be asked again, all are: the others are answered again. */
class ActorCall implements Question {
  readonly pending: Pending<readonly ActorResult[]>;
  readonly #commands: readonly NamedActorCommand[];

  constructor(commands: readonly NamedActorCommand[], timeoutMs: number) {
    this.#commands = commands;
    this.pending = new Pending(timeoutMs, commands.length, () => commands.map(({ commandId }) => commandId));
  }

  get isWanted(): boolean {
    return !this.pending.isSettled;
  }

  encode(codec: Codec, requestId: number): Payload {
    return codec.encodeActorCommands(requestId, this.#commands);
  }

  answer(message: ServerMessage): Outcome {
    let answers: readonly Answer[];
    if (message.type === "refused") answers = this.#commands.map(() => refusal(message.code));
    else if (message.type === "results" && message.answers.length === this.#commands.length) answers = message.answers;
    else return "mismatch";
    const again = answers.find(({ code }) => isAgainCode(code))?.code;
    if (again !== undefined && isAgainCode(again)) return { question: this, code: again };
    this.pending.resolve(this.#commands.map((command, index) => actorResultOf(command, answers[index] as Answer)));
    return undefined;
  }
}
