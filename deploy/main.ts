/** The `mizan` command: reads the command line and hands over to the file of the subcommand. */

import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { StartError, type StartErrorCode } from "../gateway/start-error.ts";
import { backup } from "./backup.ts";
import { CommandError } from "./command-error.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { exportEvents } from "./export.ts";
import { importEvents } from "./import.ts";
import { inspect } from "./inspect.ts";
import { load } from "./load.ts";
import { promote } from "./promote.ts";
import { rebuild } from "./rebuild.ts";
import { reshard } from "./reshard.ts";
import { restore } from "./restore.ts";
import { start } from "./start.ts";
import { tail } from "./tail.ts";
import { verify } from "./verify.ts";

const EXIT_CODES = `
Exit codes:
  0    done, and nothing is wrong
  1    problems were found, or the work could not be done
  2    the command line, a setting or a given file is wrong; nothing was done
  3    another process uses the data directory
  130  stopped by a signal`;

const POINT = `
A point is a time (2026-11-21T10:00:00Z, or milliseconds since the epoch) or a position of each shard (0:512,1:498).`;

const LOAD_HELP = `
  4    load: the books do not agree
\`mizan load\` without arguments tells all of its arguments. Settings are environment variables MIZAN_LOAD_*; README.md
lists them.`;

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const mizan = new Command("mizan")
    .description("Runs and looks after a Mizan ledger.")
    .version(version)
    .showHelpAfterError("(mizan COMMAND --help says more)")
    .exitOverride();
  const command = (usage: string, description: string): Command =>
    mizan
      .command(usage)
      .description(description)
      .option("--json", "print the result as one JSON object")
      .addHelpText("after", EXIT_CODES)
      .exitOverride();

  command("start", "Serve a ledger until SIGTERM or SIGINT.")
    .argument("[dir]", "data directory; without it MIZAN_DATA_DIR, else ./data")
    .addHelpText("after", "\nSettings are environment variables MIZAN_*; README.md lists them.")
    .action(start);

  command("verify", "Check every checksum, the chain of hashes, and that all balances follow from the journal.")
    .argument("<dir>", "data directory, in use or not, or a backup")
    .action(verify);

  command("inspect", "Show what is in a data directory, or one frame, record or wallet of it.")
    .argument("<dir>", "data directory, in use or not")
    .argument("[what]", "frame, record or wallet")
    .argument("[which]", "position of the frame or record (0:512), or id of the wallet")
    .action(inspect);

  command("backup", "Copy a ledger, running or not, up to a consistent cut; a second run copies only what is new.")
    .argument("<dir>", "data directory")
    .argument("<backup>", "directory of the backup; empty, or one to go on with")
    .option("--keys <file>", "copy the keys of persons into a file of their own; without it they are not copied")
    .action(backup);

  command("restore", "Make a data directory from a backup, to its end or to an earlier point.")
    .argument("<backup>", "directory of the backup")
    .argument("<dir>", "data directory to make; it must not exist, or be empty")
    .option("--at <point>", "restore nothing after a time or positions")
    .option("--keys <file>", "take the keys of persons from a file; without it nobody can be read")
    .addHelpText("after", POINT)
    .action(restore);

  command(
    "rebuild",
    "Make a data directory from the log in Kafka, alone or from a backup on, after a machine was lost.",
  )
    .argument("<dir>", "data directory to make; it must not exist, or be empty")
    .requiredOption("--from-kafka [brokers]", "host:port, separated by commas; without them MIZAN_KAFKA_BROKERS")
    .option("--backup <dir>", "begin with a backup, and read the log from there on")
    .addHelpText(
      "after",
      "\nThe topic and how to reach the brokers are settings MIZAN_JOURNAL_TOPIC and MIZAN_KAFKA_*.",
    )
    .action(rebuild);

  command("reshard", "Write a stopped ledger anew for another number of shards; ids, balances and history stay.")
    .argument("<dir>", "data directory, which is left as it is")
    .requiredOption("--shards <n>", "number of shards of the new ledger")
    .requiredOption("--to <dir>", "data directory to make; it must not exist, or be empty")
    .action(reshard);

  command("export", "Write what happened as JSON lines: one event a line, of all shards, causes before effects.")
    .argument("<dir>", "data directory, in use or not")
    .option("--out <file>", "write to a file instead of standard output")
    .option("--from <point>", "leave out what happened before a time or positions")
    .option("--to <point>", "leave out what happened after a time or positions")
    .addHelpText("after", POINT)
    .action(exportEvents);

  command("promote", "Have a standby lead, after the leader has handed over.")
    .argument("<url>", "the standby, such as http://127.0.0.1:7071")
    .option("--force", "pass over a leader that cannot be asked; what only it has is lost")
    .addHelpText("after", "\nMIZAN_ADMIN_KEY holds the API key of an admin.")
    .action(promote);

  command("tail", "Write what was cut off a journal, because no log had it, as JSON lines.")
    .argument("<file>", "unreplicated-….frames, as it lies beside the journal")
    .option("--of <dir>", "data directory of the ledger; without it, the one that the file lies in")
    .option("--out <file>", "write to a file instead of standard output")
    .action(tail);

  command("load", "Drive a ledger as a load profile says, and judge latencies, errors and books.")
    .argument(
      "[args...]",
      "a profile (smoke, load, stress, spike, soak, connections, or a file), report, compare, capacity, peers or scaling",
    )
    .addHelpText("after", LOAD_HELP)
    .allowUnknownOption()
    .action(load);

  command("import", "Make a ledger from an export, or from wallets with opening balances.")
    .argument("<file>", "JSON lines")
    .argument("<dir>", "data directory to make; it must not exist, or be empty")
    .option("--shards <n>", "number of shards; without it, as many as the export had, or MIZAN_SHARDS, or 1")
    .option("--keys <file>", "take the keys of persons from a file; without it nobody can be read")
    .action(importEvents);

  return mizan;
}

const START_EXIT: Readonly<Record<StartErrorCode, ExitCode>> = {
  config_invalid: EXIT.usage,
  data_dir_locked: EXIT.inUse,
  data_dir_unwritable: EXIT.problems,
  engine_failed: EXIT.problems,
  history_incomplete: EXIT.problems,
  host_unavailable: EXIT.problems,
  kafka_ca_unreadable: EXIT.usage,
  node_file_damaged: EXIT.problems,
  personal_data_key_wrong: EXIT.usage,
  port_in_use: EXIT.problems,
  replication_gap: EXIT.problems,
  seed_failed: EXIT.problems,
  seed_refused: EXIT.problems,
};

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof StartError) return START_EXIT[error.code];
  return EXIT.problems;
}

/** Tells a failure: on standard error for people, as the one JSON object on standard output for programs. */
function tell(error: unknown): void {
  if (error instanceof CommanderError) return;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof CommandError || error instanceof StartError ? error.code : "failed";
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ command: process.argv[2], ok: false, error: { code, message } })}\n`);
  } else {
    process.stderr.write(`mizan: ${message}\n`);
  }
}

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.problems);
});

try {
  await program().parseAsync(process.argv);
} catch (error) {
  tell(error);
  process.exitCode = exitCodeOf(error);
}
