/** `npm run bench`: measures the ledger and, in the same run, the limits of the machine that it is held against. */

import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { formatAgainst, runAgainst } from "./against.ts";
import { ChildGroup } from "./child-group.ts";
import { compare } from "./comparison.ts";
import { judgeGoals } from "./goals.ts";
import { describeMachine } from "./machine.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { formatProfiles } from "./profile.ts";
import { ROW_NAMES, type RowName } from "./row-names.ts";
import { jsonLine, type RowResult } from "./row-result.ts";
import { FULL_PACE, QUICK_PACE, Run, scratchDirectory } from "./run.ts";
import { describeRow, runRows } from "./run-rows.ts";
import { formatGoals, formatRows } from "./table.ts";

async function runAll(run: Run, options: BenchOptions): Promise<RowResult[]> {
  const machine = describeMachine();
  const names = options.only.length === 0 ? ROW_NAMES : ROW_NAMES.filter((name) => options.only.includes(name));
  const valid = new Map<RowName, RowResult>();
  console.log(`Mizan ${machine.commit}, Node ${machine.node}, ${machine.cpu}, ${new Date().toISOString()}`);
  const rows = await runRows(run, names, (row, seconds) => {
    console.log(describeRow(row, seconds));
    if (row.failure !== null) return;
    valid.set(row.name, row);
    if (options.jsonPath !== undefined) appendFileSync(options.jsonPath, `${JSON.stringify(jsonLine(row, machine))}\n`);
  });
  console.log(`\n${formatRows(rows, cpus().length)}\n\n${formatGoals(judgeGoals(valid))}`);
  return rows;
}

/** Runs this version and another one in turns, and says what changed. */
async function runBoth(options: BenchOptions, ref: string): Promise<number> {
  const group = new ChildGroup();
  const directory = scratchDirectory();
  let signalled = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      signalled = true;
      void group.endAll();
    });
  }
  try {
    const root = join(import.meta.dirname, "..");
    console.log(
      `Mizan ${describeMachine().commit} against ${ref}, ${options.rounds} rounds, ${new Date().toISOString()}`,
    );
    const rows = await runAgainst(group, { ...options, root, ref, directory }, ({ name, rate }) =>
      console.log(`${name}: ${compare(rate).ratio.toFixed(2)} of the rate there`),
    );
    console.log(`\n${formatAgainst(rows)}`);
    return 0;
  } catch (error) {
    if (signalled) return 130;
    console.error((error as Error).message);
    return 1;
  } finally {
    await group.endAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (options.against !== undefined) return runBoth(options, options.against);
  if (options.profileDir !== undefined) mkdirSync(options.profileDir, { recursive: true });
  const run = new Run(options.quick ? QUICK_PACE : FULL_PACE, options.profileDir);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void run.end().then(() => process.exit(130)));
  }
  try {
    const rows = await runAll(run, options);
    return rows.some((row) => row.failure !== null) ? 1 : 0;
  } finally {
    await run.end();
    // A profile is written when its process ends.
    if (options.profileDir !== undefined) console.log(`\n${formatProfiles(options.profileDir)}`);
  }
}

process.exitCode = await main();
