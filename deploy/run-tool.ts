import { type Command, CommanderError } from "commander";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-code.ts";

/** Runs a tool of the project with the arguments of this process: sets its exit code, and tells an error under the tool's name. */
export async function runTool(program: Command): Promise<void> {
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    const isHelp = error instanceof CommanderError && error.exitCode === 0;
    process.exitCode = isHelp ? EXIT.ok : error instanceof CommanderError ? EXIT.usage : EXIT.problems;
    if (!(error instanceof CommanderError)) {
      process.stderr.write(`${program.name()}: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
}

/** Fetches what some tests need and prints where it is; with `ifPossible`, says why it cannot and goes on without it. */
export async function fetchForTests(
  tool: string,
  name: string,
  fetch: (say: (line: string) => void) => Promise<string>,
  ifPossible: true | undefined,
): Promise<void> {
  try {
    process.stdout.write(`${name} is ${await fetch((line) => process.stderr.write(`${line}\n`))}\n`);
  } catch (error) {
    if (ifPossible !== true || !(error instanceof CommandError)) throw error;
    process.stderr.write(`${tool}: ${error.message}; the tests that need it are skipped\n`);
  }
}
