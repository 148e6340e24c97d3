import { LOAD_EXIT } from "../profiles/load-exit.ts";
import { reportPath, writeWithDirectories } from "../profiles/report/report-file.ts";
import type { Pace } from "../run.ts";
import { runUntilSignal } from "../run-until-signal.ts";
import { FULL_PLAN, QUICK_PLAN, runScaling } from "./run-scaling.ts";
import { scalingPage } from "./scaling-page.ts";
import { scalingResultSchema } from "./scaling-result.ts";

const FULL: Pace = { warmupMs: 1_000, measureMs: 3_000 };
const QUICK: Pace = { warmupMs: 300, measureMs: 700 };

export interface ScalingCommand {
  readonly isQuick: boolean;
  readonly out: string | undefined;
  readonly isJson: boolean;
}

/** `npm run load -- scaling`: writes the result and a page of plots beside it; resolves with the exit code. */
export async function plotScaling({ isQuick, out, isJson }: ScalingCommand): Promise<number> {
  const say = isJson ? console.error : console.log;
  const plan = isQuick ? QUICK_PLAN : FULL_PLAN;
  const found = await runUntilSignal(isQuick ? QUICK : FULL, (run) => runScaling(run, plan, say));
  if (found === null) return LOAD_EXIT.interrupted;
  const result = scalingResultSchema.parse(found);
  const path = out ?? `load-results/scaling-${result.startedAt.replaceAll(/[:.]/g, "-")}.json`;
  const pagePath = reportPath(path);
  writeWithDirectories(path, `${JSON.stringify(result)}\n`);
  writeWithDirectories(pagePath, scalingPage(result));
  console.log(isJson ? JSON.stringify(result) : `\nresult: ${path}\nplots: ${pagePath}`);
  const sweeps = [...result.shards, ...result.connections, ...result.batch, ...result.wallets];
  const areBooksRight = sweeps.every(({ points }) => points.every(({ failure }) => failure === null));
  return areBooksRight ? LOAD_EXIT.ok : LOAD_EXIT.booksDisagree;
}
