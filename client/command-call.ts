import type { Codec, ServerLimits } from "./codec.ts";
import { findFault, type NamedCommand } from "./commands.ts";
import { Pending } from "./pending.ts";
import { type CommandResult, type RejectionCode, refusal, resultOf } from "./results.ts";

/** One call of the caller: a single command or a batch, and the results that are there already. */
export class CommandCall {
  readonly commands: readonly NamedCommand[];
  readonly pending: Pending<readonly CommandResult[]>;
  readonly #results: (CommandResult | undefined)[];
  #open: number;

  constructor(commands: readonly NamedCommand[], timeoutMs: number) {
    this.commands = commands;
    this.#results = commands.map(() => undefined);
    this.#open = commands.length;
    this.pending = new Pending(timeoutMs, commands.length, () =>
      commands.filter((_, slot) => this.#results[slot] === undefined).map((command) => command.commandId),
    );
  }

  /** Takes the result of one command; with the last one the call is answered. */
  give(slot: number, result: CommandResult): void {
    if (this.#results[slot] !== undefined) return;
    this.#results[slot] = result;
    this.#open -= 1;
    if (this.#open === 0) this.pending.resolve(this.#results as readonly CommandResult[]);
  }

  /** Answers a command that cannot be sent as the ledger would. */
  #refuse(slot: number, code: RejectionCode): void {
    const command = this.commands[slot];
    if (command !== undefined) this.give(slot, resultOf(command, refusal(code)));
  }

  /**
   * Cuts the call into parts that each fit one message and divide no linked run.
   *
   * Commands that cannot be sent are answered here, with them the rest of their runs.
   */
  divide(codec: Codec, limits: ServerLimits): CommandPart[] {
    const parts: CommandPart[] = [];
    const bytesMax = limits.messageBytesMax - codec.messageOverheadBytes;
    let slots: number[] = [];
    let bytes = 0;
    const endPart = (): void => {
      if (slots.length > 0) parts.push({ call: this, slots, bytes });
      slots = [];
      bytes = 0;
    };
    for (let start = 0; start < this.commands.length; ) {
      const end = runEnd(this.commands, start);
      if (this.#isSendable(start, end)) {
        let runBytes = 0;
        for (const command of this.commands.slice(start, end)) runBytes += codec.commandBytesMax(command);
        if (slots.length + end - start > limits.commandsPerMessageMax || bytes + runBytes > bytesMax) endPart();
        for (let slot = start; slot < end; slot += 1) slots.push(slot);
        bytes += runBytes;
      }
      start = end;
    }
    endPart();
    return parts;
  }

  #isSendable(start: number, end: number): boolean {
    // Left open, the run would be linked to whatever another call adds to the message.
    const isOpen = this.commands[end - 1]?.linked === true;
    const faults = this.commands.slice(start, end).map((command) => (isOpen ? "linked_run_open" : findFault(command)));
    if (faults.every((fault) => fault === undefined)) return true;
    for (const [index, fault] of faults.entries()) this.#refuse(start + index, fault ?? "linked_failed");
    return false;
  }
}

/** Commands of one call that travel in one message, by their places in the call. */
export interface CommandPart {
  readonly call: CommandCall;
  readonly slots: readonly number[];
  readonly bytes: number;
}

/** The place after the last command of the run that begins at a place: a single command, or linked ones. */
export function runEnd(commands: readonly { readonly linked?: boolean }[], start: number): number {
  let end = start + 1;
  while (end < commands.length && commands[end - 1]?.linked === true) end += 1;
  return end;
}
