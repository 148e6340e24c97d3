/** Waits until whoever started it is gone, then ends the processes and removes the directories that it was told of. */

import { readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const GRACE_MS = 5_000;
const START_TIME_FIELD = 19;

interface Left {
  readonly pid: number;
  readonly signal: NodeJS.Signals;
  /** A number is given to another process some day; the time of its start is not. */
  readonly startedAt: string | null;
}

function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : fields[START_TIME_FIELD];
  } catch {
    return null;
  }
}

function runs({ pid, startedAt }: Left): boolean {
  return startedAt !== null && startOf(pid) === startedAt;
}

function kill({ pid }: Left, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in the meantime.
  }
}

const processes: Left[] = [];
const directories: string[] = [];
for await (const line of createInterface(process.stdin)) {
  const [kind, ...words] = line.split(" ");
  if (kind === "directory") directories.push(words.join(" "));
  else
    processes.push({ pid: Number(words[0]), signal: words[1] as NodeJS.Signals, startedAt: startOf(Number(words[0])) });
}
for (const left of processes.filter(runs)) kill(left, left.signal);
const giveUpAtMs = performance.now() + GRACE_MS;
while (processes.some(runs) && performance.now() < giveUpAtMs) await sleep(20);
for (const left of processes.filter(runs)) kill(left, "SIGKILL");
while (processes.some(runs)) await sleep(20);
for (const directory of directories)
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
