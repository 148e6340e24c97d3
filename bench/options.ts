import { parseArgs } from "node:util";
import { isRowName, ROW_NAMES, type RowName } from "./row-names.ts";

export interface BenchOptions {
  /** Shorter windows, so that the whole run takes less than 90 seconds. */
  readonly quick: boolean;
  /** File to append JSON lines to. */
  readonly jsonPath: string | undefined;
  /** The rows to run; all where none is named. */
  readonly only: readonly RowName[];
  /** Directory for processor profiles of the server; undefined: none are taken. */
  readonly profileDir: string | undefined;
}

export const USAGE = `usage: npm run bench -- [--quick] [--json FILE] [--only ROW,ROW] [--profile DIR]
rows: ${ROW_NAMES.join(", ")}`;

/** Reads the command line. **Errors**: throws with a sentence for the user. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      only: { type: "string" },
      profile: { type: "string" },
    },
  });
  const only = (values.only ?? "").split(",").filter((name) => name !== "");
  const unknown = only.filter((name) => !isRowName(name));
  if (unknown.length > 0) throw new Error(`no such row: ${unknown.join(", ")}`);
  return {
    quick: values.quick,
    jsonPath: values.json,
    only: only.filter(isRowName),
    profileDir: values.profile,
  };
}
