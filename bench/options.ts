import { parseArgs } from "node:util";
import { isRowName, ROW_NAMES, type RowName } from "./row-names.ts";
import { SUITE_NAMES, SUITES } from "./suites.ts";

export interface BenchOptions {
  /** Shorter windows, so that the whole run takes less than 90 seconds. */
  readonly quick: boolean;
  /** File to append JSON lines to. */
  readonly jsonPath: string | undefined;
  /** The rows to run; all where none is named. */
  readonly only: readonly RowName[];
  /** Directory for processor profiles of the server; undefined: none are taken. */
  readonly profileDir: string | undefined;
  /** Commit of another version to run in turns with this one; undefined: this one is run alone. */
  readonly against: string | undefined;
  /** How often each row of each version is run then. */
  readonly rounds: number;
}

const ROUNDS_MAX = 100;

export const USAGE = `usage: npm run bench -- [--quick] [--json FILE] [--only ROW,ROW | --suite SUITE] [--profile DIR]
       npm run bench -- --against GIT_REF [--rounds N] [--quick] [--only ROW,ROW | --suite SUITE]
rows: ${ROW_NAMES.join(", ")}
suites: ${SUITE_NAMES.join(", ")}`;

/** Reads the command line. **Errors**: throws with a sentence for the user. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      only: { type: "string" },
      suite: { type: "string" },
      profile: { type: "string" },
      against: { type: "string" },
      rounds: { type: "string" },
    },
  });
  const only = (values.only ?? "").split(",").filter((name) => name !== "");
  const unknown = only.filter((name) => !isRowName(name));
  if (unknown.length > 0) throw new Error(`no such row: ${unknown.join(", ")}`);
  const suite = SUITE_NAMES.find((name) => name === values.suite);
  if (values.suite !== undefined && suite === undefined) throw new Error(`no such suite: ${values.suite}`);
  if (suite !== undefined && values.only !== undefined) throw new Error("--only does not go with --suite");
  const { against, rounds = "6" } = values;
  if (against === undefined && values.rounds !== undefined) throw new Error("--rounds goes with --against only");
  if (against !== undefined && (values.json ?? values.profile) !== undefined)
    throw new Error("--json and --profile do not go with --against");
  if (!/^[1-9]\d{0,2}$/.test(rounds) || Number(rounds) > ROUNDS_MAX)
    throw new Error(`--rounds is a number from 1 to ${ROUNDS_MAX}`);
  return {
    quick: values.quick,
    jsonPath: values.json,
    only: suite === undefined ? only.filter(isRowName) : SUITES[suite],
    profileDir: values.profile,
    against,
    rounds: Number(rounds),
  };
}
