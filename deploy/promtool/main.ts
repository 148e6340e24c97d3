/** `npm run promtool -- fetch`: gets promtool, which the tests of metrics and alert rules use. */

import { Command } from "commander";
import { fetchForTests, runTool } from "../run-tool.ts";
import { fetchPromtool } from "./promtool.ts";

const program = new Command("promtool").showHelpAfterError().exitOverride();
program
  .command("fetch")
  .description("Build promtool from its Go modules, once; prints where it is.")
  .option("--if-possible", "where it cannot be built, say why and go on without it")
  .exitOverride()
  .action(({ ifPossible }: { readonly ifPossible?: true }) =>
    fetchForTests("promtool", "promtool", fetchPromtool, ifPossible),
  );

await runTool(program);
