import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import type { Machine } from "./row-result.ts";

/** Commit of the sources, with a plus sign where they were changed since; "unknown" outside a repository. */
function readCommit(): string {
  try {
    const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8", stdio: "pipe" }).trim();
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return git("rev-parse", "--short", "HEAD") + (changed ? "+" : "");
  } catch {
    return "unknown";
  }
}

export function describeMachine(): Machine {
  const [cpu] = cpus();
  return { commit: readCommit(), node: process.version, cpu: `${cpu?.model ?? "unknown"} × ${cpus().length}` };
}
