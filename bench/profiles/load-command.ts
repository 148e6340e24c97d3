import { rmSync } from "node:fs";
import { unreachable } from "../../protocol/unreachable.ts";
import { ChildGroup } from "../child-group.ts";
import { LastWill } from "../last-will.ts";
import type { LoadResult } from "../load/result.ts";
import { describeMachine } from "../machine.ts";
import { comparePeers } from "../peers/peers-command.ts";
import { jsonLine } from "../row-result.ts";
import { QUICK_PACE, Run, scratchDirectory } from "../run.ts";
import { describeRow, runRows } from "../run-rows.ts";
import { plotScaling } from "../scaling/scaling-command.ts";
import { SUITES } from "../suites.ts";
import { formatMs } from "../table.ts";
import { type Capacity, type Probe, searchCapacity } from "./capacity.ts";
import { compareResults, formatComparison, readResult } from "./compare-results.ts";
import { LiveView } from "./live-view.ts";
import { LOAD_EXIT } from "./load-exit.ts";
import { LOAD_USAGE, type LoadCommand, parseLoadCommand } from "./load-options.ts";
import { remoteOf, settingsGiven, withSettings } from "./load-settings.ts";
import { LoadTarget } from "./load-target.ts";
import { LoadUsageError, type Profile, readProfile } from "./profile.ts";
import { ProfileRun } from "./profile-run.ts";
import { comparePage } from "./report/compare-page.ts";
import { reportPath, writeWithDirectories } from "./report/report-file.ts";
import { reportPage } from "./report/report-page.ts";
import { formatSummary } from "./summary.ts";

/** Each probe of the capacity search. **Units**: seconds. */
const PROBE_WARMUP_SECONDS = 2;
const PROBE_SECONDS = 6;
const CAPACITY_PRECISION = 0.05;
const CAPACITY_PROBES_MAX = 24;
/** A rate holds where this share of it was accepted. */
const CAPACITY_RATE_SHARE = 0.98;
const SEED_MAX = 2 ** 31;

/** `npm run load` and `mizan load`: runs what the arguments say and resolves with the exit code. */
export async function runLoad(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  try {
    const command = parseLoadCommand(args);
    switch (command.command) {
      case "help":
        console.log(LOAD_USAGE);
        return args.length === 0 ? LOAD_EXIT.usage : LOAD_EXIT.ok;
      case "compare":
        return compareFiles(command);
      case "report":
        return makeReport(command);
      case "run":
        return await withSession((session) => runOne(session, command, env));
      case "capacity":
        return await withSession((session) => findCapacity(session, command, env));
      case "peers":
        return await comparePeers(command);
      case "scaling":
        return await plotScaling(command);
      default:
        return unreachable(command);
    }
  } catch (error) {
    if (error instanceof LoadUsageError) {
      console.error(error.message);
      return LOAD_EXIT.usage;
    }
    console.error(`the load failed: ${(error as Error).message}`);
    return LOAD_EXIT.failed;
  }
}

/** The processes and the disk space of one command, which end with it. */
class Session {
  readonly #will = new LastWill();
  readonly group = new ChildGroup(this.#will);
  isInterrupted = false;
  current: ProfileRun | undefined;
  readonly #directories: string[] = [];

  /** An empty directory on the disk under test. */
  directory(): string {
    const directory = scratchDirectory();
    this.#directories.push(directory);
    this.#will.removeDirectory(directory);
    return directory;
  }

  /** The first signal ends the load, which is then still judged; the second one ends everything. */
  interrupt(): void {
    if (this.isInterrupted || this.current === undefined)
      void this.end().then(() => process.exit(LOAD_EXIT.interrupted));
    this.isInterrupted = true;
    this.current?.stop();
  }

  async end(): Promise<void> {
    await this.group.endAll();
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true });
    this.#will.close();
  }
}

async function withSession(use: (session: Session) => Promise<number>): Promise<number> {
  const session = new Session();
  const onSignal = (): void => session.interrupt();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  try {
    const code = await use(session);
    return session.isInterrupted ? LOAD_EXIT.interrupted : code;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
    await session.end();
  }
}

async function runOne(
  session: Session,
  { profile: name, out, withSuite, isJson }: Extract<LoadCommand, { command: "run" }>,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const profile = withSettings(readProfile(name), env);
  const target = await LoadTarget.open(session.group, profile, remoteOf(env), () => session.directory());
  // Standard output is the result's where it is asked for as JSON.
  const view = new LiveView(profile, isJson ? process.stderr : process.stdout);
  const seed = Math.floor(Math.random() * SEED_MAX);
  const run = new ProfileRun({ ...session, profile, target, seed, onInterval: (interval) => view.show(interval) });
  session.current = run;
  const found = await run.run();
  session.current = undefined;
  await target.close();
  const suite = withSuite && !session.isInterrupted ? await runSuite(profile, isJson) : [];
  const environment = { ...found.environment, settings: settingsGiven(env) };
  const result: LoadResult = { ...found, environment, suite };
  const path = out ?? `load-results/${profile.name}-${result.startedAt.replaceAll(/[:.]/g, "-")}.json`;
  const report = reportPath(path);
  writeWithDirectories(path, `${JSON.stringify(result)}\n`);
  writeWithDirectories(report, reportPage(result));
  console.log(isJson ? JSON.stringify(result) : `\n${formatSummary(result)}\nresult: ${path}\nreport: ${report}`);
  return exitCodeOf(result);
}

function exitCodeOf({ verdict }: LoadResult): number {
  switch (verdict) {
    case "passed":
      return LOAD_EXIT.ok;
    case "thresholds_missed":
      return LOAD_EXIT.failed;
    case "books_disagree":
      return LOAD_EXIT.booksDisagree;
    default:
      return unreachable(verdict);
  }
}

/** Runs the closed-loop rows of a profile on ledgers of their own. */
async function runSuite(profile: Profile, isJson: boolean): Promise<LoadResult["suite"]> {
  const run = new Run(QUICK_PACE, undefined);
  const say = isJson ? console.error : console.log;
  try {
    const rows = await runRows(run, SUITES[profile.suite], (row, seconds) => say(describeRow(row, seconds)));
    const machine = describeMachine();
    return rows.filter(({ failure }) => failure === null).map((row) => jsonLine(row, machine));
  } finally {
    await run.end();
  }
}

function compareFiles({ files, html, isJson }: Extract<LoadCommand, { command: "compare" }>): number {
  const results = files.map(readResult);
  const [a, b] = [0, 1].map((remainder) => results.filter((_, at) => at % 2 === remainder));
  const comparison = compareResults(a, b);
  console.log(isJson ? JSON.stringify(comparison) : formatComparison(comparison));
  if (html === undefined) return LOAD_EXIT.ok;
  writeWithDirectories(html, comparePage(a, b));
  if (!isJson) console.log(`report: ${html}`);
  return LOAD_EXIT.ok;
}

/** Makes the report of a result again. */
function makeReport({ file, out, isJson }: Extract<LoadCommand, { command: "report" }>): number {
  const path = out ?? reportPath(file);
  writeWithDirectories(path, reportPage(readResult(file)));
  console.log(isJson ? JSON.stringify({ report: path }) : `report: ${path}`);
  return LOAD_EXIT.ok;
}

async function findCapacity(
  session: Session,
  command: Extract<LoadCommand, { command: "capacity" }>,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { p99Ms, fromRate, rateMax, isJson } = command;
  const profile = withSettings(readProfile(command.profile), env);
  const target = await LoadTarget.open(session.group, profile, remoteOf(env), () => session.directory());
  const say = isJson ? console.error : console.log;
  let disagreement: string | undefined;
  const probe = async (ratePerSecond: number): Promise<Probe> => {
    const found = await probeRate(session, probeProfile(profile, ratePerSecond, p99Ms), target);
    disagreement = found.books.checks.find(({ agrees }) => !agrees)?.detail;
    if (disagreement !== undefined || session.isInterrupted) throw new Error(disagreement ?? "stopped");
    const reason = reasonOf(found);
    say(`${Math.round(ratePerSecond).toLocaleString("en-US")}/s: ${reason}`);
    return { ratePerSecond, holds: found.verdict === "passed", reason };
  };
  const bounds = { fromRate, rateMax, precision: CAPACITY_PRECISION, probesMax: CAPACITY_PROBES_MAX };
  let capacity: Capacity;
  try {
    capacity = await searchCapacity(probe, bounds);
  } catch (error) {
    if (disagreement === undefined) throw error;
    console.error(`the books do not agree: ${disagreement}`);
    return LOAD_EXIT.booksDisagree;
  } finally {
    await target.close();
  }
  const rate = Math.round(capacity.ratePerSecond).toLocaleString("en-US");
  const text = capacity.isBounded ? `${rate} commands a second` : `at least ${rate} commands a second`;
  console.log(
    isJson ? JSON.stringify({ p99Ms, ...capacity }) : `\np99 ≤ ${p99Ms} ms holds up to ${text} (${profile.name})`,
  );
  return capacity.ratePerSecond > 0 ? LOAD_EXIT.ok : LOAD_EXIT.failed;
}

async function probeRate(session: Session, profile: Profile, target: LoadTarget): Promise<LoadResult> {
  const seed = Math.floor(Math.random() * SEED_MAX);
  const run = new ProfileRun({ ...session, profile, target, seed, onInterval: () => {} });
  session.current = run;
  try {
    return await run.run();
  } finally {
    session.current = undefined;
  }
}

/** A profile's mix and clients at one steady rate. */
function probeProfile(profile: Profile, ratePerSecond: number, p99Ms: number): Profile {
  const connections = Math.max(...profile.stages.map((stage) => stage.connections));
  const stage = { ratePerSecond, connections, ramp: "step" } as const;
  return {
    ...profile,
    stages: [
      { ...stage, name: "warm-up", durationSeconds: PROBE_WARMUP_SECONDS, measured: false },
      { ...stage, name: "probe", durationSeconds: PROBE_SECONDS, measured: true },
    ],
    thresholds: { p99Ms, errorRate: profile.thresholds.errorRate ?? 0, rateShare: CAPACITY_RATE_SHARE },
  };
}

function reasonOf({ verdict, latency, totals, generator }: LoadResult): string {
  const bound = generator.isBottleneck ? ", generator-bound" : "";
  const figures = `p99 ${formatMs(latency?.p99Ms) || "–"} ms, ${Math.round(totals.acceptedPerSecond)}/s accepted${bound}`;
  return `${verdict === "passed" ? "holds" : "does not hold"}: ${figures}`;
}
