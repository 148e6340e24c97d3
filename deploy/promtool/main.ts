/** `npm run promtool -- fetch`: gets promtool, which the tests of metrics and alert rules use. */

import { Command, CommanderError } from "commander";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";
import { fetchPromtool } from "./promtool.ts";

async function fetchTool({ ifPossible }: { readonly ifPossible?: true }): Promise<void> {
  try {
    process.stdout.write(`promtool is ${await fetchPromtool((line) => process.stderr.write(`${line}\n`))}\n`);
  } catch (error) {
    if (ifPossible !== true || !(error instanceof CommandError)) throw error;
    process.stderr.write(`promtool: ${error.message}; the tests that need it are skipped\n`);
  }
}

const program = new Command("promtool").showHelpAfterError().exitOverride();
program
  .command("fetch")
  .description("Build promtool from its Go modules, once; prints where it is.")
  .option("--if-possible", "where it cannot be built, say why and go on without it")
  .exitOverride()
  .action(fetchTool);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  const isHelp = error instanceof CommanderError && error.exitCode === 0;
  process.exitCode = isHelp ? EXIT.ok : error instanceof CommanderError ? EXIT.usage : EXIT.problems;
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`promtool: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
