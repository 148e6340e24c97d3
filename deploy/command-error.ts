import type { ExitCode } from "./exit-code.ts";

/** Why a command ends early: shown without a stack, with a stable name for scripts. */
export class CommandError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
    this.exitCode = exitCode;
    this.code = code;
  }
}
