/** `npm run browser -- fetch|path`: gets a Chromium, with which tests look at the pages that Mizan makes. */

import { Command } from "commander";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";
import { fetchForTests, runTool } from "../run-tool.ts";
import { browserPath, fetchBrowser } from "./chromium.ts";

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
  .action(({ ifPossible }: { readonly ifPossible?: true }) =>
    fetchForTests("browser", "Chromium", fetchBrowser, ifPossible),
  );
program.command("path").description("Print where Chromium is.").exitOverride().action(showPath);

await runTool(program);
