import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { collectOutput } from "../child-group.ts";
import { processTreeSeconds } from "./process-tree.ts";

const COMMAND_MS_MAX = 240_000;
const MAIN = join(import.meta.dirname, "../profiles/main.ts");
const directory = mkdtempSync(join(tmpdir(), "mizan-peers-"));
afterAll(() => rmSync(directory, { recursive: true }));

function start(args: readonly string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [MAIN, "peers", ...args], { stdio: "pipe", detached: true });
  return { child, output: collectOutput(child) };
}

async function until<T>(find: () => T | undefined): Promise<T> {
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    await sleep(20);
  }
}

/** Processes of the run, whose directory is in their arguments or their environment. */
function processesIn(scratch: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return ["cmdline", "environ"].some((file) => readFileSync(`/proc/${pid}/${file}`, "latin1").includes(scratch));
      } catch {
        return false;
      }
    });
}

/** The scratch directory of a run, from the environment of the ledger that it started. */
function scratchOf(pid: number): string | undefined {
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) !== pid) continue;
      const [, found] =
        /MIZAN_DATA_DIR=([^\0]+\/bench-[^\0/]+)\//.exec(readFileSync(`/proc/${name}/environ`, "latin1")) ?? [];
      if (found !== undefined) return found;
    } catch {
      // It ended meanwhile.
    }
  }
  return undefined;
}

describe.skipIf(process.platform !== "linux")("what a comparison leaves behind, seen in /proc", () => {
  test.each([
    ["SIGKILL", null],
    ["SIGINT", 130],
    ["SIGTERM", 130],
  ] as const)("nothing after %s", { timeout: COMMAND_MS_MAX }, async (signal, exitCode) => {
    const { child, output } = start(["--only", "mizan", "--out", join(directory, "never.json")]);
    const scratch = await until(() => scratchOf(child.pid ?? 0));
    expect(processesIn(scratch), output()).not.toEqual([]);
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    expect(child.exitCode, output()).toBe(exitCode);
    await until(() => (processesIn(scratch).length === 0 && !existsSync(scratch) ? true : undefined));
    expect(existsSync(join(directory, "never.json"))).toBe(false);
  });
});

test("wrong usage is exit code 2", { timeout: COMMAND_MS_MAX }, async () => {
  const { child, output } = start(["--only", "oracle"]);
  await once(child, "close");
  expect([child.exitCode, output()]).toEqual([2, "no such peer: oracle\n"]);
});

describe.skipIf(process.platform !== "linux")("what a process and its children use", () => {
  test("children count, those that have ended too", { timeout: COMMAND_MS_MAX }, async () => {
    const script = `const { execFileSync } = require("node:child_process");
      execFileSync(process.execPath, ["-e", "for (const end = Date.now() + 300; Date.now() < end; );"]);
      process.stdout.write("done");
      setInterval(() => {}, 1_000);`;
    const parent = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(parent.stdout, "data");
      expect(processTreeSeconds(parent.pid ?? 0)).toBeGreaterThan(0);
    } finally {
      parent.kill("SIGKILL");
      await once(parent, "exit");
    }
    expect(processTreeSeconds(parent.pid ?? 0)).toBeNull();
  });
});
