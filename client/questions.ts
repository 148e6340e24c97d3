import type { Codec, Payload, ServerMessage } from "./codec.ts";
import { type CommandPart, runEnd } from "./command-call.ts";
import type { Pending } from "./pending.ts";
import { type Answer, refusal, resultOf } from "./results.ts";

/**
 * Why a question is asked again under the same ids: the server has no room now, the command still runs there, its
 * replication does, or another node has to be asked.
 */
export type AgainCode = (typeof AGAIN_CODES)[number];
const AGAIN_CODES = ["overloaded", "shutting_down", "in_progress", "replication_pending", "not_leader"] as const;

/** What is to be asked again, and why; undefined: all is answered. A `mismatch` is no answer to the question at all. */
export type Outcome = { readonly question: Question; readonly code: AgainCode } | "mismatch" | undefined;

/** Whether waiting for a while is all that helps. */
export function isRunning(code: AgainCode): code is "in_progress" | "replication_pending" {
  return code === "in_progress" || code === "replication_pending";
}

/** What is sent in one message and answered by one. */
export interface Question {
  /** Whether anybody still waits for the answer. */
  readonly isWanted: boolean;
  encode(codec: Codec, requestId: number): Payload;
  answer(message: ServerMessage): Outcome;
}

/** Whether a code asks to send the same again. */
export function isAgainCode(code: string): code is AgainCode {
  return (AGAIN_CODES as readonly string[]).includes(code);
}

/** A question with one answer. `read` returns undefined for a message that does not answer it. */
export class Inquiry<T> implements Question {
  readonly pending: Pending<T>;
  readonly encode: (codec: Codec, requestId: number) => Payload;
  readonly #read: (message: ServerMessage) => T | undefined;

  constructor(
    pending: Pending<T>,
    encode: (codec: Codec, requestId: number) => Payload,
    read: (message: ServerMessage) => T | undefined,
  ) {
    this.pending = pending;
    this.encode = encode;
    this.#read = read;
  }

  get isWanted(): boolean {
    return !this.pending.isSettled;
  }

  answer(message: ServerMessage): Outcome {
    if (message.type === "refused" && isAgainCode(message.code)) return { question: this, code: message.code };
    const value = this.#read(message);
    if (value === undefined) return "mismatch";
    this.pending.resolve(value);
    return undefined;
  }
}

/** Commands of one or more calls in one message. */
export class CommandMessage implements Question {
  #parts: readonly CommandPart[];

  constructor(parts: readonly CommandPart[]) {
    this.#parts = parts;
  }

  get isWanted(): boolean {
    return this.#parts.some((part) => !part.call.pending.isSettled);
  }

  encode(codec: Codec, requestId: number): Payload {
    // A call that has given up since is not sent again.
    this.#parts = this.#parts.filter((part) => !part.call.pending.isSettled);
    return codec.encodeCommands(requestId, this.#parts.flatMap(commandsOf));
  }

  answer(message: ServerMessage): Outcome {
    const count = this.#parts.reduce((sum, part) => sum + part.slots.length, 0);
    let answers: readonly Answer[];
    if (message.type === "refused") answers = new Array<Answer>(count).fill(refusal(message.code));
    else if (message.type === "results" && message.answers.length === count) answers = message.answers;
    else return "mismatch";

    const again: CommandPart[] = [];
    let againCode: AgainCode | undefined;
    let at = 0;
    for (const part of this.#parts) {
      const outcome = settlePart(part, answers.slice(at, at + part.slots.length));
      at += part.slots.length;
      if (outcome === undefined) continue;
      again.push(outcome.part);
      if (againCode === undefined || !isRunning(outcome.code)) againCode = outcome.code;
    }
    return againCode === undefined ? undefined : { question: new CommandMessage(again), code: againCode };
  }
}

function commandsOf({ call, slots }: CommandPart) {
  return slots.flatMap((slot) => call.commands[slot] ?? []);
}

/** Gives the call its results; what has to be sent again is returned, in whole runs. */
function settlePart(part: CommandPart, answers: readonly Answer[]): { part: CommandPart; code: AgainCode } | undefined {
  const commands = commandsOf(part);
  const again: number[] = [];
  let code: AgainCode | undefined;
  for (let start = 0; start < commands.length; ) {
    const end = runEnd(commands, start);
    const againCode = answers.slice(start, end).find((answer) => isAgainCode(answer.code))?.code;
    for (let index = start; index < end; index += 1) {
      const slot = part.slots[index] as number;
      const command = commands[index];
      const answer = answers[index];
      if (againCode !== undefined) again.push(slot);
      else if (command !== undefined && answer !== undefined) part.call.give(slot, resultOf(command, answer));
    }
    if (againCode !== undefined && isAgainCode(againCode)) code = againCode;
    start = end;
  }
  return code === undefined ? undefined : { part: { ...part, slots: again }, code };
}
