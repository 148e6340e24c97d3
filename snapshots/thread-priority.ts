import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";

/**
 * Makes the calling thread give way to others: `niceness` from 0, like everybody, to 19.
 *
 * On Linux a thread has a priority of its own; elsewhere nothing changes.
 */
export function yieldToOthers(niceness: number): void {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), niceness);
  } catch {
    // Where there are no such threads, or the system does not allow it, everything works as before.
  }
}
