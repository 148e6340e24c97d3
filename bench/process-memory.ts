import { readFileSync } from "node:fs";

/**
 * Memory of a process that is not a file's: what is mapped of the journal belongs to the page cache. **Units**: bytes.
 *
 * **Source**: proc_pid_status(5).
 */
export function memoryBytes(pid: number): number {
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
}
