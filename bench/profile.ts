import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { formatTable } from "./table.ts";

/** The parts of a V8 processor profile that are read here. **Units**: `timeDeltas` in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface FunctionTime {
  readonly name: string;
  /** Share of the thread's time, waiting included. */
  readonly share: number;
}

/** The functions in which a thread spent most time itself, without what they called. */
export function topFunctions({ nodes, samples, timeDeltas }: CpuProfile, count: number): FunctionTime[] {
  const nameOf = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.split("/").slice(-2).join("/");
      return [id, `${functionName || "(anonymous)"}${file === "" ? "" : ` ${file}:${lineNumber + 1}`}`];
    }),
  );
  const microsOf = new Map<string, number>();
  let total = 0;
  for (const [i, id] of samples.entries()) {
    const name = nameOf.get(id) ?? "(unknown)";
    microsOf.set(name, (microsOf.get(name) ?? 0) + timeDeltas[i]);
    total += timeDeltas[i];
  }
  return [...microsOf]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, micros]) => ({ name, share: micros / total }));
}

const FUNCTIONS_SHOWN = 25;

/** The top functions of every profile in a directory, one table for each thread. */
export function formatProfiles(directory: string): string {
  const files = readdirSync(directory).filter((name) => name.endsWith(".cpuprofile"));
  return files
    .map((file) => {
      const profile = JSON.parse(readFileSync(join(directory, file), "utf8")) as CpuProfile;
      const rows = topFunctions(profile, FUNCTIONS_SHOWN).map(({ name, share }) => [
        `${(100 * share).toFixed(1)} %`,
        name,
      ]);
      return `${file}\n${formatTable(["self", "function"], rows, new Set([0]))}`;
    })
    .join("\n\n");
}
