import { parseArgs } from "node:util";
import { PEER_NAMES, type PeerName } from "../peers/peers-result.ts";
import { LoadUsageError, PROFILE_NAMES } from "./profile.ts";

/** What the command line asks for. */
export type LoadCommand =
  | {
      readonly command: "run";
      readonly profile: string;
      readonly out: string | undefined;
      readonly withSuite: boolean;
      readonly isJson: boolean;
    }
  | {
      readonly command: "compare";
      readonly files: readonly string[];
      readonly html: string | undefined;
      readonly isJson: boolean;
    }
  | { readonly command: "report"; readonly file: string; readonly out: string | undefined; readonly isJson: boolean }
  | {
      readonly command: "capacity";
      readonly profile: string;
      readonly p99Ms: number;
      readonly fromRate: number;
      readonly rateMax: number;
      readonly isJson: boolean;
    }
  | ComparisonCommand
  | { readonly command: "help" };

/** A run of closed loops with servers of its own. */
type ComparisonCommand = {
  readonly isQuick: boolean;
  readonly out: string | undefined;
  readonly isJson: boolean;
} & ({ readonly command: "peers"; readonly only: readonly PeerName[] } | { readonly command: "scaling" });

const RATE_MAX = 5_000_000;
const FROM_RATE = 1_000;
/** What goes with each command that is no profile. */
const OPTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ["compare", ["html"]],
  ["report", ["out"]],
  ["capacity", ["p99", "profile", "from", "max"]],
  ["peers", ["quick", "only", "out"]],
  ["scaling", ["quick", "out"]],
]);

export const LOAD_USAGE = `usage: npm run load -- PROFILE [--out FILE] [--suite] [--json]
       npm run load -- report RESULT.json [--out FILE.html]
       npm run load -- compare A.json B.json [A2.json B2.json …] [--html FILE.html] [--json]
       npm run load -- capacity --p99 10ms [--profile PROFILE] [--from RATE] [--max RATE] [--json]
       npm run load -- peers [--quick] [--only ${PEER_NAMES.join(",")}] [--out FILE] [--json]
       npm run load -- scaling [--quick] [--out FILE] [--json]
PROFILE: ${PROFILE_NAMES.join(", ")}, or a file like bench/profiles/load.json
--out    where the result goes, with its report as .html beside it; without it load-results/PROFILE-TIME.json
--html   where the comparison goes as a page
--suite  runs the profile's rows of npm run bench, too
--quick  shorter windows
--json   prints the result alone, on one line
exit codes: 0 all held, 1 a threshold was missed or the run failed, 2 wrong usage, 4 the books do not agree, 130 stopped`;

/** Reads the command line. **Errors**: `LoadUsageError`. */
export function parseLoadCommand(args: readonly string[]): LoadCommand {
  const { values, positionals } = parse(args);
  const [first, ...rest] = positionals;
  if (values.help || first === undefined) return { command: "help" };
  const isJson = values.json;
  const allowed = OPTIONS.get(first) ?? ["out", "suite"];
  for (const name of ["out", "suite", "html", "p99", "profile", "from", "max", "quick", "only"] as const) {
    const isGiven = values[name] !== undefined && values[name] !== false;
    if (isGiven && !allowed.includes(name)) throw new LoadUsageError(`--${name} does not go with ${first}`);
  }
  if (first === "compare") {
    if (rest.length < 2 || rest.length % 2 === 1)
      throw new LoadUsageError("compare takes pairs of files: A.json B.json …");
    return { command: "compare", files: rest, html: values.html, isJson };
  }
  if (first === "report") {
    if (rest.length !== 1) throw new LoadUsageError("report takes the file of a result: report RESULT.json");
    return { command: "report", file: rest[0], out: values.out, isJson };
  }
  if (rest.length > 0) throw new LoadUsageError(`what is ${rest.join(" ")}?`);
  const comparison = { isQuick: values.quick, out: values.out, isJson };
  if (first === "peers") return { command: "peers", only: peersOf(values.only), ...comparison };
  if (first === "scaling") return { command: "scaling", ...comparison };
  if (first !== "capacity") return { command: "run", profile: first, out: values.out, withSuite: values.suite, isJson };
  if (values.p99 === undefined) throw new LoadUsageError("capacity needs --p99, such as --p99 10ms");
  const fromRate = rateOf("from", values.from, FROM_RATE);
  const rateMax = rateOf("max", values.max, RATE_MAX);
  if (fromRate > rateMax) throw new LoadUsageError("--from is above --max");
  return {
    command: "capacity",
    profile: values.profile ?? "load",
    p99Ms: millisecondsOf(values.p99),
    fromRate,
    rateMax,
    isJson,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        out: { type: "string" },
        suite: { type: "boolean", default: false },
        html: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        p99: { type: "string" },
        profile: { type: "string" },
        from: { type: "string" },
        max: { type: "string" },
        quick: { type: "boolean", default: false },
        only: { type: "string" },
      },
    });
  } catch (error) {
    throw new LoadUsageError((error as Error).message);
  }
}

function peersOf(text: string | undefined): readonly PeerName[] {
  const names = (text ?? "").split(",").filter((name) => name !== "");
  const found = PEER_NAMES.filter((name) => names.includes(name));
  const unknown = names.filter((name) => !found.some((known) => known === name));
  if (unknown.length > 0) throw new LoadUsageError(`no such peer: ${unknown.join(", ")}`);
  return found;
}

function rateOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const rate = Number(text);
  if (!(rate >= 1 && rate <= RATE_MAX)) throw new LoadUsageError(`--${name} is a rate a second from 1 to ${RATE_MAX}`);
  return rate;
}

/** `10ms`, `2.5ms`, `1s`, or a bare number of milliseconds. */
function millisecondsOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * (match[2] === "s" ? 1_000 : 1);
  if (ms <= 0) throw new LoadUsageError(`--p99 is a time such as 10ms, not ${text}`);
  return ms;
}
