import { readFileSync } from "node:fs";
import type { ServerCpu } from "./workload.ts";

/** Linux counts processor time in hundredths of a second. */
const TICK_MS = 10;
const UTIME_FIELD = 11;
const STIME_FIELD = 12;

function timeMs(path: string): number {
  const stat = readFileSync(path, "latin1");
  // The name of the thread may hold spaces, so fields are counted from after its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[UTIME_FIELD]) + Number(fields[STIME_FIELD])) * TICK_MS;
}

/** Processor time of a process since it began: its main thread's, and all others'. Null where the system does not tell. */
function processTimesMs(pid: number): { mainMs: number; otherMs: number } | null {
  try {
    const mainMs = timeMs(`/proc/${pid}/task/${pid}/stat`);
    // The time of the process, which keeps that of threads which have ended.
    return { mainMs, otherMs: timeMs(`/proc/${pid}/stat`) - mainMs };
  } catch {
    return null;
  }
}

/** Begins to watch a process; the function returned tells how many cores it has used since. */
export function watchServerCpu(pid: number): () => ServerCpu | null {
  const before = processTimesMs(pid);
  const startedAtMs = performance.now();
  return () => {
    const after = processTimesMs(pid);
    const elapsedMs = performance.now() - startedAtMs;
    if (before === null || after === null) return null;
    return {
      mainCores: (after.mainMs - before.mainMs) / elapsedMs,
      otherCores: (after.otherMs - before.otherMs) / elapsedMs,
    };
  };
}
