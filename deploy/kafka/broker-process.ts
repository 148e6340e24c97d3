import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 10;
const GONE_WITHIN_MS = 5_000;

/** The settings of the broker that was started last in a directory; they stand in its command line too. */
export function propertiesPath(dataDir: string): string {
  return join(dataDir, "server.properties");
}

function pidPath(dataDir: string): string {
  return join(dataDir, "broker.pid");
}

/** Notes the process that serves a directory. */
export function writePid(dataDir: string, pid: number): void {
  writeFileSync(pidPath(dataDir), `${pid}\n`);
}

/** The process that serves a directory, if it runs: a process id that went to another program since counts for nothing. */
export function brokerPid(dataDir: string): number | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(pidPath(dataDir), "utf8"));
  } catch {
    return undefined;
  }
  return pid > 0 && commandLine(pid).includes(propertiesPath(dataDir)) ? pid : undefined;
}

function commandLine(pid: number): string {
  if (!existsSync("/proc/self/cmdline")) {
    return spawnSync("ps", ["-ww", "-o", "args=", "-p", String(pid)], { encoding: "utf8" }).stdout ?? "";
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Ends the broker of a directory: it is asked to, and killed when it still runs after a while. */
export async function endBroker(dataDir: string, graceMs: number): Promise<void> {
  const pid = brokerPid(dataDir);
  if (pid !== undefined) {
    const runs = (): boolean => brokerPid(dataDir) !== undefined;
    if (graceMs > 0) {
      signal(pid, "SIGTERM");
      // A frozen one does not hear it before.
      signal(pid, "SIGCONT");
      await until(() => !runs(), graceMs);
    }
    if (runs()) signal(pid, "SIGKILL");
    // Its threads, and the ports that they hold, are there a moment longer than its command line.
    await until(() => !signal(pid, 0), GONE_WITHIN_MS);
  }
  rmSync(pidPath(dataDir), { force: true });
}

/** Sends a signal; false where there is no such process any more. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function until(isSo: () => boolean, withinMs: number): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  while (!isSo() && Date.now() < deadlineMs) await delay(POLL_MS);
}
