import { readdirSync, readFileSync } from "node:fs";

/** Linux counts processor time in hundredths of a second. */
const TICKS_PER_SECOND = 100;
const PARENT_FIELD = 1;
const UTIME_FIELD = 11;
/** User and system time of a process, then the same of its children that have ended. */
const TIME_FIELDS = 4;

/** Processor time of a process and all its children since they began; null where the system does not tell. **Source**: proc_pid_stat(5). */
export function processTreeSeconds(root: number): number | null {
  try {
    const stats = new Map(
      readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .map((name) => [Number(name), statFields(Number(name))]),
    );
    const tree = new Set([root]);
    // A set that grows while it is walked is walked to its end.
    for (const parent of tree) {
      for (const [pid, fields] of stats) if (Number(fields?.[PARENT_FIELD]) === parent) tree.add(pid);
    }
    let ticks = 0;
    for (const pid of tree) {
      const fields = stats.get(pid);
      if (fields === undefined || fields === null) throw new Error(`process ${pid} is gone`);
      for (const time of fields.slice(UTIME_FIELD, UTIME_FIELD + TIME_FIELDS)) ticks += Number(time);
    }
    return ticks / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}

/** Fields from the third on, of a process that may end meanwhile. */
function statFields(pid: number): readonly string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}
