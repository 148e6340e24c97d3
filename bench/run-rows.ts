import type { RowName } from "./row-names.ts";
import type { Measurement, RowResult } from "./row-result.ts";
import { NO_LOAD } from "./row-result.ts";
import { ROWS } from "./rows.ts";
import type { Run } from "./run.ts";

function failed(error: unknown): Measurement {
  const failure = error instanceof Error ? error.message : String(error);
  return { rate: 0, latency: null, ...NO_LOAD, notes: [], failure };
}

async function runRow(run: Run, name: RowName, done: ReadonlyMap<RowName, RowResult>): Promise<RowResult> {
  const { unit, limitName, measure } = ROWS[name];
  const measurement = await measure(run).catch(failed);
  const limit = limitName === null ? undefined : done.get(limitName);
  const ratio = limit === undefined || measurement.failure !== null ? null : measurement.rate / limit.rate;
  return { ...measurement, name, unit, limitName, ratio };
}

/** Runs rows one after the other; a row that fails says so and leaves the others be. */
export async function runRows(
  run: Run,
  names: readonly RowName[],
  onRow: (row: RowResult, seconds: number) => void,
): Promise<RowResult[]> {
  const rows: RowResult[] = [];
  const valid = new Map<RowName, RowResult>();
  for (const name of names) {
    const startedAtMs = performance.now();
    const row = await runRow(run, name, valid);
    rows.push(row);
    if (row.failure === null) valid.set(name, row);
    onRow(row, (performance.now() - startedAtMs) / 1_000);
  }
  return rows;
}

/** What a row came to, in one line. */
export function describeRow({ name, failure, rate, unit }: RowResult, seconds: number): string {
  return `${name}: ${failure ?? `${Math.round(rate).toLocaleString("en-US")} ${unit}`} (${seconds.toFixed(1)} s)`;
}
