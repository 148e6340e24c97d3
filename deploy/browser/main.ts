/** `npm run browser -- fetch|path`: gets a Chromium, with which tests look at the pages that Mizan makes. */

import { Command, CommanderError } from "commander";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";
import { browserPath, fetchBrowser } from "./chromium.ts";

async function fetchAll({ ifPossible }: { readonly ifPossible?: true }): Promise<void> {
  try {
    process.stdout.write(`Chromium is ${await fetchBrowser((line) => process.stderr.write(`${line}\n`))}\n`);
  } catch (error) {
    if (ifPossible !== true || !(error instanceof CommandError)) throw error;
    process.stderr.write(`browser: ${error.message}; the tests that need it are skipped\n`);
  }
}

function showPath(): void {
  const path = browserPath();
  if (path === undefined) {
    throw new CommandError(EXIT.problems, "browser_missing", "there is no Chromium yet: npm run browser -- fetch");
  }
  process.stdout.write(`${path}\n`);
}

const program = new Command("browser").showHelpAfterError().exitOverride();
program
  .command("fetch")
  .description("Fetch Chromium with npm where none is installed, once; prints where it is.")
  .option("--if-possible", "where it cannot be fetched, say why and go on without it")
  .exitOverride()
  .action(fetchAll);
program.command("path").description("Print where Chromium is.").exitOverride().action(showPath);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  const isHelp = error instanceof CommanderError && error.exitCode === 0;
  process.exitCode = isHelp ? EXIT.ok : error instanceof CommanderError ? EXIT.usage : EXIT.problems;
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`browser: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
